"""AST: Gong et al. 2021 (2104.01778): a transformer over patches of a mel spectrogram, small.

Command:  mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
          mgr-jax train --config=zoo/ast --workdir=runs/a
Hardware: not run
Result:   not run
Tested:   tests/models/test_ast.py::test_clips_of_the_paper_have_its_patches

Rate, frames of 25 ms every 10 ms, 128 bins on HTK's scale and natural logarithms are the authors',
who take Kaldi's filter banks of clips of 10.24 s, standardise them over the dataset, mask time and
frequency, and start from ImageNet's weights. Clips of 5 s, the sizes of the masks, the input norm
and a recipe to train from nothing (warm-up, cosine, weight decay) are our choice.
"""

from mgr_jax.config import base_config


def get_config():
    """Returns the config."""
    config = base_config()
    config.dataset = "gtzan/fault_filtered"
    config.sample_rate = 16_000
    config.clip_samples = 80_000  # 5 s, 501 frames

    config.frontend.kwargs = {
        "n_fft": 512,
        "win_length": 400,
        "hop_length": 160,
        "n_mels": 128,
        "htk": True,
        "norm": None,
        "scale": "ln",
    }
    config.model.name = "ast"
    config.augment = (
        {"name": "time_mask", "masks": 1, "max_frames": 96},
        {"name": "frequency_mask", "masks": 1, "max_bins": 24},
    )

    config.batch_size = 32
    config.num_steps = 8000
    config.optimizer.learning_rate = 5e-4
    config.optimizer.weight_decay = 0.05
    config.schedule.name = "cosine"
    config.schedule.warmup_fraction = 0.1
    config.eval_every = 200
    return config
