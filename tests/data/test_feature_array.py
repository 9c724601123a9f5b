"""Files of features become datasets that never part a track, and are scored without them."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.config import base_config
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.feature_files import read_features
from mgr_jax.data.prepare import prepare
from mgr_jax.evaluation import Predictions
from mgr_jax.training.inference import predict_run
from mgr_jax.training.train import train

GENRES = ("low", "mid", "top")
BINS, FRAMES = 12, 20


def pictures() -> dict[str, np.ndarray]:
    """Ten tracks of each genre, bright in its third of the bins: what np.savez is to store."""
    rng = np.random.default_rng(0)
    mel = rng.integers(0, 100, (30, BINS, FRAMES)).astype(np.uint8)
    track = []
    for row in range(30):
        genre = row // 10
        mel[row, 4 * genre : 4 * genre + 4] += 100
        track.append(f"{GENRES[genre]}.{row % 10:05d}")
    return {"mel": mel, "track": np.array(track)}


def table(**columns: list) -> str:
    """A CSV table of 3-s rows: three genres, six tracks of three rows each."""
    names = [f"{g}.{t:05d}.{s}.wav" for g in GENRES for t in range(6) for s in range(3)]
    rows = {
        "filename": names,
        "length": [66_149] * len(names),
        "rms": [f"{i / 7:.4f}" for i in range(len(names))],
        "tempo": [str(100 + i % 5) for i in range(len(names))],
        "label": [name.split(".")[0] for name in names],
    } | columns
    lines = zip(*rows.values(), strict=True)
    return "\n".join(",".join(map(str, line)) for line in [rows, *lines]) + "\n"


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "toy.npz"
    np.savez(path, **pictures())
    return path


@pytest.fixture
def build(tmp_path):
    """Prepares a file in a folder of the test."""

    def build(path: Path, **options) -> Path:
        return prepare(
            "feature_array",
            data_dir=tmp_path / "tfds",
            features=path,
            **{"num_workers": 0, "overwrite": True, **options},
        ).folder

    return build


def members(folder: Path) -> dict[str, list[str]]:
    splits = json.loads((folder / "protocol.json").read_text())["tracks"]
    return {split: open_tracks(folder, split).track_id.tolist() for split in splits}


def test_pictures_are_stored_frames_first_and_unchanged(npz, build):
    folder = build(npz, frame_rate=2.5)
    stored = pictures()
    seen = []
    for split in ("train", "validation", "test"):
        tracks = open_tracks(folder, split)
        assert (tracks.kind, tracks.dtype, tracks.item_shape) == ("features", "uint8", (BINS,))
        assert tracks.rate == 2.5
        for row, name in enumerate(tracks.track_id):
            original = stored["mel"][stored["track"].tolist().index(name)]
            np.testing.assert_array_equal(tracks.read(row), original.T)
            assert tracks.classes[tracks.label[row]] == name.split(".")[0]
        seen += tracks.track_id.tolist()
    assert sorted(seen) == sorted(stored["track"])


@pytest.mark.parametrize(
    ("name", "dtype", "stored_as", "shape"),
    [
        ("mel", "float16", "float16", (30, BINS, FRAMES)),
        ("mel", "float64", "float32", (30, BINS, FRAMES)),
        ("features", "float32", "float32", (30, FRAMES, BINS)),
        ("features", "uint8", "uint8", (30, FRAMES, BINS, 2)),
    ],
)
def test_layouts_and_types(tmp_path, name, dtype, stored_as, shape):
    array = np.random.default_rng(0).uniform(0, 200, shape).astype(dtype)
    np.savez(tmp_path / "a.npz", **{name: array}, track=np.array([f"t{i}" for i in range(30)], "S"))
    tracks = read_features(tmp_path / "a.npz")
    expected = np.swapaxes(array, 1, 2) if name == "mel" else array
    assert tracks.features[3].dtype == stored_as
    np.testing.assert_array_equal(tracks.features[3], expected[3].astype(stored_as))
    assert tracks.track_id[3] == "t3"
    assert not any(tracks.label)


def test_rows_of_a_table_are_frames_of_their_track(tmp_path, build):
    path = tmp_path / "toy.csv"
    path.write_text(table())
    folder = build(path, fractions=(0.5, 0.25, 0.25))
    splits = members(folder)
    names = [name for tracks in splits.values() for name in tracks]
    assert sorted(names) == sorted(f"{g}.{t:05d}" for g in GENRES for t in range(6))
    tracks = open_tracks(folder, "train")
    assert set(tracks.length) == {3}
    row = GENRES.index(tracks.track_id[0].split(".")[0]) * 18 + int(tracks.track_id[0][-5:]) * 3
    expected = [[float(f"{i / 7:.4f}"), 100 + i % 5] for i in range(row, row + 3)]
    np.testing.assert_array_equal(tracks.read(0), np.array(expected, np.float32))
    assert json.loads((folder / "protocol.json").read_text())["columns"] == ["rms", "tempo"]


def test_identical_features_stay_on_one_side(tmp_path, build):
    arrays = pictures()
    arrays["mel"][1:8] = arrays["mel"][0]
    np.savez(tmp_path / "twins.npz", **arrays)
    for seed in range(3):
        splits = members(build(tmp_path / "twins.npz", seed=seed))
        assert sum(bool(set(arrays["track"][:8]) & set(names)) for names in splits.values()) == 1


def test_artists_of_the_file_or_of_an_index_stay_on_one_side(tmp_path, npz, build):
    arrays = pictures()
    artist = dict(zip(arrays["track"].tolist(), [f"a{i // 2}" for i in range(30)], strict=True))
    np.savez(tmp_path / "known.npz", **arrays, artist=np.array(list(artist.values())))
    index = tmp_path / "artists.csv"
    index.write_text("track,artist\n" + "".join(f"{t},{a}\n" for t, a in artist.items()))
    for options in ({"path": tmp_path / "known.npz"}, {"path": npz, "artists": index}):
        folder = build(**options, splits="artist")
        sides = [{artist[name] for name in names} for names in members(folder).values()]
        assert len(set.union(*sides)) == sum(map(len, sides)) == 15
        protocol = json.loads((folder / "protocol.json").read_text())
        assert protocol["split_by"] == ["artist"]
        assert protocol["artists_in_several_splits"] == 0


@pytest.mark.parametrize("splits", ["stratified", "given"])
def test_known_artists_that_other_splits_part_are_counted(tmp_path, build, splits):
    split = np.array((["train"] * 6 + ["validation"] * 2 + ["test"] * 2) * 3)
    artist = np.repeat(GENRES, 10)
    np.savez(tmp_path / "a.npz", **pictures(), split=split, artist=artist)
    with pytest.warns(UserWarning, match=f"3 artists are in several {splits} splits"):
        folder = build(tmp_path / "a.npz", splits=splits)
    protocol = json.loads((folder / "protocol.json").read_text())
    assert protocol["artists_in_several_splits"] == 3
    assert protocol["split_by"] == ["track"]


def test_given_splits_are_kept(tmp_path, build):
    split = np.array((["train"] * 6 + ["validation"] * 2 + ["test"] * 2) * 3)
    np.savez(tmp_path / "given.npz", **pictures(), split=split)
    folder = build(tmp_path / "given.npz", splits="given")
    assert {name: len(tracks) for name, tracks in members(folder).items()} == {
        "train": 18,
        "validation": 6,
        "test": 6,
    }
    assert json.loads((folder / "protocol.json").read_text())["given"]


def test_another_frame_rate_or_file_is_noticed(npz, build):
    build(npz)
    with user_error("dataset.other_settings", "frame_rate = 1.0"):
        build(npz, frame_rate=2.0, overwrite=False)
    np.savez(npz, **pictures() | {"mel": pictures()["mel"][:, ::-1]})
    with user_error("dataset.other_settings", "other files"):
        build(npz, overwrite=False)


def change(**arrays):
    """Other arrays in the file; None removes one."""
    return {k: v for k, v in (pictures() | arrays).items() if v is not None}


@pytest.mark.parametrize(
    ("arrays", "options", "code", "named"),
    [
        (change(track=None), {}, "table.missing_column", "'track'"),
        (change(features=np.zeros((30, 2, 2))), {}, "table.missing_column", "'mel' and 'features'"),
        (change(mel=np.zeros((30, 12))), {}, "table.wrong_shape", "[track, bins, frames]"),
        (change(mel=np.zeros((30, 0, 2))), {}, "table.wrong_shape", "(30, 0, 2)"),
        (change(mel=np.zeros((30, 2, 2), int)), {}, "table.wrong_type", "type int64; store uint8"),
        (change(track=np.array(["a"])), {}, "table.wrong_shape", "track has shape (1,)"),
        (
            change(track=np.array(["low.00000"] * 30)),
            {},
            "table.duplicate_track",
            "'low.00000' 30 times",
        ),
        (
            change(track=np.array([f"low.00000.{i}.wav" for i in range(30)])),
            {},
            "table.duplicate_track",
            "30 times",
        ),
        (change(track=np.array([""] + ["b"] * 29)), {}, "table.unnamed_track", "bad.npz"),
        (change(track=np.arange(30)), {}, "table.missing_genre", "track '0'"),
        (change(mel=np.full((30, 2, 2), np.nan)), {}, "table.not_finite", "'low.00000'"),
        (change(mel=np.full((30, 2, 2), 1e300)), {}, "table.not_finite", "'low.00000'"),
        (change(mel=np.array([object()] * 30)), {}, "table.damaged", "bad.npz"),
        (change(label=np.array(["a"] * 30)), {}, "data.one_genre", "30 tracks"),
        (change(), {"splits": "fault_filterd"}, "unknown_name", "fault_filtered"),
        (change(), {"splits": "fault_filtered"}, "protocol.missing_tracks", "fault-filtered"),
        (change(), {"splits": "artist"}, "artists.unknown", "`artists`"),
        (change(), {"splits": "given"}, "table.unknown_split", "'low.00000' the split ''"),
        (change(split=np.array(["train"] * 30)), {"splits": "given"}, "split.empty", "validation"),
        (
            change(mel=np.ones((30, 2, 2)), split=np.array(["train", "validation", "test"] * 10)),
            {"splits": "given"},
            "split.overlap",
            "low.00000",
        ),
        (change(), {"frame_rate": 0.0}, "argument.out_of_range", "`frame_rate` is 0.0"),
    ],
)
def test_mistakes_in_arrays_are_one_sentence(tmp_path, build, arrays, options, code, named):
    np.savez(tmp_path / "bad.npz", **arrays)
    with user_error(code, named):
        build(tmp_path / "bad.npz", **options)
    assert not list((tmp_path / "tfds").glob("*/*"))


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("", "table.missing_column", "'track' or 'filename'"),
        ("rms,label\n1,low\n", "table.missing_column", "'track' or 'filename'"),
        ("track,label\na,low\n", "table.missing_column", "numeric columns"),
        ("track,rms\n", "table.empty", "bad.csv"),
        ("track,rms,rms\na,1,2\n", "table.duplicate_column", "2 columns called 'rms'"),
        (",track,rms\n0,a,1\n", "table.unnamed_column", "bad.csv"),
        ("track,rms\na.1,1\n\nb.1,high\n", "table.not_finite", "line 4, column 'rms' holds 'high'"),
        ("track,rms\na.1,\n", "table.not_finite", "line 2, column 'rms' holds ''"),
        ("track,rms\na.1,nan\n", "table.not_finite", "'nan'"),
        ("track,rms\na.1,1e39\n", "table.not_finite", "'1e39'"),
        ("track,rms\na.1,1,2\n", "table.ragged_row", "line 2, has 3 fields"),
        ("track,rms\n ,1\n", "table.unnamed_track", "line 2"),
        ("track,rms,label\na,1,low\na,2,mid\n", "table.contradiction", "line 3 gives track 'a'"),
        ("track,rms\na,1\nb,2\n", "table.missing_genre", "track 'a'"),
        ('track,rms\n"a,1\n', "table.not_csv", "UTF-8"),
        ("track,rms\n\ud800,1\n", "table.not_csv", "UTF-8"),
    ],
)
def test_mistakes_in_tables_are_one_sentence(tmp_path, build, text, code, named):
    (tmp_path / "bad.csv").write_bytes(text.encode(errors="surrogatepass"))
    with user_error(code, tmp_path / "bad.csv", named):
        build(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.npz", None, "file.not_found"),
        ("a.txt", b"", "file.wrong_suffix"),
        ("a.parquet", b"", "table.damaged"),
        ("empty.npz", b"", "table.damaged"),
        ("text.npz", b"no arrays " * 99, "table.damaged"),
        ("cut.npz", b"PK\x03\x04 cut", "table.damaged"),
    ],
)
def test_files_of_another_form_are_named(tmp_path, name, content, code):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with user_error(code, tmp_path / name):
        read_features(tmp_path / name)


def train_on(dataset: str, data_dir: Path, workdir: Path, **changes) -> Path:
    config = base_config()
    config.update(
        {
            "dataset": dataset,
            "data_dir": str(data_dir),
            "sample_rate": 0,
            "frontend": {"name": "precomputed"},
            "batch_size": 8,
            "num_steps": 4,
            "eval_every": 4,
        }
        | changes
    )
    train(config, workdir, progress=False)
    return workdir


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the pictures whose dataset is gone, its scores on the test split, and the file."""
    folder = tmp_path_factory.mktemp("features")
    np.savez(folder / "toy.npz", **pictures())
    prepare("feature_array", data_dir=folder, features=folder / "toy.npz", num_workers=0)
    model = {"name": "fcn", "kwargs": {"widths": (8, 16), "pools": ((2, 2), (2, 2))}}
    workdir = train_on(
        "feature_array/toy", folder, folder / "run", clip_samples=8, model=model, eval_segments=4
    )
    expected = {split: predict_run(workdir, split) for split in ("validation", "test")}
    shutil.rmtree(folder / "feature_array")
    return workdir, expected, folder / "toy.npz"


