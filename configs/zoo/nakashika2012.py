"""Nakashika et al. 2012 (Interspeech): co-occurrence maps of mel levels, as an image.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/nakashika2012 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_nakashika2012.py::test_maps_are_co_occurrence_matrices

The paper's recipe is not known: clips, mel bands, optimizer and steps are ours. Published on GTZAN:
72 %, as recalled and not verified, more than 10 points above other convolutional networks.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames

    config.input_norm = "none"  # levels are relative to the clip's own
    config.model.name = "nakashika2012"

    config.batch_size = 32
    config.num_steps = 3000
    config.eval_every = 140  # as many clips as all tracks hold
    return config
