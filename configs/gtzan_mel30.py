"""Choi et al. 2016 on stored mel pictures of GTZAN, 336 frames of 218 bins.

    mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel30 \
        --splits=fault_filtered --frame_rate=11.2
    mgr-jax train --config=gtzan_mel30:model=k2c2 --workdir=runs/a

model  crnn  on halves of a picture: one bin and 21 steps of 0.7 s remain
       k2c2  on the whole picture, as an image: two bins and 3 steps of 9 s remain

0.1 M parameters and 600 steps with the toolkit's defaults, scored after the last of them. Input and
recipe are ours, and not those of the paper (choi2016). data= takes other arrays of this form.
"""

from mgr_jax.config import recipes

VARIANTS = {  # network, pools, frames of a clip
    "crnn": ("choi_crnn", ((2, 4), (2, 4), (2, 4), (1, 3)), 168),
    "k2c2": ("choi_k2c2", ((2, 2), (2, 2), (2, 2), (3, 3), (4, 4)), 336),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan_mel30", stored=True)}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.model.name, pools, config.clip_samples = VARIANTS[given["model"]]
    config.model.kwargs = {"budget": "0.1M", "pools": pools}
    config.sample_rate = 0
    config.frontend.name = "precomputed"

    config.batch_size = 16
    config.optimizer.learning_rate = 3e-3
    recipes.change(config, num_steps=600, eval_every=600)
    return config
