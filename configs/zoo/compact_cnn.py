"""Compact CNN, Choi et al. 2017 (1703.09179): five narrow layers, made to be transferred.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=zoo/compact_cnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_compact_cnn.py::test_released_layers_are_those_of_scipy

Clips, levels and Adam's rate are the authors' (github.com/keunwoochoi/transfer_learning_music);
batch and stopping are ours. Published for 50 tags of the Million Song Dataset: ROC-AUC 0.849. The
levels are relative to the maximum of the batch, so that results depend on how clips are batched.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 12_000
    config.clip_samples = 348_000  # 29 s, 1360 frames
    config.eval_segments = 1  # from the middle

    config.frontend.name = "compact_cnn"
    config.input_norm = "none"
    config.model.name = "compact_cnn"

    config.batch_size = 16
    config.num_steps = 5600
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 5e-3
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 28  # one epoch
    config.patience = 40
    return config
