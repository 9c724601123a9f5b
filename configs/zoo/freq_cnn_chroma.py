"""Frequency CNN on chroma, yijerjer (GitHub): the same kernels on 12 bins.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=zoo/freq_cnn_chroma --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_models.py::test_parameter_counts

github.com/yijerjer/music_genre_classification, which reports 37.6 % on the test split. It lets
librosa estimate the tuning of every track; here it is 440 Hz. Adam, its rate, batch and 100 epochs
are the authors'. They train on the first 640 frames of every track and report the best checkpoint
on the test split; here clips are cut anywhere in training and from the middle in evaluation, and
validation chooses the checkpoint.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "fma/small"
    config.sample_rate = 22_050
    config.clip_samples = 639 * 1024  # 29.7 s, 640 frames
    config.eval_segments = 1

    config.frontend.name = "chroma_stft"
    config.frontend.kwargs = {
        "n_fft": 1024,
        "hop_length": 1024,
        "pad_mode": "reflect",
        "whole_track": True,
    }
    config.input_norm = "none"
    config.model.name = "freq_cnn"
    config.model.kwargs = {"dense_units": (256, 32)}

    config.batch_size = 32
    config.num_steps = 20_000  # 100 epochs
    config.optimizer.name = "adam"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 1000  # 5 epochs, as they do
    return config
