"""Tracks of datasets: long ones are stored in parts, and are one track all the same."""

from types import SimpleNamespace

import numpy as np
from untrained import CLASSES, CLIP, RATE, make_predictor

from mgr_jax.decisions import Timeline
from mgr_jax.input_spec import FeatureFormat
from mgr_jax.runs.split_predictions import SplitTrack, predict_tracks_of

MEL = {"n_fft": 512, "hop_length": 256, "n_mels": 16}


def stored(records, rate, offsets):
    """Stands for `Tracks`."""
    return SimpleNamespace(
        track_id=np.array(["long", "short", "long"]),
        artist_id=np.array(["Nina", "", "Nina"]),
        label=np.array([1, -1, 1]),
        classes=CLASSES,
        offset=np.array(offsets),
        length=np.array(list(map(len, records))),
        rate=rate,
        split="test",
        read=records.__getitem__,
    )


def of_both(predictor, records, rate):
    tracks = stored(records, rate, [0, 0, len(records[0])])
    wanted = [SplitTrack(tracks, (0, 2)), SplitTrack(tracks, (1,))]
    found = list(predict_tracks_of(predictor, wanted, Timeline()))
    assert [(t.name, t.genre, t.artist) for t, _ in found] == [
        ("long", "hiss", "Nina"),
        ("short", "", ""),
    ]
    assert found[0][0].seconds == (len(records[0]) + len(records[2])) / rate
    return [prediction for _, prediction in found]


def require_one_track(long, parts, weights):
    """What was found of a track is what was found of its parts, by their numbers of clips."""
    for name in ("track_probabilities", "embedding"):
        rows = [getattr(part, name) for part in parts]
        np.testing.assert_allclose(
            getattr(long, name), np.average(rows, axis=0, weights=weights), atol=1e-5
        )
    for name in ("probabilities", "segment_embeddings"):
        rows = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(getattr(long, name), rows, atol=1e-5)
    np.testing.assert_allclose(long.start[len(parts[0].start) :], parts[0].end[-1] + parts[1].start)
    np.testing.assert_allclose(long.end[len(parts[0].end) :], parts[0].end[-1] + parts[1].end)
    np.testing.assert_allclose(long.answer.probabilities, long.track_probabilities, atol=1e-5)


def test_parts_of_sound():
    predictor = make_predictor("log_mel", MEL, eval_segments=0)
    rng = np.random.default_rng(0)
    records = [
        rng.normal(0, scale, clips * CLIP).astype(np.int16)
        for scale, clips in ((900, 4), (99, 2), (9000, 2))
    ]
    long, short = of_both(predictor, records, RATE)
    parts = [
        predictor.predict(record / np.float32(32768), RATE, timeline=Timeline())
        for record in records
    ]
    require_one_track(long, [parts[0], parts[2]], [4, 2])
    np.testing.assert_allclose(short.embedding, parts[1].embedding, atol=1e-5)


def test_parts_of_features():
    features = FeatureFormat((16,), "float32", 10.0)
    predictor = make_predictor(
        "precomputed", {"standardise": None}, features=features, clip_samples=5, sample_rate=0
    )
    rng = np.random.default_rng(0)
    records = [rng.normal(k, 1, (n, 16)).astype(np.float32) for k, n in ((0, 20), (1, 10), (2, 10))]
    long, short = of_both(predictor, records, 10.0)
    parts = [predictor.predict_features(record, timeline=Timeline()) for record in records]
    require_one_track(long, [parts[0], parts[2]], [4, 2])
    np.testing.assert_allclose(short.embedding, parts[1].embedding, atol=1e-5)
