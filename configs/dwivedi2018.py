"""Dwivedi 2018 (GitHub): a CRNN and a CNN beside a GRU, on 29.7 s of FMA.

    mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
    mgr-jax train --config=dwivedi2018:model=crnn --workdir=runs/a

model  parallel  convolutions along time beside a GRU, after Feng et al. 2017 (1712.08370); 52.5 %
                 on the validation and 44.4 % on the test split of FMA small
       crnn      three convolutions along time, then an LSTM; 49.9 % and 44.1 %

Input, optimizers, rates, batches, epochs and plateaus are those of
github.com/priya-dwivedi/Music_Genre_Classification, which reports the accuracies above. Its penalty
on the kernels of crnn leaves out those of the LSTM; here it is on all. They train on the first 640
frames of every track; here clips are cut anywhere in training and from the middle in evaluation.
"""

from mgr_jax.config import recipes

VARIANTS = {  # network, batch, epochs, L2, optimizer
    "parallel": ("parallel_cnn_rnn", 64, 50, 0.0, ("rmsprop", 5e-4, {"b2": 0.9, "eps": 1e-7})),
    "crnn": ("crnn1d", 32, 70, 1e-3, ("adam", 1e-3, {})),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("fma_small")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 22_050
    config.clip_samples = 639 * 1024  # 29.7 s, 640 frames
    config.eval_segments = 1
    config.frontend.name = "prcnn_mel"
    config.input_norm = "none"

    config.model.name, config.batch_size, epochs, config.l2, how = VARIANTS[given["model"]]
    name, rate, fields = how
    recipes.constant_rate(config, name, rate, **fields)
    recipes.change(config, num_epochs=epochs, eval_every_epochs=1)
    config.plateau.update(factor=0.5, min_delta=0.01)
    return config
