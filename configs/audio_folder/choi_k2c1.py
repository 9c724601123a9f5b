"""k2c1 of Choi et al. 2016, one-dimensional throughout, on a folder of 30-s clips.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=audio_folder/choi_k2c1 --workdir=runs/a \
              --config.dataset=audio_folder/NAME
Hardware: not run
Result:   not run

Input and recipe are ours, and not those of the paper (zoo/choi_k2c1).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000
    config.frontend.kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 64, "top_db": None}
    config.model.name = "choi_k2c1"
    config.model.kwargs = {"budget": "0.1M", "pools": (2, 2, 3, 3, 4)}
    config.batch_size = 16
    config.num_steps = 1000
    config.optimizer.learning_rate = 3e-3
    return config
