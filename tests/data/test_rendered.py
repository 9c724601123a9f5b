"""The embedded dataset through its builder, and tags as a multi-label task."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from mgr_jax.data.cache import open_tracks
from mgr_jax.data.datasets import list_datasets
from mgr_jax.data.prepare import prepare
from mgr_jax.data.rendered.music import GENRES, SAMPLE_RATE, TAGS, render_track
from mgr_jax.training.inference import predict_run
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train


@pytest.fixture(scope="module")
def rendered_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    prepare("rendered/tiny", sample_rate=12_000, data_dir=folder, num_workers=0)
    return folder


@pytest.fixture(scope="module")
def splits(rendered_dir):
    dataset = rendered_dir / "rendered/tiny_12000/1.0.0"
    return {name: open_tracks(dataset, name) for name in ("train", "validation", "test")}


def test_every_artist_is_in_one_split_and_every_genre_in_all(splits):
    artists = [set(tracks.artist_id) for tracks in splits.values()]
    assert len(set.union(*artists)) == sum(map(len, artists)) == 15
    for tracks in splits.values():
        assert tracks.classes == GENRES[:3]
        assert set(tracks.label) == {0, 1, 2}


def test_records_hold_what_the_generator_says(splits):
    tracks = splits["test"]
    genre, artist, number = tracks.track_id[0].split(".")
    track = render_track(genre, int(artist), int(number), seconds=4.0)
    assert tracks.tag_names == TAGS
    assert {TAGS[i] for i in np.flatnonzero(tracks.tags[0])} == set(track.tags)
    assert tracks.classes[tracks.label[0]] == genre
    assert json.loads(tracks.groups[0]) == {
        "tempo": f"{track.tempo:.1f}",
        "key": track.key,
        "groove": track.groove,
    }
    assert tracks.length[0] == len(track.samples) * 12_000 // SAMPLE_RATE


def test_the_dataset_says_what_it_is(rendered_dir):
    info = tfds.builder_from_directory(str(rendered_dir / "rendered/tiny_12000/1.0.0")).info
    assert info.as_proto.redistribution_info.license == "MIT"
    assert info.homepage.endswith("rendered/README.md")
    assert "@misc{mgr_jax_rendered" in info.citation
    assert "synthesised from a seed" in info.description
    assert info.release_notes == {"1.0.0": "First release."}


def test_sizes_and_rates_are_listed():
    assert list_datasets() == [
        "audio_folder",
        "feature_array",
        *(f"fma/{subset}" for subset in ("full", "large", "medium", "small")),
        *(f"gtzan/{splits}" for splits in ("artist", "fault_filtered", "stratified")),
        *(f"rendered/{size}" for size in ("demo", "full", "tiny")),
    ]


@pytest.mark.slow
def test_tags_are_a_multi_label_task(rendered_dir, tiny_config, tmp_path):
    tiny_config.dataset = "rendered/tiny"
    tiny_config.data_dir = str(rendered_dir)
    tiny_config.update({"task": "multi_label", "monitor": "average_precision", "num_steps": 4})
    train(tiny_config, tmp_path, progress=False)
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert {"validation/track/average_precision", "validation/segment/macro_f1"} <= set(rows[-1])
    predictions = predict_run(tmp_path, "test")
    assert predictions.classes == TAGS
    assert predictions.label.shape == predictions.probabilities.shape == (24, len(TAGS))
