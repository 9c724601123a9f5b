"""Autoencoder, on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/autoencoder --workdir=runs/a
Hardware: 2 CPU cores, 6 minutes beside other work
Result:   mean squared error on 197 validation tracks: 0.634 [0.596, 0.673].

What gtzan_mel3/autoencoder_reuse begins with. Input and recipe are ours, and not those for audio
(zoo/autoencoder).
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
    config.classification_weight = 0.0
    config.monitor = "auxiliary_loss"

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
