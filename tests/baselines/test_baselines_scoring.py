import dataclasses
import os

import librosa
import numpy as np
import pytest
from errors import user_error
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVC

from mgr_jax.baselines import segments as segments_module
from mgr_jax.baselines.examples import describe_tracks, examples_of_table, make_examples
from mgr_jax.baselines.feature_sets import select_columns
from mgr_jax.baselines.scoring import score, score_repeats, training_tracks
from mgr_jax.baselines.segments import describe_segments
from mgr_jax.baselines.sources import read_examples
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.feature_files import FeatureTracks, read_features
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.parts import Units
from mgr_jax.evaluation import evaluate
from mgr_jax.features import fma518, gtzan57
from mgr_jax.features.mfcc_statistics import mfcc_statistics
from mgr_jax.features.pictures import bin_statistics, describe_pictures
from mgr_jax.features.random_projection import log_mel, project
from mgr_jax.features.recipes import Recipe


def accuracy(predictions):
    return float((predictions.probabilities.argmax(axis=1) == predictions.label).mean())


def make_table(tmp_path, tracks=40, rows=5, gain=0.0, **about):
    """Tracks whose rows are near copies; `gain` says how well their genre can be heard."""
    rng = np.random.default_rng(0)
    genre = np.arange(tracks) % 2
    centres = rng.normal(size=(tracks, 6)) + gain * genre[:, None]
    frames = centres[:, None] + 0.01 * rng.normal(size=(tracks, rows, 6))
    table = FeatureTracks(
        path=tmp_path / "table.csv",
        track_id=[f"track{i}" for i in range(tracks)],
        features=list(frames.astype(np.float32)),
        label=[("polka", "ska")[g] for g in genre],
        artist=[f"artist{i // 4}" for i in range(tracks)],
        split=["train" if i < 30 else "test" for i in range(tracks)],
        columns=tuple(f"c{i}" for i in range(6)),
    )
    return examples_of_table(dataclasses.replace(table, **about))


def test_rows_of_a_track_on_both_sides_are_worth_what_the_audit_shows(tmp_path):
    # Genres are noise here: whatever is above chance is memory of the same track.
    examples = make_table(tmp_path)
    leaking = score(examples, "mlp1", protocol="row_random")
    honest = score(examples, "mlp1", protocol="stratified_kfold")
    assert accuracy(leaking) > 0.9
    assert accuracy(honest) < 0.7
    assert leaking.protocol.leaks
    assert not honest.protocol.leaks
    assert len(leaking.track) == len(honest.track) == 200
    assert honest.split == "crossval"


