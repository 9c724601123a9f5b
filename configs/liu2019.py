"""Liu et al. 2019 (1901.08928): BBNN, densely connected inception blocks, on 30 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=liu2019 --workdir=runs/a

Adam, its rate, batch, epochs and what follows a plateau are those of the authors' code, which
reports 91.3 % on GTZAN as the mean of ten random splits (the paper: 93.9 %, as recalled). Plateaus
and the end are found there by the training loss, the end by less than 0.01 of it; here by
validation accuracy.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, _ = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 661_794  # 30 s, 647 frames
    config.eval_segments = 1
    config.frontend.name = "bbnn"
    config.input_norm = "none"
    config.model.name = "bbnn"

    config.batch_size = 8
    recipes.constant_rate(config, "adam", 0.01)
    recipes.change(config, num_epochs=100, eval_every_epochs=1)
    config.plateau.update(factor=0.5, patience=3)
    config.patience = 10
    return config
