"""wav_transformer: a transformer over patches of the waveform, after wav2vec 2.0 (2006.11477).

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
          mgr-jax train --config=zoo/wav_transformer --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_wav_transformer.py::test_a_second_has_as_many_steps_as_in_wav2vec2

Rate and patches (25 ms every 20 ms) are wav2vec 2.0's, which is first trained without labels; the
network is our own and starts from nothing, by the recipe of zoo/ast.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 16_000
    config.clip_samples = 80_000  # 5 s, 249 patches

    config.frontend.name = "waveform"
    config.input_norm = "none"
    config.model.name = "wav_transformer"

    config.batch_size = 32
    config.num_steps = 8000
    config.optimizer.learning_rate = 5e-4
    config.optimizer.weight_decay = 0.05
    config.schedule.name = "cosine"
    config.schedule.warmup_fraction = 0.1
    config.eval_every = 200
    return config
