"""Augmentation on the device: pure functions of random keys and batches."""

from mgr_jax.audio.augment.pipeline import (
    AUGMENTATIONS,
    Augment,
    Augmentation,
    example_keys,
    make_augment,
)

__all__ = ["AUGMENTATIONS", "Augment", "Augmentation", "example_keys", "make_augment"]
