"""ResNet-34: He et al. 2015 (1512.03385): resnet18 with twice the blocks.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/resnet34 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_resnet.py::test_images_of_224_shrink_as_in_the_papers

Everything but the network is as in zoo/resnet18.
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
    config.model.name = "resnet34"

    config.batch_size = 32
    config.num_steps = 4000
    config.eval_every = 100
    return config
