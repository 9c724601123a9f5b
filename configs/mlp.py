"""Dense networks on a row of features per clip, such as Kaggle's table of GTZAN.

    mgr-jax prepare_data --dataset=feature_array --features=features_30_sec.csv \
        --name=gtzan_features --splits=fault_filtered --frame_rate=0.0333
    mgr-jax train --config=mlp:model=relu --workdir=runs/a

model  plain    the toolkit's own, three hidden layers
       shallow  one hidden layer with batch norm, after Ioffe and Szegedy 2015 (1502.03167)
       deep     four of them
       tanh     one layer of 50: S. Mannan, project report for CS 542, Colorado State University,
                which reports 74.0 % on a random split of GTZAN
       relu     100, 250, 250 and 100, by the same: 88.8 % for 3-s rows, split at random so that
                rows of one clip are on both sides, and about 65 % when those of a clip are taken
                together

Units, activation, rate, batch and the 5000 epochs of tanh are Mannan's; the optimizer is not
stated: Adam is ours, and without dropout. All of the others is ours. For 3-s rows prepare
features_3_sec.csv with --frame_rate=0.333 and another name, and set data=feature_array/NAME.
"""

from mgr_jax.config import recipes

ADAM = {"name": "adam", "weight_decay": 0.0, "clip_norm": 0.0}
VARIANTS = {
    "plain": {},
    "shallow": {"model": {"kwargs": {"units": (512,), "batch_norm": True, "dropout": 0.3}}},
    "deep": {
        "model": {"kwargs": {"units": (512, 256, 128, 64), "batch_norm": True, "dropout": 0.3}},
    },
    "tanh": {
        "model": {"kwargs": {"units": (50,), "activation": "tanh", "dropout": 0.0}},
        "batch_size": 100,
        "optimizer": ADAM | {"learning_rate": 0.01},
        "schedule": {"name": "constant"},
        "num_epochs": 5000,
        "eval_every_epochs": 50,
    },
    "relu": {
        "model": {"kwargs": {"units": (100, 250, 250, 100), "dropout": 0.0}},
        "batch_size": 200,
        "optimizer": ADAM | {"learning_rate": 0.005},
        "schedule": {"name": "constant"},
        "num_steps": 3000,
    },
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan_features", stored=True)}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 0
    config.clip_samples = 1  # one row
    config.frontend.name = "precomputed"
    config.model.name = "mlp"
    config.batch_size = 64
    recipes.change(config, num_steps=600, eval_every=100)
    recipes.change(config, VARIANTS[given["model"]])
    return config
