"""An autoencoder's encoder, trained on, on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/autoencoder --workdir=runs/reconstruction
          mgr-jax train --config=gtzan_mel3/autoencoder_reuse --workdir=runs/a \
              --config.init_from=runs/reconstruction
Hardware: 2 CPU cores, 2 CPU minutes
Result:   197 validation tracks: accuracy 0.462 [0.386, 0.533]; without --config.init_from
          0.462 [0.391, 0.533], a paired difference of 0.000 [-0.056, 0.056]; scored once after
          the last step (evaluate --split=validation).

One run each with the toolkit's defaults, and no choice made on the validation tracks. Learning
first to reconstruct the same 443 clips brings nothing. Input and recipe are ours, and not those for
audio (zoo/autoencoder_reuse).
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
    config.model.name = "autoencoder"
    config.model.kwargs = {"dropout": 0.3}
    config.auxiliary_weight = 0.0

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
