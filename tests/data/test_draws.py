"""What is drawn is what Grain draws, element by element; runs of older versions go on with it."""

import dataclasses

import grain
import numpy as np
import pytest

from mgr_jax.data.cache import open_tracks
from mgr_jax.data.draws import Draws, permutation
from mgr_jax.data.locate import find_dataset

CLIP, BATCH, SEED = 5_000, 12, 11


@pytest.mark.parametrize("count", [1, 2, 3, 30, 300, 4097, 65_536, 65_537, 65_538])
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_an_epoch_is_in_the_order_of_grains_shuffle(count, seed):
    found = permutation(count, seed)
    shuffled = grain.MapDataset.range(count).shuffle(seed=seed)
    for place in {0, 1 % count, count - 1, *range(0, count, count // 20 + 1)}:
        assert found[place] == shuffled[place]
    if count != 65_537:  # there Grain's block is too small, and 0 comes twice
        np.testing.assert_array_equal(np.sort(found), np.arange(count))


@pytest.fixture(scope="module")
def tracks(data_dir):
    """Tracks of many lengths, some shorter than a clip."""
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    tracks = open_tracks(dataset, "train")
    lengths = np.random.default_rng(0).integers(CLIP // 2, 24_000, len(tracks))
    return dataclasses.replace(tracks, length=lengths)


def by_grain(tracks, sampling, crop_step) -> grain.MapDataset:
    """(index, track, start) of one example after the other."""
    if sampling == "shuffle":
        order = grain.MapDataset.range(len(tracks)).seed(SEED).shuffle().repeat()
    else:
        classes = [np.flatnonzero(tracks.label == label) for label in range(3)]
        seeds = np.random.SeedSequence(SEED).generate_state(3).tolist()
        orders = [
            grain.MapDataset.source(members).seed(own).shuffle().repeat()
            for own, members in zip(seeds, classes, strict=True)
        ]
        order = grain.MapDataset.mix(orders).seed(SEED)

    def draw(example, rng):
        index, track = example
        spare = max(0, int(tracks.length[track]) - CLIP)
        return index, track, crop_step * int(rng.integers(spare // crop_step + 1))

    return order.map_with_index(lambda index, track: (index, track)).random_map(draw)


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
@pytest.mark.parametrize("crop_step", [1, 256])
@pytest.mark.parametrize("processes", [1, 3])
def test_batches_hold_what_grain_draws_one_by_one(tracks, sampling, crop_step, processes):
    examples = by_grain(tracks, sampling, crop_step)
    options = {
        "sampling": sampling, "clip_samples": CLIP, "crop_step": crop_step, "batch_size": BATCH,
        "seed": SEED, "process_count": processes,
    }  # fmt: skip
    draws = [Draws(tracks, process_index=i, **options) for i in range(processes)]
    for step in [10**9, *range(6)]:  # of 18 tracks: four epochs, from within them on
        order = np.arange(BATCH)
        if sampling == "balanced":
            order = np.random.default_rng((SEED, step)).permutation(BATCH)
        expected = [examples[step * BATCH + int(row)] for row in order]
        found = zip(*(part[step] for part in draws), strict=True)
        for column, parts in zip(zip(*expected, strict=True), found, strict=True):
            np.testing.assert_array_equal(np.concatenate(parts), column)
