"""autoencoder: mel spectrograms through a code of 64 numbers and back, without labels.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/autoencoder --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_autoencoder.py::test_reconstruction_is_learnt_without_labels

Reconstruction alone is trained, and the best checkpoint is that of the smallest error. From there
zoo/autoencoder_reuse goes on. Network and recipe are our choice.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames

    config.model.name = "autoencoder"
    config.classification_weight = 0.0
    config.monitor = "auxiliary_loss"

    config.batch_size = 32
    config.num_steps = 4000
    config.eval_every = 100
    return config
