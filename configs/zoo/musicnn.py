"""musicnn, Pons and Serra 2019 (1909.06654): convolutions shaped for timbre and for tempo.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
          mgr-jax train --config=zoo/musicnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_musicnn.py::test_released_weights_give_the_published_tags

The recipe is the authors' (github.com/jordipons/musicnn-training): Adam, batch, rate and its
halving, L2 of the kernels, one random patch per track and pass, 600 passes, the lowest validation
loss. Their 75 stale passes need not be in a row; here they are.
Published with the weights, for 50 tags: ROC-AUC 0.9067, PR-AUC 0.3831 on MagnaTagATune; 0.8802,
0.2891 on the Million Song Dataset.
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
