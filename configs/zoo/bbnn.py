"""BBNN, Liu et al. 2019 (1901.08928): inception blocks that pass all before them on.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/bbnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_bbnn.py::test_counts_are_those_of_the_published_graphs

Adam, its rate, batch, epochs and what follows a plateau are those of the authors' code, which
reports 91.3 % as the mean of ten random splits (the paper: 93.9 %, as recalled). Plateaus and the
end are found there by the training loss, the end by less than 0.01 of it; here by validation
accuracy.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 661_794  # 647 frames
    config.eval_segments = 1

    config.frontend.name = "bbnn"
    config.input_norm = "none"
    config.model.name = "bbnn"

    config.batch_size = 8
    config.num_steps = 5500  # 100 epochs
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 0.01
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.plateau = {"factor": 0.5, "patience": 3, "min_delta": 0.0}
    config.patience = 10
    config.eval_every = 55  # one epoch
    return config
