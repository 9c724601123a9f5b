"""Batches depend on the seed and the step alone, and evaluation sees every segment once."""

import pickle

import numpy as np
import pytest

from mgr_jax.data.cache import open_waveforms
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.errors import UserError

CLIP = 5_000


@pytest.fixture(scope="module")
def waveforms(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    return open_waveforms(dataset, "train")


def loader(waveforms, **options):
    return StreamingLoader(waveforms, **{"clip_samples": CLIP, "batch_size": 8} | options)


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_run_resumed_at_a_step_sees_the_batches_that_would_have_come(waveforms):
    whole = take(loader(waveforms).train_batches(seed=3), 9)
    resumed = take(loader(waveforms).train_batches(seed=3, first_step=5), 4)
    assert_equal(whole[5:], resumed)


def test_seeds_differ(waveforms):
    first, second = (take(loader(waveforms).train_batches(seed=seed), 1)[0] for seed in (0, 1))
    assert (first["inputs"] != second["inputs"]).any()


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_global_batch(waveforms, processes):
    whole = take(loader(waveforms).train_batches(seed=0, first_step=2), 3)
    parts = [
        take(
            loader(waveforms, process_index=i, process_count=processes).train_batches(
                seed=0, first_step=2
            ),
            3,
        )
        for i in range(processes)
    ]
    for step, batch in enumerate(whole):
        joined = {n: np.concatenate([part[step][n] for part in parts]) for n in batch}
        order = np.argsort(joined["index"])
        assert_equal([batch], [{name: values[order] for name, values in joined.items()}])


def test_every_track_comes_once_per_epoch_with_new_crops(waveforms):
    batches = take(loader(waveforms, batch_size=len(waveforms)).train_batches(seed=0), 2)
    for batch in batches:
        assert batch["inputs"].dtype == np.int16
        assert batch["inputs"].shape == (18, CLIP)
        np.testing.assert_array_equal(np.bincount(batch["targets"]), [6, 6, 6])
    crops = {clip.tobytes() for batch in batches for clip in batch["inputs"]}
    assert len(crops) == 36


def test_crops_are_stretches_of_their_track(waveforms):
    whole = {waveforms.read(i).tobytes(): label for i, label in enumerate(waveforms.label)}
    batch = next(loader(waveforms).train_batches(seed=1))
    for clip, target in zip(batch["inputs"], batch["targets"], strict=True):
        assert [label for track, label in whole.items() if clip.tobytes() in track] == [target]


@pytest.mark.parametrize("processes", [1, 3])
def test_evaluation_sees_every_segment_once_in_order(waveforms, processes):
    loaders = [
        loader(waveforms, batch_size=12, process_index=i, process_count=processes)
        for i in range(processes)
    ]
    tracks, starts = loaders[0].segments()
    batches = zip(*(each.eval_batches() for each in loaders), strict=True)
    parts = [part for parts in batches for part in parts]
    rows, mask = (np.concatenate([part[name] for part in parts]) for name in ("inputs", "mask"))
    assert len(tracks) == 18 * 5  # 24,000 samples are covered by five clips of 5,000
    assert len(rows) == 96
    for row, track, start in zip(rows[mask], tracks, starts, strict=True):
        np.testing.assert_array_equal(row, waveforms.read(track, start, CLIP))


def test_short_tracks_are_filled(waveforms):
    long = loader(waveforms, clip_samples=30_000)
    batch = next(long.train_batches(seed=0))
    assert (batch["inputs"][:, 24_000:] == 0).all()
    repeated = loader(waveforms, clip_samples=30_000, short_clip="repeat")
    batch = next(repeated.train_batches(seed=0))
    np.testing.assert_array_equal(batch["inputs"][:, 24_000:], batch["inputs"][:, :6_000])


def test_waveforms_travel_to_other_processes(waveforms):
    waveforms.read(0)
    data = pickle.dumps(waveforms)
    assert len(data) < 20_000  # the samples stay in their file
    np.testing.assert_array_equal(pickle.loads(data).read(3), waveforms.read(3))


def test_an_unknown_split_is_named(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    with pytest.raises(UserError, match="no split 'dev'; it has train, validation, test"):
        open_waveforms(dataset, "dev")
