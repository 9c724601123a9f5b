"""Parallel CNN-RNN, Dwivedi 2018 (GitHub), after Feng et al. (1712.08370): CNN beside a GRU.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=zoo/parallel_cnn_rnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_models.py::test_parameter_counts

github.com/priya-dwivedi/Music_Genre_Classification (CNN_RNN_parallel), which reports 52.5 % on the
validation and 44.4 % on the test split. RMSprop, its rate, batch, epochs and plateaus are its own.
They train on the first 640 frames of every track; here clips are cut anywhere in training and from
the middle in evaluation.
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
    config.model.name = "parallel_cnn_rnn"

    config.batch_size = 64
    config.num_steps = 5000  # 50 epochs
    config.optimizer.name = "rmsprop"
    config.optimizer.learning_rate = 5e-4
    config.optimizer.weight_decay = 0.0
    config.optimizer.b2 = 0.9
    config.optimizer.eps = 1e-7
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.plateau = {"factor": 0.5, "patience": 10, "min_delta": 0.01}
    config.eval_every = 100  # one epoch
    return config
