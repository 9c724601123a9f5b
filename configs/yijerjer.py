"""yijerjer (GitHub): ten networks on constant-Q, mel and chroma, on 29.7 s of FMA.

    mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
    mgr-jax train --config=yijerjer:model=densenet --workdir=runs/a

model     test   network (accuracy in % on the test split of FMA small, as reported)
square    43.1   four 3x3 convolutions
freq      45.5   kernels along time, bins kept apart
resnet    44.8   the same with shortcuts around pairs of convolutions
densenet  46.7   the same with DenseNet blocks, the best of its CNNs
mel       40.9   freq on mel power, neither in decibels nor scaled
chroma    37.6   freq on 12 bins of chroma; their tuning is estimated by track, here it is 440 Hz
temporal  39.3   the first kernel spans all bins
crnn      44.9   convolutions, then a GRU, after Choi et al. 2016 (1609.04243)
parallel  44.9   CNN beside an LSTM, after Feng et al. 2017 (1712.08370)
bbnn      51.1   inception blocks, after Liu et al. 2019 (1901.08928), its best network

Networks, input, Adam, its rate, batch and 100 epochs are those of
github.com/yijerjer/music_genre_classification. They train on the first 640 frames of every track
and report the best checkpoint on the test split; here clips are cut anywhere in training and from
the middle in evaluation, and validation chooses the checkpoint.
"""

from mgr_jax.config import recipes

CQT = {"name": "fma_cqt"}
MEL = {"name": "fma_mel"}
CHROMA = {
    "name": "chroma_stft",
    "kwargs": {"n_fft": 1024, "hop_length": 1024, "pad_mode": "reflect", "whole_track": True},
}
VARIANTS = {  # front end, network, its fields
    "square": (CQT, "square_cnn", {}),
    "freq": (CQT, "freq_cnn", {}),
    "resnet": (CQT, "freq_cnn", {"block": "resnet"}),
    "densenet": (CQT, "freq_cnn", {"block": "densenet"}),
    "mel": (MEL, "freq_cnn", {}),
    "chroma": (CHROMA, "freq_cnn", {"dense_units": (256, 32)}),
    "temporal": (CQT, "temporal_cnn", {}),
    "crnn": (CQT, "fma_crnn", {}),
    "parallel": (CQT, "fma_parallel", {}),
    "bbnn": (CQT, "bbnn_cqt", {}),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("fma_small")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    frontend, network, fields = VARIANTS[given["model"]]
    config.sample_rate = 22_050
    config.clip_samples = 639 * 1024  # 29.7 s, 640 frames
    config.eval_segments = 1
    config.frontend.update(frontend)
    config.input_norm = "none"
    config.model.update(name=network, kwargs=fields)

    config.batch_size = 32
    recipes.constant_rate(config, "adam", 1e-3)
    recipes.change(config, num_epochs=100, eval_every_epochs=5)  # as they do
    return config
