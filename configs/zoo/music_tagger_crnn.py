"""MusicTaggerCRNN, Choi et al. 2016 (1609.04243): CRNN, as in the released weights.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=12000
          mgr-jax train --config=zoo/music_tagger_crnn --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_choi.py::test_released_weights_give_the_published_tags

The layers are those of the released weights; the input is that of the script which came with them,
raw decibels, although the weights were trained on standardised ones (see the module). Adam with
early stopping is, as recalled, the paper's; batch and rate are ours. Published for 50 tags of the
Million Song Dataset: ROC-AUC 0.8662.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 12_000
    config.clip_samples = 349_440  # 29.12 s, 1366 frames
    config.eval_segments = 1  # from the middle

    config.frontend.name = "choi2016"
    config.input_norm = "none"  # the network has its own, frame by frame
    config.model.name = "music_tagger_crnn"

    config.batch_size = 16
    config.num_steps = 5600
    config.optimizer.name = "adam"
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 28  # one epoch
    config.patience = 40
    return config
