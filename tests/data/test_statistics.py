"""Statistics of tracks and datasets: measured before training, used in it and in prediction."""

import jax
import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax.array_files import load_arrays
from mgr_jax.audio.frontends import TrackMeter, create_frontend, extract_features
from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.data.loader import stack_batches
from mgr_jax.data.pipeline import make_loader, open_split
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.data.statistics import dataset_statistics, track_statistics
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.training.inference import predict_run
from mgr_jax.training.train import train

WHOLE = {"ref": "max", "standardise": "all", "normalise_over": "track", "whole_track": True}


@pytest.fixture
def quick(tiny_config):
    """A config of a dense network, which compiles at once."""
    tiny_config.model.name = "mlp"
    tiny_config.model.kwargs = {"units": (16,)}
    tiny_config.update({"num_steps": 4, "eval_every": 4, "log_every": 2})
    return tiny_config


@pytest.fixture
def frontend(quick):
    quick.frontend.kwargs.update(WHOLE)
    return create_frontend("log_mel", sample_rate=12_000, **quick.frontend.kwargs.to_dict())


def test_statistics_are_those_of_the_whole_track(quick, frontend):
    tracks = open_split(quick, "validation")
    found = track_statistics(frontend, tracks)
    plain = create_frontend(
        "log_mel", sample_rate=12_000, n_fft=512, hop_length=256, n_mels=32, ref="max"
    )
    for row in range(len(tracks)):
        levels = extract_features(plain, tracks.read(row))
        np.testing.assert_allclose(found["mean"][row], levels.mean(), atol=1e-3)
        np.testing.assert_allclose(found["std"][row], levels.std(), atol=1e-3)
    # Kept beside the cache, and read from there.
    (stored,) = tracks.files[0].parent.glob("statistics-*.npz")
    with np.load(stored) as kept:
        np.testing.assert_array_equal(kept["maximum"], found["maximum"])
    again = track_statistics(frontend, tracks)
    np.testing.assert_array_equal(again["std"], found["std"])
    whole = stored.read_bytes()
    for damaged in (whole[:100], whole[:90] + b"\x7f" + whole[91:]):
        stored.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"statistics-.*\.npz is damaged; what it held"):
            again = track_statistics(frontend, tracks)
        np.testing.assert_array_equal(again["std"], found["std"])
        assert load_arrays(stored).keys() == found.keys()


@pytest.mark.parametrize("standardise", ["all", "bins"])
def test_statistics_of_a_dataset_are_those_of_all_its_frames(quick, standardise):
    tracks = open_split(quick, "train")
    settings = {"n_fft": 512, "hop_length": 256, "n_mels": 32, "top_db": None}
    frontend = create_frontend(
        "log_mel",
        sample_rate=12_000,
        standardise=standardise,
        normalise_over="dataset",
        whole_track=True,
        **settings,
    )
    found = dataset_statistics(frontend, tracks)
    plain = create_frontend("log_mel", sample_rate=12_000, **settings)
    frames = np.concatenate([extract_features(plain, tracks.read(i)) for i in range(len(tracks))])
    axes = (0, 1) if standardise == "all" else 0
    np.testing.assert_allclose(found["mean"], frames.mean(axes), rtol=1e-4)
    np.testing.assert_allclose(found["std"], frames.std(axes), rtol=1e-3)
    # `init` keeps them, and with them features have mean 0 and deviation 1.
    variables = frontend.init(jax.random.key(0), tracks.read(0)[None] / 32768, found)
    rows = [extract_features(frontend, tracks.read(i), variables) for i in range(len(tracks))]
    features = np.concatenate(rows)
    np.testing.assert_allclose(features.mean(axes), 0, atol=2e-3)
    np.testing.assert_allclose(features.std(axes), 1, atol=2e-3)


