"""CRNN on cepstra, after Choi et al. 2016 (1609.04243): small convolutions and one GRU.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=zoo/simple_crnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_models.py::test_parameter_counts

A plain network on 20 MFCCs. All widths, the front end and the recipe are our choice; the optimizer
is the default.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "fma/small"
    config.sample_rate = 22_050
    config.clip_samples = 1290 * 512  # 30 s
    config.eval_segments = 1

    config.frontend.name = "mfcc"
    config.model.name = "simple_crnn"

    config.batch_size = 32
    config.num_steps = 10_000  # 50 epochs
    config.eval_every = 400
    return config
