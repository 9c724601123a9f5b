"""PRCNN of Feng et al. 2017, on GTZAN, fault-filtered split.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=gtzan/prcnn --workdir=runs/a
Hardware: not run
Result:   not run

The same as zoo/prcnn: clips and 513 bins are the paper's and, as recalled, its layers; the
direction of the kernels is a choice, see mgr_jax/models/prcnn.py. Its optimizer is not known: this
is that of Dwivedi's port, fma_small/prcnn, and the batch norm of the input is ours.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 66_150  # 3 s, 128 frames

    config.frontend.name = "prcnn_stft"
    config.model.name = "prcnn"

    config.batch_size = 64
    config.num_steps = 3500

    config.optimizer.name = "rmsprop"
    config.optimizer.learning_rate = 5e-4
    config.optimizer.weight_decay = 0.0
    config.optimizer.b2 = 0.9
    config.optimizer.eps = 1e-7
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.plateau = {"factor": 0.5, "patience": 10, "min_delta": 0.01}
    config.eval_every = 70  # as many clips as all tracks hold
    return config