def test_tracks_longer_than_a_chunk_are_measured_in_parts():
    rng = np.random.default_rng(0)
    frontend = create_frontend(
        "log_mel", n_fft=256, hop_length=100, n_mels=20, pad_mode="reflect", **WHOLE
    )
    plain = create_frontend(
        "log_mel", n_fft=256, hop_length=100, n_mels=20, pad_mode="reflect", ref="max"
    )
    for samples in (300, 1024 * 100 - 1, 1024 * 100, 250_001):
        track = (rng.normal(size=samples) * np.linspace(0.01, 0.3, samples)).astype(np.float32)
        levels = np.asarray(plain.apply({}, track[None]))[0]
        found = TrackMeter(frontend).measure_track(track)
        np.testing.assert_allclose(found["mean"], levels.mean(), atol=1e-3)
        np.testing.assert_allclose(found["std"], levels.std(), atol=1e-3)
        features = extract_features(frontend, track)
        np.testing.assert_allclose(features, (levels - levels.mean()) / levels.std(), atol=1e-3)


@pytest.mark.parametrize("short_clip", ["zero_pad", "repeat"])
@pytest.mark.parametrize("clip_samples", [5_000, 30_000])  # the tracks have 24,000
def test_both_loaders_give_clips_with_their_context(quick, frontend, short_clip, clip_samples):
    quick.update({"clip_samples": clip_samples, "short_clip": short_clip})
    tracks = open_split(quick, "train")
    drawn = {}
    for kind in (StreamingLoader, ResidentLoader):
        loader = make_loader(quick, tracks, frontend, kind)
        batches = loader.train_batches(seed=1)
        batch = stack_batches([next(batches) for _ in range(3)], axis=0)
        batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
        drawn[kind] = np.asarray(loader.inputs(loader.data, batch)), batch["aux"], batch["index"]
        evaluated = list(loader.eval_batches())
        drawn[kind] += (np.concatenate([loader.inputs(loader.data, b) for b in evaluated]),)
    streamed, resident = drawn[StreamingLoader], drawn[ResidentLoader]
    assert streamed[0].shape == (3 * quick.batch_size, clip_samples + 2 * frontend.crop.context)
    jax.tree.map(np.testing.assert_array_equal, streamed, resident)
    assert streamed[1]["mean"].shape == (3 * quick.batch_size,)


def test_crops_start_where_frames_do(quick, frontend):
    tracks = open_split(quick, "train")
    loader = make_loader(quick, tracks, frontend, ResidentLoader)
    batches = loader.train_batches(seed=0)
    starts = np.concatenate([next(batches)["start"] for _ in range(5)])
    assert (starts % 256 == 0).all()
    assert len(set(starts)) > 10
    assert (loader.segments(5)[1] % 256 == 0).all()


@pytest.mark.parametrize("normalise_over", ["track", "dataset"])
def test_a_trained_run_scores_a_file_as_it_did_in_evaluation(
    quick, tmp_path, music_folder, normalise_over
):
    quick.frontend.kwargs.update(WHOLE | {"normalise_over": normalise_over})
    train(quick, tmp_path / "run", progress=False)
    table = predict_run(tmp_path / "run", "test")
    predictor = mgr_jax.load(tmp_path / "run")
    assert set(predictor.spec.aux) == (
        {"maximum", "mean", "std"} if normalise_over == "track" else set()
    )
    for track in dict.fromkeys(table.track):
        prediction = predictor.predict(music_folder / track)
        rows = table.track == track
        np.testing.assert_allclose(prediction.probabilities, table.probabilities[rows], atol=1e-4)
        np.testing.assert_allclose(prediction.start, table.start[rows])


def test_loaders_agree_when_tracks_are_normalised(quick, tmp_path):
    quick.frontend.kwargs.update(WHOLE)
    scores = {}
    for loader in ("streaming", "resident"):
        quick.update({"loader": loader, "steps_per_dispatch": 1})
        scores[loader] = train(quick, tmp_path / loader, progress=False)
    assert scores["streaming"] == scores["resident"]


