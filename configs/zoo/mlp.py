"""Dense network on Kaggle's table of 57 features per clip of GTZAN: three hidden layers.

Command:  mgr-jax prepare_data --dataset=feature_array --features=features_30_sec.csv \
              --name=gtzan_features --splits=fault_filtered --frame_rate=0.0333
          mgr-jax train --config=zoo/mlp --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_mlp.py::test_probabilities_are_scikit_learns

All is our choice; configs/gtzan_features/mlp.py is the same and has results.
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

    config.batch_size = 64
    config.num_steps = 600
    config.eval_every = 100
    return config
