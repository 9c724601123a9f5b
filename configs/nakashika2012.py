"""Nakashika et al. 2012 (Interspeech): co-occurrence maps of mel levels, on 3 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=nakashika2012 --workdir=runs/a

The paper's recipe is not known: clips, mel bands, optimizer and steps are ours. Published on GTZAN:
72 %, as recalled and not verified, more than 10 points above other convolutional networks.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, _ = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames
    config.input_norm = "none"  # levels are relative to the clip's own
    config.model.name = "nakashika2012"

    config.batch_size = 32
    recipes.change(config, num_steps=3000, eval_every_epochs=10)
    return config
