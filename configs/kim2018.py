"""Kim et al. 2018 (1710.10451): SampleCNN with gates and shortcuts, on 2.7 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=kim2018:model=rese --workdir=runs/a

model  se    gates after the pooling; published for 50 tags of MagnaTagATune: ROC-AUC 0.9111
       res   residual blocks
       rese  residual blocks with gates; 0.9113

Optimizer, rates, batch and patience are the authors' (github.com/tae-jun/resemul), every rate a
fifth of the one before. They score by the loss of segments; here clips are cut at random, tracks
are scored, and between evaluations as many clips are seen as tracks of 30 s hold. Their batch of 23
suits one device; several need --config.batch_size=24.
"""

from mgr_jax.config import recipes

VARIANTS = {"se": "sample_cnn_se", "res": "sample_cnn_res", "rese": "sample_cnn_rese"}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 59_049  # 2.68 s
    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = VARIANTS[given["model"]]

    recipes.falling_sgd(config, patience=2)
    recipes.change(config, num_epochs=250 * 11, eval_every_epochs=11)  # patience ends it
    return config
