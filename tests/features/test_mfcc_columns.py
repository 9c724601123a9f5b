import librosa
import numpy as np
import pytest

from mgr_jax.features.mfcc_statistics import COLUMNS, mfcc_statistics


def test_columns_name_the_statistics():
    clip = np.random.default_rng(0).normal(size=12_000).astype(np.float32)
    mfcc = librosa.feature.mfcc(y=clip, sr=12_000, n_mfcc=20)
    steps = np.diff(mfcc, prepend=mfcc[:, :1])
    row = dict(zip(COLUMNS, mfcc_statistics(clip, 12_000), strict=True))
    assert len(row) == 80
    assert row["mfcc3_mean"] == pytest.approx(mfcc[2].mean(), rel=1e-4)
    assert row["mfcc20_std"] == pytest.approx(mfcc[19].std(), rel=1e-4)
    assert row["mfcc_diff1_mean"] == pytest.approx(steps[0].mean(), rel=1e-4)
    assert row["mfcc_diff7_std"] == pytest.approx(steps[6].std(), rel=1e-4)
