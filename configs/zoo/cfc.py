"""CfC: Hasani et al. 2022 (2106.13898): a closed-form continuous-time cell over segments.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/cfc --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_liquid.py::test_cfc_follows_its_equation

The cell is the authors', who did not take it to music: encoder, input and recipe are our choice.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 220_500  # 10 s, 431 frames, 26 segments

    config.model.name = "cfc"

    config.batch_size = 16
    config.num_steps = 4000
    config.eval_every = 100
    return config