def test_statistics_of_cepstra_and_of_large_numbers(quick):
    tracks = [np.random.default_rng(s).normal(0, 0.1, 9_000).astype(np.float32) for s in (0, 1)]
    settings = {"n_fft": 512, "hop_length": 256, "n_mels": 32, "top_db": None}
    mfcc = {"standardise": "bins", "normalise_over": "track", "whole_track": True}
    frontend = create_frontend("mfcc", n_mfcc=13, **settings, **mfcc)
    for track in tracks:
        features = extract_features(frontend, track)
        np.testing.assert_allclose(features.mean(0), 0, atol=1e-3)
        np.testing.assert_allclose(features.std(0), 1, atol=1e-3)
    table = np.random.default_rng(0).normal(1e5, 1, (500, 1, 3)).astype(np.float32)
    frontend = create_frontend("precomputed", standardise="bins")
    found = TrackMeter(frontend)(lambda: table)
    np.testing.assert_allclose(found["mean"], table.mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(found["std"], table.std((0, 1), dtype=np.float64), rtol=1e-2)
    columns = frontend.apply(frontend.init(jax.random.key(0), table, found), table)
    np.testing.assert_allclose(columns.std((0, 1)), 1, rtol=2e-2)


@pytest.mark.parametrize("settings", [{"ref": "max"}, {"standardise": "all"}, {"scale": "pcen"}])
def test_features_of_a_track_whose_frames_depend_on_each_other(settings):
    track = np.random.default_rng(0).normal(0, 0.1, 300_000).astype(np.float32)
    track *= np.linspace(0, 1, len(track), dtype=np.float32)
    cut = {"n_fft": 512, "hop_length": 200, "n_mels": 20}
    whole = extract_features(create_frontend("log_mel", whole_track=True, **cut, **settings), track)
    clip = create_frontend("log_mel", **cut, **settings).apply({}, track[None])[0]
    np.testing.assert_allclose(whole, clip, atol=1e-3)


def test_a_dataset_that_cannot_be_written_is_measured_anew(quick, frontend, monkeypatch):
    tracks = open_split(quick, "validation")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    quick.frontend.kwargs.n_mels = 31  # not measured by another test
    other = create_frontend("log_mel", sample_rate=12_000, **quick.frontend.kwargs.to_dict())
    monkeypatch.setattr(np, "savez", refuse)
    with pytest.warns(UserWarning, match="Permission denied.; it is computed anew"):
        assert set(track_statistics(other, tracks)) == {"maximum", "mean", "std"}


def test_a_network_without_batch_statistics_is_loaded(quick, tmp_path, music_folder):
    quick.frontend.kwargs.standardise = "all"
    quick.input_norm = "none"
    train(quick, tmp_path / "run", progress=False)
    assert len(predict_run(tmp_path / "run", "test").track)
    path = next(music_folder.glob("*/*.wav"))
    assert mgr_jax.load(tmp_path / "run").predict(path).label


def test_learned_filters_share_a_batch_over_devices():
    frontend = create_frontend(
        "harmonic", normalise_over="batch", ref="max", top_db=80.0, axis_name="devices"
    )
    clips = np.random.default_rng(0).normal(0, 0.1, (4, 1, 8_000)).astype(np.float32)
    clips *= np.array([1, 0.5, 0.1, 0.01], np.float32)[:, None, None]
    variables = frontend.init(jax.random.key(0), clips[0])

    def loss(variables, clips):
        return frontend.apply(variables, clips).mean()

    gradients = jax.pmap(jax.grad(loss), "devices", in_axes=(None, 0))(variables, clips)
    assert np.isfinite(gradients["params"]["Q"]).all()
    levels = jax.pmap(lambda y: frontend.apply(variables, y), "devices")(clips)
    np.testing.assert_allclose(levels.max(), 0, atol=1e-4)
    assert levels[3].max() < -30


def test_missing_statistics_are_an_error(quick, frontend):
    quick.frontend.kwargs.update({"normalise_over": "dataset"})
    classifier, spec = create_classifier(quick, 3)
    with user_error("frontend.needs_statistics", "dataset's maximum", "init"):
        init_variables(classifier, spec, 0)
    with user_error("frontend.needs_statistics", "track's maximum", "every clip"):
        frontend.apply({}, np.zeros((1, 5_000), np.float32))
