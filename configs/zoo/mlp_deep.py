"""Dense network with four hidden layers, after Ioffe and Szegedy 2015 (1502.03167): batch norm.

Command:  mgr-jax prepare_data --dataset=feature_array --features=features_30_sec.csv \
              --name=gtzan_features --splits=fault_filtered --frame_rate=0.0333
          mgr-jax train --config=zoo/mlp_deep --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_mlp.py::test_batch_norm_sees_no_scale

All widths and the recipe are our choice.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_features"
    config.sample_rate = 0
    config.clip_samples = 1  # one row

    config.frontend.name = "precomputed"
    config.model.name = "mlp"
    config.model.kwargs = {"units": (512, 256, 128, 64), "batch_norm": True, "dropout": 0.3}

    config.batch_size = 64
    config.num_steps = 600
    config.eval_every = 100
    return config
