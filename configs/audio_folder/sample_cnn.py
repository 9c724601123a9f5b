"""SampleCNN 3^8, one layer less than in Lee et al. 2017, on a folder of 30-s clips.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=audio_folder/sample_cnn --workdir=runs/a \
              --config.dataset=audio_folder/NAME
Hardware: 2 CPU cores, 9.8 CPU minutes
Result:   rendered10 (200 clips, three seeds, each with a split of its own): accuracy
          0.408 [0.314, 0.504] on other artists, 0.442 [0.339, 0.541] on other artists
          and groove files; an SVM on MFCC statistics 0.367 [0.270, 0.460] and 0.342 [0.248, 0.442].

Input and recipe are ours, and not those of the authors (zoo/sample_cnn).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 19_683  # 1.64 s
    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = "sample_cnn"
    config.model.kwargs = {"depth": 8}
    config.batch_size = 16
    config.num_steps = 400
    config.eval_every = 100
    return config
