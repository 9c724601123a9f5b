"""PRCNN as ported by P. Dwivedi, on FMA small, published split.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR
          mgr-jax train --config=fma_small/prcnn --workdir=runs/a
Hardware: not run
Result:   not run

The same as zoo/parallel_cnn_rnn: input, network and recipe of CNN_RNN_parallel in
github.com/priya-dwivedi/Music_Genre_Classification, which reports a test accuracy of 0.444. It
takes the first 640 frames of every track; here training cuts them anywhere, and evaluation takes
those in the middle.
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
