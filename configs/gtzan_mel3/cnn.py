"""CNN k2c2 of Choi et al. 2016, 0.1 M parameters, on log-mels of the first 3 s of GTZAN's clips.

Command:  mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
              --splits=stratified --frame_rate=43.07
          mgr-jax train --config=gtzan_mel3/cnn --workdir=runs/a \
              --config.protocol.name=fault_filtered
Hardware: 2 CPU cores, 2 to 11 minutes beside other work
Result:   197 validation tracks: accuracy 0.569 [0.497, 0.635]; in a seeded 80/20 split of all 660
          clips by row_random (LEAKS; --config.protocol.parts=2) 0.662 [0.581, 0.743] of 136 (first
          version of the data: 660 rows, nine of them under the name of a near-copy).

One cycle, weight decay and clipping; scored once after the last step (evaluate --split=validation).
Input and recipe are ours, and not those of the paper (zoo/choi_k2c2).
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
    config.model.name = "choi_k2c2"
    # One bin and 2 steps of 1.5 s remain.
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 2), (2, 4), (4, 4))}

    config.batch_size = 16
    config.num_steps = 600
    config.eval_every = 600
    config.optimizer.learning_rate = 3e-3
    return config
