"""CfC, Hasani et al. 2022 (2106.13898), on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/cfc --workdir=runs/a
Hardware: 2 CPU cores, 1.2 minutes
Result:   197 validation tracks: accuracy 0.467 [0.396, 0.538], scored once after the
          last step (evaluate --split=validation).

One run with the toolkit's defaults, and no choice made on the validation tracks. Input and recipe
are ours, and not those for audio (zoo/cfc).
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
    config.model.name = "cfc"

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
