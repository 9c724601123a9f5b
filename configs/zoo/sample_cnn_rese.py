"""SampleCNN of gated residual blocks, Kim et al. 2018 (1710.10451): three levels of features.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/sample_cnn_rese --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_sample_cnn.py::test_multi_level_features_are_as_published

Optimizer, rates, batch and patience are the authors' (github.com/tae-jun/resemul), every rate a
fifth of the one before. Theirs was for 50 tags of MagnaTagATune, with a ROC-AUC of 0.9113. They
score by the loss of segments; here clips are cut at random and tracks are scored. Their batch of 23
suits one device; several need --config.batch_size=24.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 59_049  # 2.68 s

    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = "sample_cnn_rese"

    config.batch_size = 23
    config.num_steps = 50_000  # a limit; patience ends the stages
    config.optimizer.name = "sgd"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "inverse_time"
    config.schedule.decay = 1e-6
    config.stages = tuple(
        {"patience": 2, "optimizer": {"learning_rate": rate}}
        for rate in (0.01, 0.002, 0.0004, 0.00008, 0.000016)
    )
    config.monitor = "log_loss"
    config.eval_every = 200  # as many clips as all tracks hold
    return config
