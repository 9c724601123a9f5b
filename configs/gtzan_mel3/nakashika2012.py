"""Co-occurrence maps after Nakashika et al. 2012, on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/nakashika2012 --workdir=runs/a
Hardware: 2 CPU cores, 1.2 minutes
Result:   197 validation tracks: accuracy 0.487 [0.416, 0.558], scored once after the
          last step (evaluate --split=validation).

One run with the toolkit's defaults, and no choice made on the validation tracks. Input and recipe
are ours, and not those for audio (zoo/nakashika2012): the input is normalised by batch here and not
there.
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
    config.model.name = "nakashika2012"

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
