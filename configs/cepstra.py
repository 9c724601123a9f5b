"""Plain networks on 20 MFCCs of 30 s.

    mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
    mgr-jax train --config=cepstra:model=rnn --workdir=runs/a

model  cnn   convolutions along time, after Dieleman and Schrauwen 2014 (ICASSP)
       crnn  small convolutions and one GRU, after Choi et al. 2016 (1609.04243)
       rnn   stacked GRUs, after Graves et al. 2013 (1303.5778): no convolutions at all; frames are
             four times as far apart as usual, to make the sequence short

All widths, the front end and the recipe are ours; the optimizer is the default.
"""

from mgr_jax.config import recipes

VARIANTS = {  # network, fields of the front end
    "cnn": ("cnn1d", {}),
    "crnn": ("simple_crnn", {}),
    "rnn": ("rnn", {"hop_length": 2048}),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("fma_small")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.model.name, frames = VARIANTS[given["model"]]
    config.sample_rate = 22_050
    config.clip_samples = 1290 * 512  # 30 s
    config.eval_segments = 1
    config.frontend.update(name="mfcc", kwargs=frames)

    config.batch_size = 32
    recipes.change(config, num_epochs=50, eval_every_epochs=2)
    return config
