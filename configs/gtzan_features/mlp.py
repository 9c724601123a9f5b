"""Dense network on Kaggle's table of 57 features per 30-s clip of GTZAN, fault-filtered split.

Command:  mgr-jax prepare_data --dataset=feature_array --features=features_30_sec.csv \
              --name=gtzan_features --splits=fault_filtered --frame_rate=0.0333
          mgr-jax train --config=gtzan_features/mlp --workdir=runs/mlp
Hardware: 2 CPU cores, 20 CPU seconds
Result:   197 validation tracks: accuracy 0.462 [0.391, 0.528], best of six checkpoints by the same
          tracks. 4-fold cross-validation within train: 0.743 [0.702, 0.786] by track, 0.508
          [0.460, 0.555] by artist (prepare_data --artists). With a standardiser fitted on the
          training tracks (frontend.kwargs.standardise=bins, input_norm=none) the means over the
          folds are 0.748 and 0.509: no difference.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "feature_array/gtzan_features"
    config.sample_rate = 0
    config.clip_samples = 1  # one row

    config.frontend.name = "precomputed"
    config.model.name = "mlp"

    config.batch_size = 64
    config.num_steps = 600
    config.eval_every = 100
    return config
