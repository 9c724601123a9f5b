"""Lee et al. 2017 (1703.01789): SampleCNN, a few samples at a time, on 0.7 or 2.7 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=lee2017:model=2_13 --workdir=runs/a

model  3_9   three samples at a time, on 2.68 s; published for 50 tags of MagnaTagATune: ROC-AUC
             0.9055, as recalled and not verified
       2_13  two samples at a time, on 0.74 s

Optimizer, rates, batch and patience are the authors' (github.com/jongpillee/sampleCNN). They go
through every segment and stop by the segments' loss; here clips are cut at random, tracks are
scored, and between evaluations as many clips are seen as tracks of 30 s hold. Their batch of 23
suits one device; several need --config.batch_size=24. For 16 kHz set only the rate of the dataset
and of the config.
"""

from mgr_jax.config import recipes

VARIANTS = {  # fields of the network, samples of a clip
    "3_9": ({}, 59_049),
    "2_13": ({"base": 2, "depth": 13}, 16_384),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    layers, config.clip_samples = VARIANTS[given["model"]]
    config.sample_rate = 22_050
    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.update(name="sample_cnn", kwargs=layers)

    recipes.falling_sgd(config, patience=3)
    clips = 30 * config.sample_rate // config.clip_samples
    recipes.change(config, num_epochs=250 * clips, eval_every_epochs=clips)  # patience ends it
    return config
