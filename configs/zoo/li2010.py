"""Li, Chan and Chun 2010 (IMECS): three strided convolutions along time on 13 cepstra.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR
          mgr-jax train --config=zoo/li2010 --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_li2010.py::test_li2010_layers_are_as_in_the_baselines_of_fma

Optimizer, rate and batch are those of the baselines of FMA (github.com/mdeff/fma), which pass 20
times over whole clips of 30 s; 20 passes over as many clips of 2.2 s are ours. Like theirs, the
cepstra are not standardised. Their best accuracy on FMA was 17.6 %; --config.input_norm=batch
standardises every coefficient.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 22_050
    config.clip_samples = 189 * 256  # 2.19 s, 190 frames

    config.frontend.name = "li2010"
    config.input_norm = "none"
    config.model.name = "li2010"

    config.batch_size = 16
    config.num_steps = 8000
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.momentum = 0.0
    config.optimizer.weight_decay = 0.0
    config.optimizer.clip_norm = 0.0
    config.schedule.name = "constant"
    config.eval_every = 400  # as many clips as all tracks hold
    return config
