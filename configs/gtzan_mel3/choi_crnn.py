"""CRNN of Choi et al. 2016, 0.1 M parameters, on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/choi_crnn --workdir=runs/mel3
Hardware: 2 CPU cores, 2.8 CPU minutes
Result:   197 validation tracks: accuracy 0.503 [0.431, 0.574], scored once after the last step
          (--config.eval_every=600, evaluate --split=validation --checkpoint=latest).

Input and recipe are ours, and not those of the paper (zoo/choi_crnn).
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_mel3"
    config.sample_rate = 0
    config.clip_samples = 130  # frames, all there are: 22,050 Hz, hop 512

    config.frontend.name = "precomputed"
    config.frontend.kwargs = {"preset": "gtzan_mel3"}
    # Two of the 128 bins and 16 steps of 0.19 s remain.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 4), (1, 4))}

    config.batch_size = 16
    config.num_steps = 600
    config.optimizer.learning_rate = 3e-3
    config.eval_every = 100
    return config
