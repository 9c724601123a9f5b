"""PRCNN of Feng et al. 2017, smaller, on a folder of 30-s clips.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=audio_folder/prcnn --workdir=runs/a \
              --config.dataset=audio_folder/NAME
Hardware: not run
Result:   not run
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000
    config.frontend.kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 64, "top_db": None}
    config.model.name = "prcnn"
    config.model.kwargs = {
        "pools": ((2, 2), (2, 2), (2, 2), (4, 2), (4, 4)),
        "rnn_pool": (2, 2),
        "embedding": 64,
        "units": 64,
        "axis": "time",
        "dropout": 0.5,
    }
    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 100
    config.optimizer.learning_rate = 3e-3
    return config
