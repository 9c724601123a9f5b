"""Choi et al. 2016 (1609.04243), as their weights were released, on 29 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=12000
    mgr-jax train --config=music_tagger:model=cnn --workdir=runs/a

model  crnn  four 3x3 convolutions, two GRUs; published for 50 tags of the Million Song Dataset:
             ROC-AUC 0.8662
       cnn   five 3x3 convolutions; 0.8654

The layers are those of the released weights. The input is that of the script which came with them,
raw decibels, although the weights were trained on standardised ones (docs/pretrained.md).
Adam with early stopping is, as recalled, the paper's; batch, rate and length are ours.
"""

from mgr_jax.config import recipes

VARIANTS = {"crnn": "music_tagger_crnn", "cnn": "music_tagger_cnn"}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 12_000
    config.clip_samples = 349_440  # 29.12 s, 1366 frames
    config.eval_segments = 1  # from the middle
    config.frontend.name = "choi2016"
    config.input_norm = "none"  # the network has its own, frame by frame
    config.model.name = VARIANTS[given["model"]]

    config.batch_size = 16
    recipes.constant_rate(config, "adam", 1e-3)
    recipes.change(config, num_epochs=200, eval_every_epochs=1)
    config.patience = 40
    return config
