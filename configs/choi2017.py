"""Choi et al. 2017 (1703.09179): a compact CNN, made to be transferred, on 29 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=12000
    mgr-jax train --config=choi2017 --workdir=runs/a

Clips, levels and Adam's rate are the authors' (github.com/keunwoochoi/transfer_learning_music);
batch and stopping are ours. Published for 50 tags of the Million Song Dataset: ROC-AUC 0.849. The
levels are relative to the maximum of the batch, so that results depend on how clips are batched.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, _ = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 12_000
    config.clip_samples = 348_000  # 29 s, 1360 frames
    config.eval_segments = 1  # from the middle
    config.frontend.name = "compact_cnn"
    config.input_norm = "none"
    config.model.name = "compact_cnn"

    config.batch_size = 16
    recipes.constant_rate(config, "adam", 5e-3)
    recipes.change(config, num_epochs=200, eval_every_epochs=1)
    config.patience = 40
    return config
