"""Dieleman and Schrauwen 2014 (ICASSP): end to end, a strided convolution for a spectrogram.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
          mgr-jax train --config=zoo/dieleman2014 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_li2010.py::test_dieleman2014_layers_are_as_in_the_baselines_of_fma

Optimizer, rate and batch are those of the baselines of FMA (github.com/mdeff/fma), which pass 20
times over whole clips of 30 s; 20 passes over as many clips of 3 s are ours. They report no result.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 16_000
    config.clip_samples = 48_000  # 3 s

    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = "dieleman2014"

    config.batch_size = 10
    config.num_steps = 8800
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 0.01
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 440  # as many clips as all tracks hold
    return config
