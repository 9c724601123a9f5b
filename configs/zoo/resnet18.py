"""ResNet-18: He et al. 2015 (1512.03385), torchvision's layout on mel spectrograms.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/resnet18 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_resnet.py::test_images_of_224_shrink_as_in_the_papers

Input and pieces of the recipe are those of a project that the toolkit set out from: mels of the
first 3 s of GTZAN's clips, a one-cycle rate, weight decay, clipping of the gradient. Its figures
are not known: those here are the toolkit's defaults. Clips are cut anywhere here, and tracks scored
as a whole. Another project (wang-adam's DeepLearningFinalProject) reports 66.5 % on validation
clips of GTZAN for networks trained on ImageNet, this one among them.
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
    config.model.name = "resnet18"

    config.batch_size = 32
    config.num_steps = 4000
    config.eval_every = 100
    return config
