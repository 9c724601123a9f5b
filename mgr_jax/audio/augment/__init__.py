"""Augmentation on the device: pure functions of random keys and batches.

These are the transforms with their settings and defaults. Each one also takes p=1.0, the share of
examples that it changes. Where features are normalised by statistics of the whole track, the
statistics are those of the original track, so that a gain keeps its effect. In a clip that is
filled up, only the clip itself is changed.

    gain             min_db=-6.0, max_db=6.0
    polarity         flips the sign; use it with p=0.5
    noise            min_snr_db=10.0, max_snr_db=40.0, white
    time_shift       max_share=0.5, fill='wrap' or 'zero'
    random_filter    highpass_share=0.5, min_lowpass_hz=2200.0, max_lowpass_hz=4000.0,
                     min_highpass_hz=200.0, max_highpass_hz=1200.0, order=4
    speed            min_rate=0.9, max_rate=1.1, fill='wrap' or 'zero'; pitch and tempo together
    reverb           min_rt60=0.2, max_rt60=1.0, min_drr_db=0.0, max_drr_db=12.0
    mixup            alpha=0.4
    cutmix           alpha=1.0
    time_mask        masks=2, max_frames=20, fill='mean' or 'zero'
    frequency_mask   masks=2, max_bins=16, fill='mean' or 'zero'
"""

from mgr_jax.audio.augment.mixing import of_partners
from mgr_jax.audio.augment.pipeline import (
    AUGMENTATIONS,
    Augment,
    Augmentation,
    example_keys,
    make_augment,
)

__all__ = [
    "AUGMENTATIONS",
    "Augment",
    "Augmentation",
    "example_keys",
    "make_augment",
    "of_partners",
]
