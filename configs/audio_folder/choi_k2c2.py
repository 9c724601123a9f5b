"""k2c2, the two-dimensional CNN of Choi et al. 2016, on a folder of 30-s clips.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=audio_folder/choi_k2c2 --workdir=runs/a \
              --config.dataset=audio_folder/NAME
Hardware: 2 CPU cores, 3.1 CPU minutes
Result:   rendered10 (200 clips, three seeds, each with a split of its own): accuracy
          0.500 [0.402, 0.598] on other artists, 0.542 [0.444, 0.642] on other artists
          and groove files; an SVM on MFCC statistics 0.367 [0.270, 0.460] and 0.342 [0.248, 0.442].

Input and recipe are ours, and not those of the paper (zoo/choi_k2c2).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000
    config.frontend.kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 64, "top_db": None}
    config.model.name = "choi_k2c2"
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 2), (3, 2), (4, 4))}
    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 100
    config.optimizer.learning_rate = 3e-3
    return config
