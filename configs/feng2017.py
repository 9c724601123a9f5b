"""Feng et al. 2017 (1712.08370): PRCNN, convolutions beside a GRU, on 3 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=feng2017 --workdir=runs/a

Clips and bins are the paper's and, as recalled, its layers; the direction of the kernels is a
choice, see mgr_jax/models/prcnn.py. Its optimizer is not known: this is that of Dwivedi's port
(dwivedi2018), over ten clips a track, as many as 30 s hold, in a pass; the batch norm of the input
is ours. Published on GTZAN: about 92 % in 10-fold cross-validation, as recalled and not verified.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, _ = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 128 frames
    config.frontend.name = "prcnn_stft"
    config.model.name = "prcnn"

    config.batch_size = 64
    recipes.constant_rate(config, "rmsprop", 5e-4, b2=0.9, eps=1e-7)
    recipes.change(config, num_epochs=50 * 10, eval_every_epochs=10)
    config.plateau.update(factor=0.5, min_delta=0.01)
    return config
