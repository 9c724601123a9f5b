"""Defferrard et al. 2017 (1612.01840): the networks among FMA's baselines.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
    mgr-jax train --config=defferrard2017:model=dieleman2014 --workdir=runs/a

model  li2010        three strided convolutions along time on 13 cepstra of 2.2 s: Li, Chan and Chun
                     2010 (IMECS); 17.6 % at best on FMA; like theirs, the cepstra are not
                     standardised (--config.input_norm=batch does)
       dieleman2014  end to end on 3 s at 16 kHz, a strided convolution for a spectrogram: Dieleman
                     and Schrauwen 2014 (ICASSP); they report no result
       mlp           dense layers of 1000 and 100 ReLUs on 30 s at 2 kHz, of a dataset at 12 kHz;
                     no result either

Optimizers, rates and batches are those of baselines.ipynb of github.com/mdeff/fma. It passes 20
times over whole clips of 30 s; 20 passes over as many of the short clips as those hold are ours.
Two epochs of the dense layers are its own.
"""

from mgr_jax.config import recipes

AT_2_KHZ = {"target_rate": 2_000, "frontend": {"name": "waveform"}}
VARIANTS = {
    "li2010": {
        "sample_rate": 22_050,
        "clip_samples": 189 * 256,  # 190 frames
        "frontend": {"name": "li2010"},
        "model": {"name": "li2010"},
        "batch_size": 16,
        "optimizer": {"learning_rate": 1e-3, "momentum": 0.0},
        "num_epochs": 20 * 14,
        "eval_every_epochs": 14,
    },
    "dieleman2014": {
        "sample_rate": 16_000,
        "clip_samples": 48_000,
        "frontend": {"name": "waveform"},
        "model": {"name": "dieleman2014"},
        "batch_size": 10,
        "num_epochs": 20 * 10,
        "eval_every_epochs": 10,
    },
    "mlp": {
        "sample_rate": 12_000,
        "clip_samples": 359_718,  # as long as FMA's clips: 59,953 samples at 2 kHz
        "eval_segments": 1,
        "frontend": {"name": "resampled", "kwargs": AT_2_KHZ},
        "model": {"name": "mlp", "kwargs": {"units": (1000, 100), "dropout": 0.0}},
        "batch_size": 64,
        "optimizer": {"learning_rate": 0.1},
        "num_epochs": 2,
        "eval_every_epochs": 1,
    },
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.input_norm = "none"
    recipes.constant_rate(config, "sgd", 0.01)
    recipes.change(config, VARIANTS[given["model"]])
    return config
