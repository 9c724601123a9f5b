"""ResNet-18, He et al. 2015 (1512.03385), on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=fault_filtered --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/resnet18 --workdir=runs/a
Hardware: 2 CPU cores, 7 minutes
Result:   197 validation tracks: accuracy 0.431 [0.360, 0.497], scored once after the
          last step (evaluate --split=validation). In a seeded 80/20 split of all 660 clips by
          row_random (LEAKS) 0.544 [0.456, 0.625] of 136 (first version of the data: 660
          rows, nine of them under the name of a near-copy).

One run with the toolkit's defaults, one cycle, weight decay and clipping among them, and no choice
made on the validation tracks. It learns its 443 clips by heart (accuracy 1.00 in training). Input
and recipe are ours, and not those for audio (zoo/resnet18): the input is normalised by batch here
and not there.
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
    config.model.name = "resnet18"

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    return config
