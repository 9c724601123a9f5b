"""Schmid et al. 2023 (2211.04772): EfficientAT's MobileNetV3, fine-tuned on 10 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=32000
    mgr-jax import_weights --source=efficientat --weights=mn04_as_mAP_432.pt --out=models/mn04
    mgr-jax train --config=efficientat:model=mn04 --workdir=runs/a --config.init_from=models/mn04

model  mn04 (0.98 M parameters with AudioSet's 527 classes), mn01, mn02, mn05, mn06, mn08, mn10
       (4.88 M), mn12, mn14, mn16, mn20, mn30, mn40 (68.4 M): ten times the factor of all channels

Batch, epochs, gain, roll and mixup are those of the authors' fine-tuning on OpenMIC
(github.com/fschmid56/EfficientAT), the rate that of ESC-50, which has one class for each clip too.
Theirs falls along a line, not a cosine; they mix spectrograms, and waveforms as well. Without
init_from the same network starts from nothing, for which this rate is low: theirs was 8e-4 there.
"""

from mgr_jax.config import recipes

WIDTHS = {
    **{"mn04": 0.4, "mn01": 0.1, "mn02": 0.2, "mn05": 0.5, "mn06": 0.6, "mn08": 0.8, "mn10": 1.0},
    **{"mn12": 1.2, "mn14": 1.4, "mn16": 1.6, "mn20": 2.0, "mn30": 3.0, "mn40": 4.0},
}
ARGUMENTS = {"model": WIDTHS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 32_000
    config.clip_samples = 320_000  # 10 s, 1000 frames
    config.frontend.name = "efficientat"
    config.input_norm = "none"  # the front end shifts and scales by constants
    config.model.name = "efficientat"
    config.model.kwargs.width = WIDTHS[given["model"]]

    config.augment = (
        {"name": "gain", "min_db": -12.0, "max_db": 11.0},
        {"name": "time_shift"},
        {"name": "mixup", "alpha": 0.3},
    )
    config.batch_size = 64
    recipes.constant_rate(config, "adam", 6e-5)
    schedule = {"name": "cosine", "warmup_epochs": 10.0, "final_fraction": 0.01}
    recipes.change(config, num_epochs=80, eval_every_epochs=2, schedule=schedule)
    config.monitor = "log_loss"
    return config
