"""Dense network on the waveform at 2 kHz, FMA's baselines 2017 (1612.01840): 1000 and 100 ReLUs.

Command:  mgr-jax prepare_data --dataset=fma/small --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=zoo/mlp_dieleman --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_mlp.py::test_probabilities_are_scikit_learns

It stands before the network of Dieleman and Schrauwen (2014) in baselines.ipynb of
github.com/mdeff/fma. SGD with its rate and momentum and the batch are its own; two epochs there
gave no result that is recorded.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "fma/small"
    config.sample_rate = 12_000
    config.clip_samples = 359_718  # 29.98 s, as long as FMA's clips: 59,953 samples at 2 kHz
    config.eval_segments = 1

    config.frontend.name = "resampled"
    config.frontend.kwargs = {"target_rate": 2_000, "frontend": {"name": "waveform"}}
    config.input_norm = "none"
    config.model.name = "mlp"
    config.model.kwargs = {"units": (1000, 100), "dropout": 0.0}

    config.batch_size = 64
    config.num_steps = 200  # 2 epochs
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 0.1
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 100  # one epoch
    return config
