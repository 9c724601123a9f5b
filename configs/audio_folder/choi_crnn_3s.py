"""x."""

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
