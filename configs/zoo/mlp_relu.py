"""Dense network of 100, 250, 250 and 100 ReLUs, Mannan (CS 542 report): for 3-s features.

Command:  mgr-jax prepare_data --dataset=feature_array --features=features_30_sec.csv \
              --name=gtzan_features --splits=fault_filtered --frame_rate=0.0333
          mgr-jax train --config=zoo/mlp_relu --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_mlp.py::test_probabilities_are_scikit_learns

S. Mannan's project report for CS 542, Colorado State University, which reports 88.8 % for 3-s rows,
split at random so that rows of one clip are on both sides, and about 65 % when those of a clip are
taken together. Units, activation, rate and batch are the author's. The optimizer is not stated:
Adam is our choice, and without dropout. For 3-s rows prepare features_3_sec.csv with
--frame_rate=0.333 under another name and set --config.dataset.
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
    config.model.kwargs = {"units": (100, 250, 250, 100), "dropout": 0.0}

    config.batch_size = 200
    config.num_steps = 3000
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 0.005
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 100
    return config
