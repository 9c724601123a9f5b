"""Mel spectrograms of 3 s through a code of 64 numbers, and genres from that code.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=autoencoder --workdir=runs/reconstruction
    mgr-jax train --config=autoencoder:model=genres --workdir=runs/a \
        --config.init_from=runs/reconstruction

model  reconstruction  without labels; the best checkpoint is that of the smallest error
       genres          goes on from there: only the encoder and the logits are trained, as the
                       reconstruction no longer counts; without --config.init_from the same network
                       starts from nothing, which tells what the first run is worth

Network and recipe are ours.
"""

from mgr_jax.config import recipes

VARIANTS = {
    "reconstruction": {
        "classification_weight": 0.0,
        "monitor": "auxiliary_loss",
        "num_steps": 4000,
    },
    "genres": {
        "model": {"kwargs": {"dropout": 0.3}},
        "auxiliary_weight": 0.0,
        "num_steps": 2000,
    },
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames
    config.model.name = "autoencoder"
    config.batch_size = 32
    config.eval_every = 100
    recipes.change(config, VARIANTS[given["model"]])
    return config
