"""FCN: Choi et al. 2016 (1606.00298), as trained by Won et al. 2020 (2006.00751): five 3x3 layers.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
          mgr-jax train --config=zoo/fcn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_won2020.py::test_released_weights_give_the_published_tags

The recipe is the authors' (github.com/minzwon/sota-music-tagging-models): 80 passes over the tracks
with Adam, then 20, 20 and 80 with SGD, each from the weights of the lowest validation loss; batch,
rates and the 16 chunks of a scored track too. Theirs was for 50 tags of MagnaTagATune; its L2
also holds biases and norms, its momentum outlives a change of rate, and every pass is evaluated,
not every fifth.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 16_000
    config.clip_samples = 464_000  # 29 s
    config.eval_segments = 16

    config.frontend.name = "won2020_96"
    config.input_norm = "none"  # the network has its own
    config.model.name = "fcn"

    config.batch_size = 16
    config.num_steps = 5600  # 200 passes
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.l2 = 5e-5  # PyTorch's weight decay of 1e-4 is the gradient of half as much
    config.stages = (
        {"steps": 2240},
        {"steps": 560, "optimizer": {"name": "sgd", "learning_rate": 1e-3}},
        {"steps": 560, "optimizer": {"name": "sgd", "learning_rate": 1e-4}},
        {"steps": 2240, "optimizer": {"name": "sgd", "learning_rate": 1e-5}},
    )
    config.monitor = "log_loss"
    config.eval_every = 140
    return config
