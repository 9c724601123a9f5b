"""AST, Gong et al. 2021 (2104.01778), and a transformer on the waveform, on 5 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
    mgr-jax train --config=transformers:model=waveform --workdir=runs/a

model  ast       over patches of a mel spectrogram, in a small form. Rate, frames of 25 ms every
                 10 ms, 128 bins on HTK's scale and natural logarithms are the authors', who take
                 Kaldi's filter banks of clips of 10.24 s, standardise them over the dataset, mask
                 time and frequency, and start from ImageNet's weights. The sizes of the masks and
                 the input norm are ours
       waveform  rate and patches (25 ms every 20 ms) are those of wav2vec 2.0 (2006.11477), which
                 is first trained without labels; the network is our own

Clips of 5 s and a recipe to train from nothing (warm-up, cosine, weight decay) are ours.
"""

from mgr_jax.config import recipes

VARIANTS = {
    "ast": {
        "model": {"name": "ast"},
        "frontend": {
            "kwargs": {
                "n_fft": 512,
                "win_length": 400,
                "hop_length": 160,
                "n_mels": 128,
                "htk": True,
                "norm": None,
                "scale": "ln",
            },
        },
        "augment": (
            {"name": "time_mask", "masks": 1, "max_frames": 96},
            {"name": "frequency_mask", "masks": 1, "max_bins": 24},
        ),
    },
    "waveform": {
        "model": {"name": "wav_transformer"},
        "frontend": {"name": "waveform"},
        "input_norm": "none",
    },
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.sample_rate = 16_000
    config.clip_samples = 80_000  # 5 s: 501 frames, or 249 patches
    config.batch_size = 32
    config.optimizer.update(learning_rate=5e-4, weight_decay=0.05)
    config.schedule.update(name="cosine", warmup_fraction=0.1)
    recipes.change(config, num_steps=8000, eval_every=200)
    recipes.change(config, VARIANTS[given["model"]])
    return config
