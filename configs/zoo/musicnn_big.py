"""musicnn, wider, Pons and Serra 2019 (1909.06654): 512 channels over time, 500 dense units.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
          mgr-jax train --config=zoo/musicnn_big --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_musicnn.py::test_kernels_are_as_high_as_their_share_of_the_bins

The recipe is the authors' (github.com/jordipons/musicnn-training): Adam, batch, rate and its
halving, L2 of the kernels, one random patch per track and pass, 600 passes, the lowest validation
loss. Their 75 stale passes need not be in a row; here they are.
Theirs, MSD_musicnn_big, was for 50 tags of the Million Song Dataset.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 16_000
    config.clip_samples = 186 * 256  # 3 s, 187 frames
    config.short_clip = "repeat"

    config.frontend.name = "musicnn"
    config.input_norm = "none"  # the network has its own
    config.model.name = "musicnn"
    config.model.kwargs = {"midend": 512, "dense_units": 500}

    config.batch_size = 32
    config.num_steps = 8400  # 600 passes
    config.optimizer.name = "adam"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.l2 = 5e-6  # TensorFlow's l2_loss, of which they take 1e-5, is half the sum of squares
    config.plateau = {"factor": 0.5, "patience": 75, "min_delta": 0.0}
    config.monitor = "log_loss"
    config.eval_every = 14  # one pass
    return config