def call(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_file_scores_as_its_dataset_did(capsys, run):
    workdir, expected, file = run
    code, out, err = call(capsys, "evaluate", f"--model={workdir}", f"--features={file}")
    assert code == 0, err
    trained_on = 30 - sum(len(set(table.track)) for table in expected.values())
    assert f"Left out {trained_on} tracks that the run was trained on." in out
    assert f"of the {30 - trained_on} tracks scored chose the best checkpoint." in out
    found = Predictions.load(workdir / "predictions/toy.npz")
    for table in expected.values():
        for row, (track, start) in enumerate(zip(table.track, table.start, strict=True)):
            (match,) = np.flatnonzero((found.track == track) & (found.start == start))
            np.testing.assert_allclose(
                found.probabilities[match], table.probabilities[row], atol=1e-5
            )
            assert found.classes[found.label[match]] == table.classes[table.label[row]]
            assert found.end[match] == table.end[row]
    assert len(found.track) == 4 * (30 - trained_on)
    assert json.loads((workdir / "predictions/toy.json").read_text())["majority"]


def test_a_split_of_the_run_can_be_scored(capsys, run):
    workdir, expected, file = run
    code, _, err = call(
        capsys, "evaluate", f"--model={workdir}", f"--features={file}", "--split=validation"
    )
    assert code == 0, err
    found = Predictions.load(workdir / "predictions/toy_validation.npz")
    assert set(found.track) == set(expected["validation"].track)
    assert "validation tracks of toy.npz" in found.protocol.origin


def test_predict_names_every_track(capsys, run, tmp_path):
    workdir, expected, file = run
    argv = ["predict", f"--model={workdir}", f"--features={file}", "--timeline"]
    code, out, err = call(capsys, *argv, f"--out={tmp_path / 'p'}", "--format=text,csv,audacity")
    assert code == 0, err
    assert out.count("\n  0:00–0:20  ") == 30  # one section each
    results = {
        row.file: row for row in mgr_jax.read_results(tmp_path / "p.csv") if row.unit == "track"
    }
    assert list(results) == pictures()["track"].tolist()
    track = expected["test"].track[0]
    picture = pictures()["mel"][pictures()["track"].tolist().index(track)].T
    alone = mgr_jax.load(workdir).predict_features(picture)
    found = results[track]
    np.testing.assert_allclose(
        list(found.probabilities.values()), alone.answer.probabilities, atol=1e-6
    )
    assert (found.start, found.end) == (0, found.seconds) == (0, alone.end.max())
    labels = mgr_jax.read_results(tmp_path / "p.labels")
    assert {row.file for row in labels} == set(results)
    assert all(row.end > row.start for row in labels)


@pytest.mark.parametrize(
    ("features", "code", "named"),
    [
        (np.zeros((BINS, FRAMES), np.uint8), "predict.feature_shape", ("[frames, 12]",)),
        (np.zeros((0, BINS), np.uint8), "predict.feature_shape", ("shape (0, 12)",)),
        (np.zeros((FRAMES, BINS, 1), np.uint8), "predict.feature_shape", ("shape (20, 12, 1)",)),
        (np.zeros((FRAMES, BINS), np.float32), "predict.feature_type", ("type float32", "uint8")),
        (np.zeros((FRAMES, BINS), np.int32), "predict.feature_type", ("type int32",)),
    ],
)
def test_other_features_are_refused(run, features, code, named):
    with user_error(code, *named):
        mgr_jax.load(run[0]).predict_features(features)


def test_short_tracks_are_filled_with_a_warning(run):
    told = "1 of 1 tracks have fewer frames than the network.s window of 8"
    with pytest.warns(UserWarning, match=told):
        prediction = mgr_jax.load(run[0]).predict_features(np.ones((3, BINS), np.uint8))
    assert prediction.end.tolist() == [3.0]


def test_a_model_of_features_refuses_audio(run, capsys, music_folder):
    code, _, err = call(capsys, "predict", f"--model={run[0]}", music_folder)
    assert code == 1
    assert "reads feature arrays, not audio" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arrays", "name", "flags", "says"),
    [
        (change(), "test.npz", [], "would replace those of the test split"),
        (change(), "a.npz", ["--split=test"], "a file has no split test"),
        (change(label=np.array(["jazz"] * 30)), "a.npz", [], "'jazz', which the model does not"),
        (change(mel=np.zeros((30, 2, 2))), "a.npz", [], "the features have shape"),
        (change(track=np.arange(30)), "a.npz", [], "does not say the genre"),
        (
            change(track=np.arange(30)),
            "a.npz",
            ["--split=validation"],
            "no track of the validation",
        ),
    ],
)
def test_files_that_cannot_be_scored(run, capsys, tmp_path, arrays, name, flags, says):
    np.savez(tmp_path / name, **arrays)
    code, _, err = call(
        capsys, "evaluate", f"--model={run[0]}", f"--features={tmp_path / name}", *flags
    )
    assert code == 1
    assert says in err
    assert err.count("\n") == 1


