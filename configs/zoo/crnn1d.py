"""CRNN-1D, Dwivedi 2018 (GitHub): three convolutions along time, then an LSTM.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=zoo/crnn1d --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_sequence.py::test_crnn1d_has_the_published_counts

github.com/priya-dwivedi/Music_Genre_Classification (CRNN_model), which reports 49.9 % on the
validation and 44.1 % on the test split. Adam, its rate, batch, epochs and plateaus are its own. Its
penalty is on the kernels of the convolutions and of the dense layer before the logits; here it is
on all kernels. They train on the first 640 frames of every track; here clips are cut anywhere in
training and from the middle in evaluation.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "fma/small"
    config.sample_rate = 22_050
    config.clip_samples = 639 * 1024  # 29.7 s, 640 frames
    config.eval_segments = 1

    config.frontend.name = "prcnn_mel"
    config.input_norm = "none"
    config.model.name = "crnn1d"

    config.batch_size = 32
    config.num_steps = 14_000  # 70 epochs
    config.optimizer.name = "adam"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.l2 = 1e-3
    config.schedule.name = "constant"
    config.plateau = {"factor": 0.5, "patience": 10, "min_delta": 0.01}
    config.eval_every = 200  # one epoch
    return config
