"""ResNet and DenseNet as in torchvision, on mel spectrograms of 3 s as images.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
    mgr-jax train --config=torchvision:model=resnet34 --workdir=runs/a

model  resnet18     He et al. 2015 (1512.03385)
       resnet34     the same with twice the blocks
       densenet121  Huang et al. 2016 (1608.06993)

Input and pieces of the recipe are those of a project that the toolkit set out from: mels of the
first 3 s of GTZAN's clips, a one-cycle rate, weight decay, clipping of the gradient. Its figures
are not known: those here are the toolkit's defaults. Clips are cut anywhere here, and tracks scored
as a whole. Another project (wang-adam's DeepLearningFinalProject) reports 66.5 % on validation
clips of GTZAN for networks trained on ImageNet, ResNet-18 among them. The 98.97 % that Thuy 2023
reports for DenseNet on FMA come from augmented copies and segments that were split at random, so
that parts of a track were on both sides.
"""

from mgr_jax.config import recipes

ARGUMENTS = {
    "model": ("resnet18", "resnet34", "densenet121"),
    "data": recipes.Data("gtzan"),
}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames
    config.frontend.name = "gtzan_mel3"
    config.input_norm = "none"  # the front end's is over the track
    config.model.name = given["model"]

    config.batch_size = 32
    recipes.change(config, num_steps=4000, eval_every=100)
    return config
