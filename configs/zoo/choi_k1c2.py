"""k1c2, Choi et al. 2016 (1609.04243): kernels along time, every bin alike.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=zoo/choi_k1c2 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_models.py::test_parameter_counts

Clips, mel bands and, as recalled, Adam with early stopping are the paper's, the levels those of the
released networks; batch, rate, normalisation of the input and dropout are ours. With 50 classes the
budgets 0.1M, 0.25M, 0.5M, 1M and 3M have 95,540, 232,555, 457,232, 944,251 and 2,772,839
parameters. The widths of its dense layers are ours, see mgr_jax/models/choi_cnn.py.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 12_000
    config.clip_samples = 349_440  # 29.12 s, 1366 frames
    config.eval_segments = 1  # from the middle

    config.frontend.name = "choi2016"
    config.model.name = "choi_k1c2"
    config.model.kwargs = {"budget": "0.1M"}

    config.batch_size = 16
    config.num_steps = 5600
    config.optimizer.name = "adam"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 28  # one epoch
    config.patience = 40
    return config
