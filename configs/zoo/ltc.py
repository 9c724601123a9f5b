"""LTC: Hasani et al. 2021 (2006.04439): a liquid time-constant cell over segments of a clip.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/ltc --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_liquid.py::test_ltc_converges_to_the_differential_equation

The cell is the authors', who did not take it to music: encoder, input and recipe are our choice.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 220_500  # 10 s, 431 frames, 26 segments

    config.model.name = "ltc"

    config.batch_size = 16
    config.num_steps = 4000
    config.eval_every = 100
    return config
