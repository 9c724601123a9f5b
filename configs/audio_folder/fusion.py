"""The CRNN of audio_folder/choi_crnn beside a table row per track, on a folder of 30-s clips.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=audio_folder/fusion --workdir=runs/a \
              --config.dataset=audio_folder/NAME --config.side_inputs.table=features.csv
Hardware: not run
Result:   not run

The table has a row for every track, by its path below DIR, and columns of numbers. Artists may be
embedded too, with --config.side_inputs.categories="('artist',)": that leaks unless the splits are
artist-disjoint, and where they are, as by default, the embedding can only learn to be ignored.
Input and recipe are ours, and not those for whole clips (zoo/fusion).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000
    config.frontend.kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 64, "top_db": None}
    config.model.name = "fusion"
    encoder = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 4), (1, 4))}
    config.model.kwargs = {"encoder": {"name": "choi_crnn", "kwargs": encoder}}
    config.side_inputs.table = "features.csv"
    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 100
    config.optimizer.learning_rate = 3e-3
    return config
