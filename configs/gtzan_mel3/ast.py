"""Small AST, after Gong et al. 2021 (2104.01778), on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/ast --workdir=runs/a
Hardware: 2 CPU cores, 7 CPU minutes
Result:   197 validation tracks: accuracy 0.360 [0.294, 0.426], scored once after the
          last step (evaluate --split=validation).

One run with the toolkit's defaults, and no choice made on the validation tracks. Trained from
nothing on 443 clips, a transformer falls behind the convolutional networks beside this file. Input
and recipe are ours, and not those for audio (zoo/ast): no warm-up into a cosine, no masks.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_mel3"
    config.sample_rate = 0
    config.clip_samples = 130  # frames, all there are: 22,050 Hz, hop 512

    config.frontend.name = "precomputed"
    config.frontend.kwargs = {"preset": "gtzan_mel3"}
    config.model.name = "ast"

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
