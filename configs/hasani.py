"""Hasani et al. 2021, 2022 (2006.04439, 2106.13898): liquid cells over 10 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=hasani:model=ltc --workdir=runs/a

model  cfc  a closed-form continuous-time cell (2106.13898)
       ltc  a liquid time-constant cell, integrated by a solver (2006.04439)

The cells are the authors', who did not take them to music: encoder, input and recipe are ours.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"model": ("cfc", "ltc"), "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 220_500  # 10 s, 431 frames, 26 segments
    config.model.name = given["model"]

    config.batch_size = 16
    recipes.change(config, num_steps=4000, eval_every=100)
    return config