def test_tracks_that_were_trained_on_are_never_scored_unasked(run, capsys, tmp_path):
    trained_on = json.loads((run[0] / "tracks.json").read_text())["train"]
    rows = np.isin(pictures()["track"], trained_on)
    np.savez(tmp_path / "a.npz", **{name: array[rows] for name, array in pictures().items()})
    code, _, err = call(capsys, "evaluate", f"--model={run[0]}", f"--features={tmp_path / 'a.npz'}")
    assert code == 1
    assert f"was trained on all {len(trained_on)} tracks" in err


@pytest.mark.parametrize("rename", ["{}-copy", "genres/{}.WAV"])
def test_copies_of_training_tracks_are_known_under_other_names(run, capsys, tmp_path, rename):
    trained_on = json.loads((run[0] / "tracks.json").read_text())["train"]
    arrays = pictures()
    rows = np.isin(arrays["track"], trained_on)
    names = np.where(rows, [rename.format(name) for name in arrays["track"]], arrays["track"])
    np.savez(tmp_path / "a.npz", **arrays | {"track": names})
    code, out, _ = call(capsys, "evaluate", f"--model={run[0]}", f"--features={tmp_path / 'a.npz'}")
    assert code == 0
    assert f"Left out {len(trained_on)} tracks that the run was trained on" in out


