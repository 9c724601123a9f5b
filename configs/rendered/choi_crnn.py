"""CRNN of Choi et al. 2016, 0.1 M parameters, on the embedded dataset: what `make demo` runs.

Command:  mgr-jax prepare_data --dataset=rendered/demo --sample_rate=12000
          mgr-jax train --config=rendered/choi_crnn --workdir=runs/demo
Hardware: 2 CPU cores
Result:   not run
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "rendered/demo"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000

    # The paper's front end: 96 mel bands at 12 kHz; 8 s are 376 frames.
    config.frontend.kwargs = {
        "n_fft": 512,
        "hop_length": 256,
        "n_mels": 96,
        "power": 2.0,
        "ref": 1.0,
        "top_db": None,
    }
    # The published pools divide time by 96; these leave the recurrent layers 15 steps of 0.5 s.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 3), (2, 4), (3, 4))}

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 100
    config.log_every = 20
    return config
