"""CLMR, Spijkervet and Burgoyne 2021 (2103.09410): its SampleCNN, trained with labels.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/clmr --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_sample_cnn.py::test_layers_are_as_published

Clips, batch and Adam's rate are those of the authors' contrastive training
(github.com/Spijkervet/CLMR), which comes first there and not here; the number of steps and the
stopping are ours. Published for 50 tags of MagnaTagATune, of a linear layer on the contrastive
network: ROC-AUC 0.887, PR-AUC 0.356.
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
    config.model.name = "clmr"

    config.batch_size = 48
    config.num_steps = 20_000
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 3e-4
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 100  # as many clips as all tracks hold
    config.patience = 20
    return config
