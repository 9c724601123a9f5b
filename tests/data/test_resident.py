"""The resident loader cuts the same clips as the streaming one, only elsewhere."""

import jax
import numpy as np
import pytest
import soundfile
from errors import user_error

from mgr_jax.data.cache import open_tracks
from mgr_jax.data.loader import stack_batches
from mgr_jax.data.prepare import prepare
from mgr_jax.data.resident import ResidentLoader, resident_bytes
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.training.partition import make_partition

CLIP = 3_000
RATE = 12_000


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Tracks of many lengths, some of them shorter than a clip."""
    folder = tmp_path_factory.mktemp("lengths")
    rng = np.random.default_rng(0)
    for genre in ("low", "high"):
        (folder / genre).mkdir()
        for number in range(8):
            samples = rng.normal(0, 0.1, int(rng.integers(800, 9_000)))
            soundfile.write(folder / genre / f"{number}.wav", samples, RATE)
    dataset = prepare(
        "audio_folder",
        sample_rate=RATE,
        data_dir=folder / "tfds",
        manual_dir=folder,
        fractions=(0.7, 0.15, 0.15),
        num_workers=0,
    )
    return open_tracks(dataset.folder, "train")


def clips(loader, batch):
    """The clips of a batch, cut inside a jitted function as the train step does."""
    batch = {name: array for name, array in batch.items() if name != "index"}
    return np.asarray(jax.jit(loader.inputs)(loader.data, batch))


@pytest.mark.parametrize("short_clip", ["zero_pad", "repeat"])
@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_same_seed_and_step_same_clips(tracks, short_clip, sampling):
    options = {
        "clip_samples": CLIP, "batch_size": 6, "short_clip": short_clip, "sampling": sampling,
    }  # fmt: skip
    streaming, resident = StreamingLoader(tracks, **options), ResidentLoader(tracks, **options)
    pairs = zip(
        streaming.train_batches(seed=5, first_step=3),
        resident.train_batches(seed=5, first_step=3),
        strict=True,
    )
    for _, (host, device) in zip(range(4), pairs, strict=False):
        np.testing.assert_array_equal(clips(resident, device), host["inputs"])
        for name in ("targets", "index"):
            np.testing.assert_array_equal(device[name], host[name])
    for host, device in zip(streaming.eval_batches(), resident.eval_batches(), strict=True):
        np.testing.assert_array_equal(clips(resident, device), host["inputs"])
        np.testing.assert_array_equal(device["mask"], host["mask"])


def test_both_loaders_tell_lengths_where_a_track_is_short(tracks):
    assert min(tracks.length) < CLIP < max(tracks.length)
    options = {"clip_samples": CLIP, "batch_size": 6, "mask_filling": True}
    streaming, resident = StreamingLoader(tracks, **options), ResidentLoader(tracks, **options)
    host, device = (next(each.train_batches(seed=5)) for each in (streaming, resident))
    assert host["lengths"].dtype == np.int32
    np.testing.assert_array_equal(host["lengths"], device["lengths"])
    np.testing.assert_array_equal(host["lengths"], np.minimum(tracks.length[device["track"]], CLIP))
    for clip, length in zip(host["inputs"], host["lengths"], strict=True):
        assert clip[length - 1] != 0
        np.testing.assert_array_equal(clip[length:], 0)
    # Segments of longer tracks are never filled.
    segments = [batch["lengths"][batch["mask"]] for batch in streaming.eval_batches(2)]
    rows, _ = streaming.segments(2)
    np.testing.assert_array_equal(np.concatenate(segments), np.minimum(tracks.length[rows], CLIP))
    for less in ({"clip_samples": int(min(tracks.length))}, {"mask_filling": False}):
        assert "lengths" not in next(StreamingLoader(tracks, **options | less).eval_batches())


@pytest.mark.parametrize("name", ["pmap", "jit"])
def test_every_device_cuts_its_rows(tracks, name):
    options = {"clip_samples": CLIP, "batch_size": 8}
    streaming, resident = StreamingLoader(tracks, **options), ResidentLoader(tracks, **options)
    partition = make_partition(name, 8)
    cut = partition.compile_predict(lambda _, data, batch: resident.inputs(data, batch))
    batch = next(resident.train_batches(seed=0))
    batch.pop("index")
    empty, data = partition.replicate({}), partition.replicate(resident.data)
    found = partition.gather(cut(empty, data, partition.shard(batch)))
    np.testing.assert_array_equal(found, next(streaming.train_batches(seed=0))["inputs"])


def test_the_size_is_known_before_the_data_are_read(tracks):
    loader = ResidentLoader(tracks, clip_samples=CLIP, batch_size=8)
    assert loader.data.nbytes == resident_bytes(tracks, CLIP)
    assert loader.data.shape == (len(tracks), max(tracks.length))
    longer = ResidentLoader(tracks, clip_samples=20_000, batch_size=8)
    assert longer.data.shape == (len(tracks), 20_000)


def test_balanced_sampling_draws_rare_classes_as_often(tracks):
    few = tracks.select(np.flatnonzero((tracks.label == 0) | (np.cumsum(tracks.label) <= 2)))
    counts = np.bincount(few.label)
    assert counts[1] == 2 < counts[0]
    loader = ResidentLoader(few, clip_samples=CLIP, batch_size=10, sampling="balanced")
    batches = loader.train_batches(seed=0)
    drawn = stack_batches([next(batches) for _ in range(8)], axis=0)
    assert np.bincount(drawn["targets"].ravel()).tolist() == [40, 40]
    assert len(set(drawn["track"][drawn["targets"] == 1])) == 2


def test_tags_cannot_be_balanced_by_sampling(tracks):
    with user_error("task.needs_single_label", "config.class_weights=balanced"):
        StreamingLoader(
            tracks, clip_samples=CLIP, batch_size=8, task="multi_label", sampling="balanced"
        )
