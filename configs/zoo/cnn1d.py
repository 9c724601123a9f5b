"""1-D CNN on cepstra, after Dieleman and Schrauwen 2014 (ICASSP): convolutions along time.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=zoo/cnn1d --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_sequence.py::test_cnn1d_takes_the_mean_over_steps

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
    config.model.name = "cnn1d"

    config.batch_size = 32
    config.num_steps = 10_000  # 50 epochs
    config.eval_every = 400
    return config
