"""x."""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_mel3"
    config.sample_rate = 0
    config.clip_samples = 130  # frames, all there are: 22,050 Hz, hop 512

    config.frontend.name = "precomputed"
    config.frontend.kwargs = {"preset": "gtzan_mel3"}
    config.model.name = "choi_k2c2"
    # One bin and 2 steps of 1.5 s remain.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 2), (2, 4), (4, 4))}

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    config.optimizer.learning_rate = 3e-3
    return config
