"""Dense network with one tanh layer of 50, Mannan (CS 542 report): rows of 30-s features.

Command:  mgr-jax prepare_data --dataset=feature_array --features=features_30_sec.csv \
              --name=gtzan_features --splits=fault_filtered --frame_rate=0.0333
          mgr-jax train --config=zoo/mlp_tanh --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_mlp.py::test_probabilities_are_scikit_learns

S. Mannan's project report for CS 542, Colorado State University, which reports 74.0 % on a random
split of GTZAN. Units, activation, rate, batch and 5000 epochs are the author's. The optimizer is
not stated: Adam is our choice, and without dropout.
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
    config.model.kwargs = {"units": (50,), "activation": "tanh", "dropout": 0.0}

    config.batch_size = 100
    config.num_steps = 20_000
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 0.01
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 200
    return config
