"""SampleCNN 2^13, Lee et al. 2017 (1703.01789): convolutions over two samples at a time.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/sample_cnn_2_13 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_sample_cnn.py::test_channels_of_the_published_models

Optimizer, rates, batch and patience are the authors' (github.com/jongpillee/sampleCNN). They go
through every segment and stop by the segments' loss; here clips are cut at random and tracks are
scored. Their batch of 23 suits one device; several need --config.batch_size=24.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 16_384  # 0.74 s

    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = "sample_cnn"
    config.model.kwargs = {"base": 2, "depth": 13}

    config.batch_size = 23
    config.num_steps = 50_000  # a limit; patience ends the stages
    config.optimizer.name = "sgd"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "inverse_time"
    config.schedule.decay = 1e-6
    config.stages = tuple(
        {"patience": 3, "optimizer": {"learning_rate": rate}}
        for rate in (0.01, 0.002, 0.0004, 0.00008, 0.000016)
    )
    config.monitor = "log_loss"
    config.eval_every = 700  # as many clips as all tracks hold
    return config
