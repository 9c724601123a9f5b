"""CRNN of Choi et al. 2016, 0.1 M parameters, on log-mel pictures of 218 bins and 336 frames.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel30 \
              --splits=fault_filtered --frame_rate=11.2
          mgr-jax train --config=gtzan_mel30/choi_crnn --workdir=runs/mel30
Hardware: 2 CPU cores, 5.3 CPU minutes
Result:   197 validation tracks: accuracy 0.558 [0.492, 0.629], scored once after the last step
          (--config.eval_every=600, evaluate --split=validation --checkpoint=latest).

Input and recipe are ours, and not those of the paper (zoo/choi_crnn).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_mel30"
    config.sample_rate = 0
    config.clip_samples = 168  # frames, 15 s: two of them cover a picture

    config.frontend.name = "precomputed"
    # One bin and 21 steps of 0.7 s remain.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 4), (2, 4), (2, 4), (1, 3))}

    config.batch_size = 16
    config.num_steps = 600
    config.optimizer.learning_rate = 3e-3
    config.eval_every = 100
    return config