def test_the_command_line_asks_for_the_frame_rate(capsys, tmp_path):
    code, _, err = call(
        capsys, "prepare_data", "--dataset=feature_array", f"--features={tmp_path / 'a.npz'}"
    )
    assert code == 1
    assert "give --frame_rate" in err


def test_columns_of_a_table_are_found_by_name(tmp_path, build, capsys):
    path = tmp_path / "toy.csv"
    noise = np.random.default_rng(0).normal(size=(8, 54)).round(4)
    columns = {f"mfcc{i}": values.tolist() for i, values in enumerate(noise)}
    path.write_text(table(**columns))
    folder = build(path, fractions=(0.5, 0.25, 0.25))
    model = {"name": "mlp", "kwargs": {"units": (8,)}}
    workdir = train_on(
        "feature_array/toy", tmp_path / "tfds", tmp_path / "run", clip_samples=1, model=model
    )
    expected = predict_run(workdir, "test")
    shutil.rmtree(folder)
    other = tmp_path / "other.csv"
    header, *rows = [line.split(",") for line in table(**columns).splitlines()]
    other.write_text("".join(",".join([*line[::-1], "7"]) + "\n" for line in [header, *rows])
                     .replace("filename,7", "filename,further", 1))  # fmt: skip
    code, _, err = call(capsys, "evaluate", f"--model={workdir}", f"--features={other}")
    assert code == 0, err
    found = Predictions.load(workdir / "predictions/other.npz")
    for track in set(expected.track):
        np.testing.assert_allclose(
            found.probabilities[found.track == track],
            expected.probabilities[expected.track == track],
            atol=1e-5,
        )
    other.write_text(table())
    code, _, err = call(capsys, "evaluate", f"--model={workdir}", f"--features={other}")
    assert code == 1
    assert "lacks the column 'mfcc0' (8 of 10 are missing)" in err


@pytest.mark.parametrize(
    ("name", "counts", "dtype", "item_shape"),
    [
        ("gtzan_mel30_dev.npz", (442, 197), "uint8", (218,)),
        ("gtzan_mel3_dev.npz", (443, 197), "float16", (128,)),
        ("gtzan_features_30_sec_dev.csv", (443, 197), "float32", (57,)),
    ],
)
def test_real_files_prepare_under_the_fault_filtered_lists(
    shared_dir, build, name, counts, dtype, item_shape
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the test tracks are kept back
        folder = build(shared_dir / "data" / name, splits="fault_filtered")
    assert tuple(len(tracks) for tracks in members(folder).values()) == counts
    tracks = open_tracks(folder, "validation")
    assert (tracks.dtype, tracks.item_shape, len(tracks.classes)) == (dtype, item_shape, 10)
