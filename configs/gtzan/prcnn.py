"""PRCNN of Feng et al. 2017, on GTZAN, fault-filtered split.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=gtzan/prcnn --workdir=runs/a
Hardware: not run
Result:   not run

The paper's 3-s clips and, as recalled, its layers; the direction of its kernels is a choice, see
mgr_jax/models/prcnn.py. It has 513 linear bins; here they are 128 mel bands, of which the
convolutions leave 64 values instead of 256. Its optimizer is not known: this is that of
configs/fma_small/prcnn.py.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 127 * 512  # 2.95 s, 128 frames

    config.frontend.kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 128}
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
