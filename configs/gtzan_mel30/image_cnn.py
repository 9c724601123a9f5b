"""CNN k2c2 of Choi et al. 2016 on whole mel pictures of 30 s, 218 bins and 336 frames, as an image.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel30 \
              --splits=stratified --frame_rate=11.2
          mgr-jax train --config=gtzan_mel30/image_cnn --workdir=runs/a \
              --config.protocol.name=fault_filtered
Hardware: 2 CPU cores, 14 CPU minutes
Result:   197 validation tracks: accuracy 0.523 [0.452, 0.594]; in a seeded 80/20 split of all 709
          clips by row_random (LEAKS; --config.protocol.parts=2) 0.648 [0.572, 0.724] of 145 (first
          version of the data, with four copies of test tracks; the same clips are train and valid).

Scored once after the last step (evaluate --split=validation). Input and recipe are ours, and not
those of the paper (zoo/choi_k2c2).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_mel30"
    config.sample_rate = 0
    config.clip_samples = 336  # frames: the whole picture

    config.frontend.name = "precomputed"
    config.model.name = "choi_k2c2"
    # Two bins and 3 steps of 9 s remain.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 2), (3, 3), (4, 4))}

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    config.optimizer.learning_rate = 3e-3
    return config
