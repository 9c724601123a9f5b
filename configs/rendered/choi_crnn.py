"""CRNN of Choi et al. 2016, 0.1 M parameters, on the embedded dataset: what `make demo` runs.

Command:  mgr-jax prepare_data --dataset=rendered/demo --sample_rate=12000
          mgr-jax train --config=rendered/choi_crnn --workdir=runs/demo
Hardware: 2 CPU cores
Result:   90 test tracks of unseen artists: accuracy 0.800 [0.711, 0.878]; an SVM on MFCC
          statistics 0.578 [0.478, 0.678]; the majority class 0.100. Trained in 2 min 5 s.

Input and recipe are ours, and not those of the paper (zoo/choi_crnn).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "rendered/demo"
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000

    # 8 s are 188 frames of 43 ms. The published pools divide time by 96 and would leave the
    # recurrent layers a single step; these leave 15 steps of half a second, and one bin.
    config.frontend.kwargs = {
        "n_fft": 1024,
        "hop_length": 512,
        "n_mels": 64,
        "power": 2.0,
        "ref": 1.0,
        "top_db": None,
    }
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 4), (1, 4))}

    config.batch_size = 16
    config.num_steps = 600
    config.optimizer.learning_rate = 3e-3
    config.eval_every = 100
    config.log_every = 20
    return config