def test_folds_score_every_row_once_like_cross_val_predict(tmp_path):
    examples = make_table(tmp_path, tracks=60, rows=1, gain=1.0)
    found = score(examples, "svm_rbf_c100", protocol="stratified_kfold", folds=60 // 2)
    np.testing.assert_array_equal(found.track, examples.tracks.track)
    # With one track of each genre a fold there is next to no difference in how they are drawn.
    expected = cross_val_predict(
        make_pipeline(StandardScaler(), SVC(C=100, gamma=1e-3)),
        examples.features,
        examples.label,
        cv=StratifiedKFold(30, shuffle=True, random_state=0),
    )
    assert (found.probabilities.argmax(axis=1) == expected).mean() > 0.95


def test_artists_stay_on_one_side_or_are_counted(tmp_path):
    examples = make_table(tmp_path)
    by_track = score(examples, "nb", protocol="stratified_kfold", folds=2)
    by_artist = score(examples, "nb", protocol="artist_kfold", folds=2)
    assert by_track.protocol.crossing_artists
    assert by_artist.protocol.crossing_artists == 0
    nobody = make_table(tmp_path, artist=[""] * 40)
    with user_error("artists.unknown", "artist_kfold", "40 of 40"):
        score(nobody, "nb", protocol="artist_kfold")


def test_fixed_splits_fit_on_train_and_score_test_else_validation(tmp_path):
    examples = make_table(tmp_path, gain=1.0)
    found = score(examples, "lda")
    assert (found.split, set(found.track)) == ("test", {f"track{i}" for i in range(30, 40)})
    # Artist 7 has tracks 28 to 31.
    crossing = "splits given with table.csv, with 1 artist on several sides, rows of the table"
    assert found.protocol.sentence == crossing
    np.testing.assert_array_equal(training_tracks(examples, "dataset"), [15, 15])
    held_out = ["train" if i < 30 else "validation" for i in range(40)]
    examples = make_table(tmp_path, gain=1.0, split=held_out)
    assert score(examples, "lda").split == "validation"
    with user_error("protocol.empty_split", "test", "train, validation"):
        score(examples, "lda", split="test")
    with user_error("protocol.empty_split", "train", "stratified_kfold"):
        score(make_table(tmp_path, split=[""] * 40), "lda")
    with user_error("protocol.not_published", "official"):
        score(examples, "lda", protocol="official")
    with user_error("table.unknown_split", "'track0'", "'tset'", "test"):
        make_table(tmp_path, split=["tset"] + ["train"] * 39)


def test_an_index_adds_to_the_artists_that_a_table_tells(tmp_path):
    table = FeatureTracks(tmp_path / "t.csv", list("abc"), [], [], ["x", "y", ""], [])
    assert table.with_artists(["", "z", ""]).artist == ["x", "z", ""]
    assert table.with_artists(None) is table


def test_averaged_features_are_one_row_a_track(tmp_path):
    examples = make_table(tmp_path, gain=1.0)
    found = score(examples, "lda", protocol="stratified_kfold", aggregation="features")
    assert len(found.track) == 40
    assert "tracks by the mean of their rows of the table" in found.protocol.segments
    means = [examples.features[examples.of_track == i].mean(axis=0) for i in range(40)]
    np.testing.assert_allclose(examples.averaged().features, means, rtol=1e-5)
    assert (found.end - found.start == 5).all()


def test_seeds_are_repeats_where_they_decide_something(tmp_path):
    examples = make_table(tmp_path, gain=1.0)
    repeated = score_repeats(examples, "lda", seeds=3, protocol="stratified_kfold")
    np.testing.assert_array_equal(np.unique(repeated.repeat), [0, 1, 2])
    assert repeated.protocol.seeds == (0, 1, 2)
    assert len(evaluate(repeated, resamples=5)["repeats"]["accuracy"]) == 3
    assert score_repeats(examples, "lda", seeds=3).repeat is None
    assert len(np.unique(score_repeats(examples, "rf", seeds=3).repeat)) == 3


def test_tracks_without_a_genre_are_left_out():
    units = Units(
        track=list("abcd"), genre=["x", "", "y", "y"], artist=[""] * 4, identical=[""] * 4,
        split=["train"] * 4, together=[["1", "2", "3", "4"]],
    )  # fmt: skip
    of_track = np.array([0, 1, 1, 2, 3])
    features, spans = np.arange(5.0)[:, None], np.tile([0.0, 1.0], (5, 1))
    found = make_examples(features, of_track, spans, units, [0, -1, 1, 1], ["x", "y"])
    np.testing.assert_array_equal(found.features[:, 0], [0, 3, 4])
    np.testing.assert_array_equal(found.of_track, [0, 1, 2])
    np.testing.assert_array_equal(found.label, [0, 1, 1])
    assert found.tracks.together == [["1", "3", "4"]]
    alone = Units(["a"], ["x"], [""], [""], [""])
    with user_error("data.one_genre", "two genres"):
        make_examples(features[:1], of_track[:1], spans[:1], alone, [0], ["x"])


def test_fmas_18_feature_sets_have_their_sizes():
    sets = select_columns(["fma"], fma518.COLUMNS)
    # The column `dim` of the published table, in its order.
    published = [84, 84, 84, 140, 7, 7, 7, 49, 7, 42, 7, 189, 273, 196, 280, 322, 287, 518]
    assert [len(columns) for columns in sets.values()] == published
    assert {fma518.COLUMNS[i].split(".")[0] for i in sets["mfcc+spectral_contrast"]} == {
        "mfcc",
        "spectral_contrast",
    }


def test_features_of_other_tables_can_be_told_apart():
    sets = select_columns(["single", "mfcc+tempo"], gtzan57.COLUMNS)
    assert len(sets["mfcc"]) == 40
    assert len(sets["tempo"]) == 1
    assert len(sets["rms"]) == 2
    assert len(sets["mfcc+tempo"]) == 41
    assert sum(len(columns) for name, columns in sets.items() if "+" not in name) == 57
    with user_error("unknown_name", "'mfc'", "mfcc"):
        select_columns(["mfc"], gtzan57.COLUMNS)
    with user_error("argument.not_applicable", "`feature_sets`"):
        select_columns(["mfcc"], [])


def test_log_mel_is_librosas():
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    expected = librosa.power_to_db(librosa.feature.melspectrogram(y=wave, sr=8000)).T
    np.testing.assert_allclose(log_mel(wave, 8000), expected, atol=1e-4)


def test_projection_is_scikit_learns_of_pictures_of_one_size():
    rng = np.random.default_rng(0)
    pictures = [rng.normal(size=(frames, 4)) for frames in (9, 10, 12, *[10] * 70)]
    found = project(pictures, frames=10, components=3, seed=1)
    filled = np.concatenate([pictures[0], np.full((1, 4), pictures[0].min())])
    same = np.stack([filled, pictures[1], pictures[2][:10], *pictures[3:]]).reshape(73, -1)
    expected = GaussianRandomProjection(3, random_state=1).fit_transform(same.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_bin_statistics_of_a_picture():
    picture = np.array([[1, 5], [3, 5], [2, 5]], np.uint8)
    np.testing.assert_allclose(
        bin_statistics(picture), [2, 5, np.std([1, 3, 2]), 0, (2 + 1) / 2, 0]
    )
    assert np.isfinite(bin_statistics(picture[:1])).all()


@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
@pytest.mark.parametrize(("classifier", "published"), [("svm_rbf_c100", 46.7), ("lr_c01", 43.7)])
def test_scores_of_gtzans_published_table(shared_dir, classifier, published):
    table = read_features(shared_dir / "data" / "gtzan_features_30_sec_dev.csv")
    found = score(examples_of_table(table), classifier, protocol="fault_filtered")
    assert found.split == "validation"
    assert len(found.track) == 197
    assert round(100 * accuracy(found), 1) == published


@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
@pytest.mark.parametrize(("classifier", "published"), [("svm_rbf_c100", 50.8), ("lr_c01", 49.2)])
def test_scores_of_gtzans_pictures(shared_dir, classifier, published):
    table = read_features(shared_dir / "data" / "gtzan_mel30_dev.npz")
    values = describe_pictures(table.features, "bin_statistics", frames=336, components=0)
    spans = np.tile([0.0, 30.0], (len(values), 1))
    examples = make_examples(values, np.arange(len(values)), spans, **describe_tracks(table))
    found = score(examples, classifier, protocol="fault_filtered")
    assert round(100 * accuracy(found), 1) == published


def test_kept_features_that_cannot_be_used_or_written_are_computed_anew(
    data_dir, tmp_path, monkeypatch
):
    folder = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    tracks = open_tracks(folder, "test").select([0, 1])
    cache = tmp_path / "kept/a.npz"

    def describe(path=cache):
        return describe_segments(tracks, "mfcc_statistics", path, workers=0)

    first = describe()
    cache.write_bytes(cache.read_bytes()[:500])
    with pytest.warns(UserWarning, match=r"a\.npz is damaged"):
        np.testing.assert_array_equal(describe(), first)
    recipe = Recipe(("loudest",), lambda waveform, _: np.array([np.abs(waveform).max()]))
    monkeypatch.setattr("mgr_jax.baselines.segments.find_recipe", lambda *_, **__: recipe)
    np.testing.assert_array_equal(describe(), first)
    monkeypatch.setattr("mgr_jax.features.kept._FORMAT", 0)  # of other numbers
    assert describe().shape == (len(tracks), 1)
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="cannot keep"):  # as in a folder that is read-only
        assert describe(tmp_path / "file/a.npz").shape == (len(tracks), 1)


@pytest.mark.parametrize("features", ["mfcc_statistics", "random_projection"])
def test_segments_have_the_numbers_of_the_features_also_after_a_kill(
    data_dir, tmp_path, monkeypatch, features
):
    folder = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    segments = open_tracks(folder, "train").cut(3000)
    waveforms = [segments.read(row).astype(np.float32) / 32768.0 for row in range(len(segments))]
    if features == "mfcc_statistics":
        expected = np.stack([mfcc_statistics(waveform, 12_000) for waveform in waveforms])
    else:
        pictures = [log_mel(waveform, 12_000) for waveform in waveforms]
        expected = project(pictures, frames=1 + 3000 // 512, components=5)

    def describe():
        return describe_segments(
            segments, features, tmp_path / "a.npz", steps=3000, components=5, workers=0
        )

    asked = []
    read = segments_module._read_audio
    with monkeypatch.context() as patch:

        def read_some(segment):
            asked.append(segment)
            if len(asked) > 100:
                raise KeyboardInterrupt
            return read(segment)

        patch.setattr(segments_module, "_read_audio", read_some)
        with pytest.raises(KeyboardInterrupt):
            describe()
    assert len(segments) == 144
    assert os.listdir(tmp_path) == ["a.npz.journal"]
    np.testing.assert_array_equal(describe(), expected)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_segment_that_fails_is_no_part_of_a_projection(data_dir, tmp_path, monkeypatch):
    def refuse_nothing(waveform, sample_rate):
        if not len(waveform):
            raise ValueError("empty")
        return log_mel(waveform, sample_rate)

    monkeypatch.setattr(segments_module, "log_mel", refuse_nothing)
    folder = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    some = open_tracks(folder, "test").select([0, 1, 2])
    broken = dataclasses.replace(some, length=np.array([some.length[0], 0, some.length[2]]))
    found = describe_segments(
        broken, "random_projection", tmp_path / "a.npz", steps=24_000, components=5
    )
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, True]


def test_segments_of_no_frame_are_refused(data_dir):
    where = {"sample_rate": 12_000, "data_dir": data_dir, "progress": False}
    with user_error("segment.too_short", "1e-06 s"):
        read_examples(dataset="audio_folder/music", seconds=1e-6, **where)


def test_segments_without_features_are_rows_of_nan_unless_all_are(data_dir, tmp_path):
    tracks = open_tracks(
        find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir), "test"
    )
    some = tracks.select([0, 1])
    silent = dataclasses.replace(some, length=np.array([some.length[0], 0]))
    found = describe_segments(silent, "mfcc_statistics", tmp_path / "a.npz", workers=0)
    assert found.shape == (2, 80)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    with user_error("features.none", "1 items", "segment 0 of"):
        describe_segments(silent.select([1]), "mfcc_statistics", tmp_path / "b.npz", workers=0)
    assert not (tmp_path / "b.npz").exists()
    with user_error("unknown_name", "description of waveforms", "'mfcc'"):
        describe_segments(silent, "mfcc", tmp_path / "b.npz")
