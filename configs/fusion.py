"""A CRNN (Choi et al. 2016) beside FMA's 518 hand-made features of a track, on 29 s.

    mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR --sample_rate=12000
    mgr-jax train --config=fusion --workdir=runs/a \
        --config.side_inputs.table=DIR/fma_metadata.zip

Which features, which network and all widths are ours; the recipe is that of choi2016 on FMA.
Embedded artists or albums (side_inputs.categories) could not help: FMA's published split parts
artists. For another dataset name a table with a row for every track of it.
"""

from mgr_jax.config import recipes

ARGUMENTS = {"data": recipes.Data("fma_small")}


def get_config(arg=""):
    """Returns the config."""
    config, _ = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 12_000
    config.clip_samples = 349_440  # 29.12 s, 1366 frames
    config.eval_segments = 1  # from the middle
    config.frontend.name = "choi2016"
    encoder = {"name": "choi_crnn", "kwargs": {"budget": "0.1M"}}
    config.model.update(name="fusion", kwargs={"encoder": encoder})
    config.side_inputs.table = "fma_metadata.zip"

    config.batch_size = 16
    recipes.constant_rate(config, "adam", 1e-3)
    recipes.change(config, num_epochs=100, eval_every_epochs=1)
    config.patience = 10
    return config
