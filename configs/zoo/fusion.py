"""Fusion: a CRNN (Choi et al. 2016) and FMA's 518 hand-made features of a track, side by side.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=zoo/fusion --workdir=runs/a \
              --config.side_inputs.table=DIR/fma_metadata.zip
Hardware: not run
Result:   not run
Tested:   tests/models/test_fusion.py::test_its_parts_are_joined_by_dense_layers

Which features, which network and all widths are our choice; the recipe is that of
fma_small/choi_crnn. Embedded artists or albums (side_inputs.categories) could not help: FMA's
published split parts artists.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "fma/small"
    config.sample_rate = 12_000
    config.clip_samples = 349_440  # 29.12 s, 1366 frames
    config.eval_segments = 1  # from the middle

    config.frontend.name = "choi2016"
    config.model.name = "fusion"
    config.model.kwargs = {"encoder": {"name": "choi_crnn", "kwargs": {"budget": "0.1M"}}}
    config.side_inputs.table = "fma_metadata.zip"

    config.batch_size = 16
    config.num_steps = 40_000
    config.optimizer.name = "adam"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 400  # one epoch
    config.patience = 10
    return config
