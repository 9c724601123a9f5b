"""k2c2, the two-dimensional CNN of Choi et al. 2016, on constant-Q spectrograms of 30-s clips.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=audio_folder/choi_k2c2_cqt --workdir=runs/a \
              --config.dataset=audio_folder/NAME
Hardware: 2 CPU cores, 3.8 CPU minutes
Result:   rendered10 (200 clips, three seeds, each with a split of its own): accuracy
          0.642 [0.547, 0.736] on other artists, 0.483 [0.384, 0.583] on other artists and groove
          files. Against log-mels (choi_k2c2) on the same tracks that is 0.142 [0.034, 0.244] more,
          and 0.058 [-0.025, 0.143] less: what it gains is the accompaniment patterns.

Input and recipe are ours, and not those of the paper (zoo/choi_k2c2).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000
    config.frontend.name = "cqt"
    config.frontend.kwargs = {"scale": "db", "power": 2.0, "top_db": None}
    config.model.name = "choi_k2c2"
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 2), (3, 2), (4, 4))}
    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 100
    config.optimizer.learning_rate = 3e-3
    return config
