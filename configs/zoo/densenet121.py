"""DenseNet-121: Huang et al. 2016 (1608.06993), torchvision's layout on mel spectrograms.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/densenet121 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_goldens.py::test_convolutional_blocks

Everything but the network is as in zoo/resnet18: no recipe for this network on genres is known in
full. The 98.97 % that Thuy 2023 reports for it on FMA come from augmented copies and segments that
were split at random, so that parts of a track were on both sides.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames

    config.frontend.name = "gtzan_mel3"
    config.input_norm = "none"  # the front end's is over the track
    config.model.name = "densenet121"

    config.batch_size = 32
    config.num_steps = 4000
    config.eval_every = 100
    return config
