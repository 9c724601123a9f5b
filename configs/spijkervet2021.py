"""Spijkervet and Burgoyne 2021 (2103.09410): CLMR's SampleCNN, with labels.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=spijkervet2021 --workdir=runs/a

Clips, batch and Adam's rate are those of the authors' contrastive training
(github.com/Spijkervet/CLMR), which comes first there and not here; the number of steps and the
stopping are ours, with as many clips between evaluations as tracks of 30 s hold. Published for 50
tags of MagnaTagATune, of a linear layer on the contrastive network: ROC-AUC 0.887, PR-AUC 0.356.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, _ = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 59_049  # 2.68 s
    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = "clmr"

    config.batch_size = 48
    recipes.constant_rate(config, "adam", 3e-4)
    recipes.change(config, num_steps=20_000, eval_every_epochs=11)
    config.patience = 20
    return config
