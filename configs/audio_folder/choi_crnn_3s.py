"""CRNN of Choi et al. 2016, 0.1 M parameters, on 3-s segments: what leaking is worth on rendered10.

Command:  mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --sample_rate=12000
          mgr-jax crossval --config=audio_folder/choi_crnn_3s --workdir=runs/a --parts=2 \
              --protocol=artist_kfold --config.dataset=audio_folder/NAME
Hardware: 2 CPU cores, 6 to 13 minutes for five folds beside other work
Result:   rendered10 (200 clips), per segment and per track: artist_kfold 0.448 [0.393, 0.501] and
          0.480 [0.415, 0.550], stratified_kfold 0.669 [0.623, 0.719] and 0.705 [0.650, 0.770],
          row_random (LEAKS) 0.860 [0.827, 0.891] and 0.915 [0.875, 0.955].

Scored after the last step, so that nothing is chosen on the folds. Input and recipe are ours, and
not those of the paper (zoo/choi_crnn).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "audio_folder/rendered10"
    config.sample_rate = 12_000
    config.clip_samples = 3 * 12_000
    config.frontend.kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 64, "top_db": None}
    # One bin and 8 steps of 0.34 s remain.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 4), (1, 4))}
    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    config.optimizer.learning_rate = 3e-3
    return config
