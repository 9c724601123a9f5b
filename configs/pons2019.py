"""Pons and Serra 2019 (1909.06654): musicnn, kernels for timbre and tempo, on 3 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
    mgr-jax train --config=pons2019:model=vgg --workdir=runs/a

model  musicnn  published with the weights, for 50 tags: ROC-AUC 0.9067, PR-AUC 0.3831 on
                MagnaTagATune; 0.8802, 0.2891 on the Million Song Dataset
       big      512 channels over time, 500 dense units: MSD_musicnn_big, for the latter
       vgg      five 3x3 layers beside them: 0.9030, 0.3823; 0.8768, 0.2819

The recipe is the authors' (github.com/jordipons/musicnn-training): Adam, batch, rate and its
halving, L2 of the kernels, one random patch per track and pass, 600 passes, the lowest validation
loss. Their 75 stale passes need not be in a row; here they are.
"""

from mgr_jax.config import recipes

VARIANTS = {
    "musicnn": {"name": "musicnn"},
    "big": {"name": "musicnn", "kwargs": {"midend": 512, "dense_units": 500}},
    "vgg": {"name": "musicnn_vgg"},
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 16_000
    config.clip_samples = 186 * 256  # 3 s, 187 frames
    config.short_clip = "repeat"
    config.frontend.name = "musicnn"
    config.input_norm = "none"  # the network has its own
    config.model.update(VARIANTS[given["model"]])

    config.batch_size = 32
    recipes.constant_rate(config, "adam", 1e-3)
    recipes.change(config, num_epochs=600, eval_every_epochs=1)
    config.l2 = 5e-6  # TensorFlow's l2_loss, of which they take 1e-5, is half the sum of squares
    config.plateau.update(factor=0.5, patience=75)
    config.monitor = "log_loss"
    return config
