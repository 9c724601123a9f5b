"""autoencoder_reuse: genres from the encoder of an autoencoder trained without labels.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/autoencoder --workdir=runs/reconstruction
          mgr-jax train --config=zoo/autoencoder_reuse --workdir=runs/a \
              --config.init_from=runs/reconstruction
Hardware: not run
Result:   not run
Tested:   tests/models/test_autoencoder.py::test_reconstruction_is_learnt_without_labels

All weights of the first run are taken over; here only the encoder and the logits are trained on,
as the reconstruction no longer counts. Without --config.init_from the same network starts from
nothing, which tells what the first run is worth. Network and recipe are our choice.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 130 frames

    config.model.name = "autoencoder"
    config.model.kwargs = {"dropout": 0.3}
    config.auxiliary_weight = 0.0

    config.batch_size = 32
    config.num_steps = 2000
    config.eval_every = 100
    return config
