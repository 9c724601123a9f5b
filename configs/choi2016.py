"""Choi et al. 2016 (1609.04243): a CRNN and three CNNs of equal size, on 29 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=12000
    mgr-jax train --config=choi2016:model=k2c2,budget=1M --workdir=runs/a

model   crnn  four 3x3 convolutions, two GRUs
        k1c2  kernels along time, every bin alike; the widths of its dense layers are ours
        k2c1  one-dimensional throughout, all bins at once; its pools are inferred
        k2c2  five 3x3 convolutions
budget  of parameters: with 50 classes the CRNN has 97,130, 246,098, 497,157, 1,000,367, 3,027,712

The paper's: clips, mel bands and, as recalled, Adam with early stopping. Of the released networks
(`music_tagger`): levels, and the dropout of crnn. Ours: batch, rate, normalisation of the input,
the dropout of the others, and how long: fewer passes of FMA, which is larger. On FMA small we would
take budget=0.5M.
"""

from mgr_jax.config import recipes

VARIANTS = {"crnn": "choi_crnn", "k1c2": "choi_k1c2", "k2c1": "choi_k2c1", "k2c2": "choi_k2c2"}
BUDGETS = ("0.1M", "0.25M", "0.5M", "1M", "3M")
ARGUMENTS = {"model": VARIANTS, "budget": BUDGETS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 12_000
    config.clip_samples = 349_440  # 29.12 s, 1366 frames
    config.eval_segments = 1  # from the middle
    config.frontend.name = "choi2016"
    config.model.update(name=VARIANTS[given["model"]], kwargs={"budget": given["budget"]})

    config.batch_size = 16
    recipes.constant_rate(config, "adam", 1e-3)
    epochs, config.patience = (100, 10) if config.dataset.startswith("fma/") else (200, 40)
    recipes.change(config, num_epochs=epochs, eval_every_epochs=1)
    return config
