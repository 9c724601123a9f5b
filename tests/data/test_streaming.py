"""Batches depend on the seed and the step alone, and evaluation sees every segment once."""

import pickle

import numpy as np
import pytest
from errors import user_error

from mgr_jax.data.cache import open_tracks
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.streaming import StreamingLoader

CLIP = 5_000


@pytest.fixture(scope="module")
def tracks(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    return open_tracks(dataset, "train")


def loader(tracks, **options):
    return StreamingLoader(tracks, **{"clip_samples": CLIP, "batch_size": 8} | options)


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_run_resumed_at_a_step_sees_the_batches_that_would_have_come(tracks):
    whole = take(loader(tracks).train_batches(seed=3), 9)
    resumed = take(loader(tracks).train_batches(seed=3, first_step=5), 4)
    assert_equal(whole[5:], resumed)


def test_a_run_resumed_far_on_sees_the_batches_of_its_step(tracks):
    far = 10**7
    first = take(loader(tracks).train_batches(seed=3, first_step=far), 3)
    assert_equal(first[2:], take(loader(tracks).train_batches(seed=3, first_step=far + 2), 1))
    numbers = [batch["index"][0] for batch in first]
    assert numbers == [8 * (far + n) for n in range(3)]


def test_balanced_classes_come_equally_often_each_in_an_order_of_its_own(tracks):
    def orders(seed):
        """The tracks of each class, in the order of some epochs."""
        batches = take(loader(tracks, sampling="balanced").train_batches(seed=seed), 18)
        targets = np.concatenate([batch["targets"] for batch in batches])
        clips = np.concatenate([batch["inputs"] for batch in batches])
        np.testing.assert_array_equal(np.bincount(targets), [48, 48, 48])
        found = []
        for label in range(3):
            members = np.flatnonzero(tracks.label == label)
            whole = [tracks.read(i).tobytes() for i in members]
            some = [clip.tobytes() for clip in clips[targets == label]]
            found.append([next(n for n, w in enumerate(whole) if clip in w) for clip in some])
        return found

    drawn = [order for seed in range(3) for order in orders(seed)]
    assert all(drawn[i] != drawn[j] for i in range(9) for j in range(i))


def test_balanced_classes_stand_beside_all_others(tracks):
    # Those beside each other are mixed; in turns, 0 would always meet 1.
    batches = take(loader(tracks, sampling="balanced").train_batches(seed=0), 30)
    pairs = np.concatenate([batch["targets"].reshape(-1, 2) for batch in batches])
    assert {tuple(pair) for pair in pairs.tolist()} == {(a, b) for a in range(3) for b in range(3)}


def test_seeds_differ(tracks):
    first, second = (take(loader(tracks).train_batches(seed=seed), 1)[0] for seed in (0, 1))
    assert (first["inputs"] != second["inputs"]).any()


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_global_batch(tracks, processes, sampling):
    def batches(**process):
        options = process | {"sampling": sampling}
        return take(loader(tracks, **options).train_batches(seed=0, first_step=2), 3)

    whole = batches()
    parts = [batches(process_index=i, process_count=processes) for i in range(processes)]
    for step, batch in enumerate(whole):
        joined = {n: np.concatenate([part[step][n] for part in parts]) for n in batch}
        assert_equal([batch], [joined])  # in the same order, too: neighbours are mixed


def test_every_track_comes_once_per_epoch_with_new_crops(tracks):
    batches = take(loader(tracks, batch_size=len(tracks)).train_batches(seed=0), 2)
    for batch in batches:
        assert batch["inputs"].dtype == np.int16
        assert batch["inputs"].shape == (18, CLIP)
        np.testing.assert_array_equal(np.bincount(batch["targets"]), [6, 6, 6])
    crops = {clip.tobytes() for batch in batches for clip in batch["inputs"]}
    assert len(crops) == 36


def test_crops_are_stretches_of_their_track(tracks):
    whole = {tracks.read(i).tobytes(): label for i, label in enumerate(tracks.label)}
    batch = next(loader(tracks).train_batches(seed=1))
    for clip, target in zip(batch["inputs"], batch["targets"], strict=True):
        assert [label for track, label in whole.items() if clip.tobytes() in track] == [target]


@pytest.mark.parametrize("processes", [1, 3])
def test_evaluation_sees_every_segment_once_in_order(tracks, processes):
    loaders = [
        loader(tracks, batch_size=12, process_index=i, process_count=processes)
        for i in range(processes)
    ]
    numbers, starts = loaders[0].segments()
    batches = zip(*(each.eval_batches() for each in loaders), strict=True)
    parts = [part for parts in batches for part in parts]
    rows, mask = (np.concatenate([part[name] for part in parts]) for name in ("inputs", "mask"))
    assert len(numbers) == 18 * 5  # 24,000 samples are covered by five clips of 5,000
    assert len(rows) == 96
    for row, track, start in zip(rows[mask], numbers, starts, strict=True):
        np.testing.assert_array_equal(row, tracks.read(track, start, CLIP))


@pytest.mark.parametrize("processes", [1, 4])
def test_rows_that_fill_up_a_batch_are_copies_of_its_own(tracks, processes):
    loaders = [
        loader(tracks, batch_size=16, process_index=i, process_count=processes)
        for i in range(processes)
    ]
    *_, last = zip(*(each.eval_batches() for each in loaders), strict=True)
    rows, mask = (np.concatenate([part[name] for part in last]) for name in ("inputs", "mask"))
    assert mask.tolist() == [True] * 10 + [False] * 6  # of 90 segments
    np.testing.assert_array_equal(rows[10:], rows[:6])


def test_short_tracks_are_filled(tracks):
    long = loader(tracks, clip_samples=30_000)
    batch = next(long.train_batches(seed=0))
    assert (batch["inputs"][:, 24_000:] == 0).all()
    repeated = loader(tracks, clip_samples=30_000, short_clip="repeat")
    batch = next(repeated.train_batches(seed=0))
    np.testing.assert_array_equal(batch["inputs"][:, 24_000:], batch["inputs"][:, :6_000])


def test_tracks_travel_to_other_processes(tracks):
    tracks.read(0)
    data = pickle.dumps(tracks)
    assert len(data) < 20_000  # the samples stay in their file
    np.testing.assert_array_equal(pickle.loads(data).read(3), tracks.read(3))


def test_an_unknown_split_is_named(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    with user_error("dataset.no_such_split", "'dev'", "train, validation, test"):
        open_tracks(dataset, "dev")
