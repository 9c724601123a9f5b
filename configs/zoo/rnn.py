"""Stacked GRUs on cepstra, after Graves et al. 2013 (1303.5778): no convolutions at all.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=zoo/rnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_sequence.py::test_a_reversed_clip_swaps_the_directions_of_rnn

A plain network on 20 MFCCs, with frames four times as far apart as usual to make the sequence
short. All widths, the front end and the recipe are our choice; the optimizer is the default.
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
    config.frontend.kwargs = {"hop_length": 2048}
    config.model.name = "rnn"

    config.batch_size = 32
    config.num_steps = 10_000  # 50 epochs
    config.eval_every = 400
    return config
