"""Co-occurrence maps (Nakashika et al. 2012) of 3 s beside Kaggle's table of 57 features over 30 s.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/fusion --workdir=runs/a \
              --config.side_inputs.table=features_30_sec.csv
Hardware: 2 CPU cores, 2 minutes
Result:   197 validation tracks: accuracy 0.523 [0.457, 0.589], scored once after the last step
          (evaluate --split=validation); the encoder alone, gtzan_mel3/nakashika2012, 0.487 [0.416,
          0.558].

One run with the toolkit's defaults, and no choice made on the validation tracks. Input and recipe
are ours, and not those for audio (zoo/fusion).
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
    config.model.name = "fusion"
    config.model.kwargs = {"encoder": {"name": "nakashika2012", "kwargs": {}}}
    config.side_inputs.table = "features_30_sec.csv"

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
