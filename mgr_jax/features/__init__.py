"""Hand-made features of audio, and the engine that computes them for many tracks."""

from mgr_jax.features.mfcc_statistics import mfcc_statistics

__all__ = ["mfcc_statistics"]
