"""Table rows and categories beside the sound: from files to logits, in training and afterwards."""

import dataclasses
import json
import warnings

import jax
import numpy as np
import pytest
from errors import user_error
from ml_collections import ConfigDict
from unsealed import read_unsealed

import mgr_jax
from mgr_jax import cli
from mgr_jax.classifier import init_variables
from mgr_jax.config import base_config, validate
from mgr_jax.data.loader import stack_batches
from mgr_jax.data.pipeline import make_loader, open_split
from mgr_jax.data.prepare import prepare
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.data.side_inputs import side_inputs_of
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.data.table_rows import match_rows, read_table, rows_of
from mgr_jax.model_folder import read_description
from mgr_jax.side_inputs import SideInputs
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.inference import classifier_for, predict_run
from mgr_jax.training.optim import cross_entropy, make_optimizer
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_eval_step, make_train_step
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train
from mgr_jax.training.transfer import initial_variables

GENRES = ("a", "b", "c")


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Tracks of noise, by artists who play one genre each, and a table that tells the genre."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    genre = np.repeat(GENRES, 24)
    track = np.array([f"{g}.{number:05d}" for number, g in enumerate(genre)])
    artist = [f"{g} artist {number % 6}" for number, g in enumerate(genre)]
    sound = rng.standard_normal((72, 4, 5)).astype(np.float32)
    np.savez(folder / "noise.npz", track=track, label=genre, artist=artist, features=sound)
    # A column for each genre, of different sizes and far from zero, and a constant; two rows for
    # each track. Batch norm's epsilon would flatten the first column.
    means = 3 + 1e-3 * (genre[:, None] == np.array(GENRES))
    with (folder / "table.csv").open("w") as file:
        file.write("track,first,second,third,constant\n")
        for row in rng.permutation(72):
            for shift in (-0.01, 0.01):
                values = (means[row] + shift) * [1e-3, 1, 1e3]
                file.write(f"{track[row]},{','.join(map(str, values))},7\n")
    prepare("feature_array", data_dir=folder, features=folder / "noise.npz", num_workers=0)
    return folder


@pytest.fixture
def config(noise):
    """A fusion that trains on noise and its table in a second."""
    return noise_config(noise)


def noise_config(noise):
    config = fusion_config()
    config.dataset, config.data_dir = "feature_array/noise", str(noise)
    config.sample_rate, config.clip_samples = 0, 2
    config.frontend.name = "precomputed"
    config.side_inputs.table = str(noise / "table.csv")
    return config


def fusion_config():
    config = base_config()
    config.model.name = "fusion"
    config.model.kwargs = {
        "encoder": {"name": "mlp", "kwargs": {"units": (8,)}},
        "units": (16,),
        "table_units": 8,
    }
    config.update({"batch_size": 8, "num_steps": 4, "eval_every": 4, "log_every": 2})
    return config


@pytest.fixture
def music(tiny_config):
    """The same on the audio of conftest, whose splits are artist-disjoint."""
    config = fusion_config()
    for field in ("dataset", "data_dir", "sample_rate", "clip_samples", "frontend"):
        config[field] = tiny_config[field]
    config.side_inputs.categories = ("artist", "session")
    return config


def splits_of(config):
    return {name: open_split(config, name) for name in ("train", "validation")}


def accuracy(predictions):
    by_track = predictions.by_track()
    return (by_track.probabilities.argmax(1) == by_track.label).mean()


@pytest.mark.slow
def test_a_table_that_tells_the_genre_is_learnt_where_sound_is_noise(config, tmp_path):
    config.update({"num_steps": 80, "eval_every": 80, "log_every": 80})
    config.optimizer.learning_rate = 3e-3
    train(config, tmp_path / "with", progress=False)
    assert accuracy(predict_run(tmp_path / "with", "test")) > 0.9
    side = read_description(tmp_path / "with").side
    assert side.columns == ("first", "second", "third", "constant")

    config.model.name, config.model.kwargs = "mlp", {"units": (8,)}
    config.side_inputs.table = ""
    train(config, tmp_path / "without", progress=False)
    assert accuracy(predict_run(tmp_path / "without", "test")) < 0.75
    assert read_description(tmp_path / "without").side == SideInputs()


def test_columns_are_standardised_by_the_training_tracks(config):
    splits = splits_of(config)
    side, arrays = side_inputs_of(config, splits)
    table = arrays["train"]["table"]
    assert table.shape == (len(splits["train"]), 4)
    np.testing.assert_allclose(table.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(table.std(axis=0), [1, 1, 1, 0], atol=1e-3)
    other = arrays["validation"]["table"] * side.scale + side.mean
    rows = splits["validation"].label == 0
    assert other[rows, 0].mean() > other[~rows, 0].mean()


def test_vocabularies_are_those_of_the_training_split(music):
    splits = splits_of(music) | {"test": open_split(music, "test")}
    with pytest.warns(UserWarning, match="no artist outside of the training tracks") as warned:
        side, arrays = side_inputs_of(music, splits)
    assert len(warned) == 1  # sessions are known
    train_artists = set(open_split(music, "train").artist_id)
    assert side.vocabularies["artist"] == tuple(sorted(train_artists))
    assert side.format.categories == (("artist", len(train_artists)), ("session", 3))
    artist, session = arrays["train"]["categories"].T
    assert set(artist) == set(range(1, 1 + len(train_artists)))
    assert set(session) == {1, 2, 3}
    for split in ("validation", "test"):
        artist, session = arrays[split]["categories"].T
        assert set(artist) == {0}
        assert set(session) <= {1, 2, 3}
    # An unknown name is as unseen as none.
    assert SideInputs(vocabularies={"artist": ("x",)}).encode(
        np.empty((3, 0)), {"artist": ["x", "", "y"]}
    )["categories"].tolist() == [[1], [0], [0]]


def test_both_loaders_give_the_side_inputs_of_the_tracks(config, noise):
    config.side_inputs.categories = ("artist",)
    splits = splits_of(config)
    side, arrays = side_inputs_of(config, splits)
    classifier, spec = make(config, side)
    drawn = {}
    for kind in (StreamingLoader, ResidentLoader):
        loader = make_loader(config, splits["train"], classifier.frontend, kind, arrays["train"])
        batch = next(loader.train_batches(seed=3))
        drawn[kind] = batch["aux"], batch["index"], batch["targets"]
        (first, *_) = loader.eval_batches()
        rows = loader.segments()[0][: config.batch_size]
        np.testing.assert_array_equal(first["aux"]["table"], arrays["train"]["table"][rows])
    jax.tree.map(np.testing.assert_array_equal, *drawn.values())
    aux = drawn[StreamingLoader][0]
    assert {name: value.dtype.name for name, value in aux.items()} == {
        "table": "float32",
        "categories": "int32",
    }
    blank = spec.side.blank(8)
    assert {name: value.shape for name, value in aux.items()} == {
        name: value.shape for name, value in blank.items()
    }


def make(config, side, axis_name=None):
    tracks = open_split(config, "train")
    return classifier_for(config, tracks, side.format, axis_name=axis_name)


def test_both_partitions_train_the_same_network(config):
    config.side_inputs.categories = ("artist",)
    config.model.kwargs.encoder.kwargs.dropout = 0.0
    config.model.kwargs.update({"dropout": 0.0, "category_dropout": 0.0})
    splits = splits_of(config)
    side, arrays = side_inputs_of(config, splits)
    results = []
    for name in ("pmap", "jit"):
        partition = make_partition(name, config.batch_size)
        classifier, spec = make(config, side, partition.axis_name)
        loader = make_loader(
            config, splits["train"], classifier.frontend, StreamingLoader, arrays["train"]
        )
        optimizer = make_optimizer(config)
        variables = init_variables(classifier, spec, 0)
        state = partition.replicate(jax.device_get(create_state(variables, optimizer)))
        update = partition.compile_update(
            make_train_step(classifier, optimizer, cross_entropy, loader.inputs, seed=0)
        )
        batches = loader.train_batches(seed=0)
        for _ in range(5):
            batch = stack_batches([next(batches)], axis=1)
            batch["index"] = batch["index"].astype(np.uint32)
            state, metrics = update(state, {}, partition.shard(batch))
        step = make_eval_step(classifier, loader.inputs, task="single_label")
        (rows, *_) = loader.eval_batches()
        rows.pop("index")
        scores = partition.compile_predict(step)(state.variables, {}, partition.shard(rows))
        results.append(
            (
                float(np.mean(jax.device_get(metrics["loss"]))),
                jax.tree.leaves(partition.unreplicate(state).batch_stats),
                partition.gather(scores["probabilities"]),
            )
        )
    for a, b in zip(*results, strict=True):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-3), a, b)


@pytest.fixture(scope="module")
def run(noise, tmp_path_factory):
    """A run with both kinds of side inputs, whose artists stand on several sides."""
    config = noise_config(noise)
    config.side_inputs.categories = ("artist",)
    workdir = tmp_path_factory.mktemp("runs") / "fusion"
    train(config, workdir, progress=False)
    return config, workdir


def test_a_run_predicts_as_it_was_evaluated(run, noise):
    config, workdir = run
    table = predict_run(workdir, "test")
    assert table.protocol.leaks == ("artist as an input: artists stand on both sides",)
    tracks = open_split(config, "test")
    predictor = mgr_jax.load(workdir)
    assert predictor.spec.side == predictor.side.format
    rows = {}
    for line in (noise / "table.csv").read_text().splitlines()[1:]:
        name, *values = line.split(",")
        rows.setdefault(name, []).append([float(value) for value in values])
    sides = [
        {"table": np.mean(rows[track], axis=0), "artist": artist}
        for track, artist in zip(tracks.track_id, tracks.artist_id, strict=True)
    ]
    sound = [tracks.read(row) for row in range(len(tracks))]
    for row, prediction in enumerate(predictor.predict_tracks(sound, sides=sides)):
        expected = table.probabilities[table.track == tracks.track_id[row]]
        np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
    plain = predictor.predict_features(sound[0], sides[0]).probabilities
    for changed in ({"artist": "nobody"}, {"table": np.zeros(4)}):
        other = predictor.predict_features(sound[0], sides[0] | changed).probabilities
        assert np.abs(other - plain).max() > 1e-4
    unknown = predictor.predict_features(sound[0], sides[0] | {"artist": "nobody"})
    without = predictor.predict_features(sound[0], {"table": sides[0]["table"]})
    np.testing.assert_array_equal(without.probabilities, unknown.probabilities)


@pytest.mark.slow
def test_a_file_is_predicted_as_it_was_evaluated(music, music_folder, tmp_path, capsys):
    music.side_inputs.categories = ("artist",)
    music.side_inputs.table = str(tmp_path / "table.csv")
    music.protocol.update({"name": "stratified_kfold", "folds": 3})
    rng = np.random.default_rng(0)
    rows = {
        track: rng.normal(size=3)
        for split in ("train", "validation", "test")
        for track in open_split(music, split).track_id
    }
    lines = [",".join([track, *map(str, row)]) for track, row in rows.items()]
    (tmp_path / "table.csv").write_text("\n".join(["track,x,y,z", *lines]) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # nobody is unseen by construction here
        train(music, tmp_path / "run", progress=False)
    table = predict_run(tmp_path / "run", "test")
    track, artist = table.track[0], open_split(music, "test").artist_id[0]
    prediction = mgr_jax.load(tmp_path / "run").predict(
        music_folder / track, side={"table": rows[track], "artist": artist}
    )
    expected = table.probabilities[table.track == track]
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4)

    command = ["predict", f"--model={tmp_path / 'run'}", str(music_folder / "hum")]
    assert cli.main([*command, f"--table={tmp_path / 'table.csv'}"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 10
    assert cli.main(command) == 1
    assert "takes a table row of 3 finite numbers" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:no artist outside of the training tracks")
@pytest.mark.parametrize(
    ("protocol", "unknown", "says"),
    [
        ("dataset", "", ""),
        ("artist_kfold", "", ""),
        ("dataset", "train", "session as an input: artists may stand on both sides"),
        ("dataset", "test", "session as an input: artists may stand on both sides"),
        ("stratified_kfold", "", "session as an input: artists stand on both sides"),
        ("stratified_kfold", "test", "session as an input: artists stand on both sides"),
    ],
)
def test_categories_leak_unless_all_artists_are_known_and_on_one_side(
    music, protocol, unknown, says
):
    music.protocol.update({"name": protocol, "folds": 3})
    music.side_inputs.categories = ("session",)
    splits = splits_of(music) | {"test": open_split(music, "test")}
    if unknown:
        splits[unknown].artist_id[0] = ""
    else:
        del splits["test"]  # is looked at nevertheless
    side, _ = side_inputs_of(music, splits)
    assert side.leak == says


def test_a_run_that_leaks_says_so_wherever_it_tells_a_score(music, tmp_path, capsys, caplog):
    music.protocol.update({"name": "row_random", "folds": 3, "i_know_this_leaks": True})
    music.side_inputs.categories = ("artist",)
    music.update({"num_steps": 2, "eval_every": 2})
    with caplog.at_level("INFO"):
        result = train(music, tmp_path)
    leak = (
        "(LEAKS: rows of one track or artist stand on both sides; "
        "artist as an input: artists stand on both sides)"
    )
    assert result.protocol.leak_mark == f" {leak}"
    assert any(line.endswith(leak) for line in caplog.messages)
    assert capsys.readouterr().out == ""  # a library prints nothing
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [row.get("leak") for row in rows] == [None, leak]
    events = b"".join(path.read_bytes() for path in tmp_path.glob("events.out.tfevents.*"))
    assert events.count(leak.encode()) == 1
    (tmp_path / "again.py").write_text(
        "from pathlib import Path\nfrom mgr_jax.config import load_config\n"
        f"def get_config():\n    return load_config(Path({str(tmp_path / 'config.json')!r}))\n"
    )
    command = ["train", f"--config={tmp_path / 'again.py'}", f"--workdir={tmp_path}"]
    assert cli.main([*command, "--noprogress"]) == 0
    assert f"best validation accuracy {result.best:.3f} {leak}." in capsys.readouterr().out


def test_a_changed_table_does_not_go_on_with_a_run(run, noise, tmp_path):
    config, workdir = run
    text = (noise / "table.csv").read_text()
    try:
        (noise / "table.csv").write_text(text.replace(",7\n", ",8\n"))
        with user_error("model.other_side_inputs", workdir):
            train(config, workdir, progress=False)
    finally:
        (noise / "table.csv").write_text(text)
    train(config, workdir, progress=False)  # as it was, it is only found to be complete


@pytest.mark.parametrize(
    ("side", "code", "named"),
    [
        (None, "side_inputs.wrong_row", ("4 finite numbers", "first, second, third, …", "none")),
        ({"table": [1.0, 2.0]}, "side_inputs.wrong_row", ("4 finite numbers", "an array (2,)")),
        ({"table": [1.0, 2.0, np.nan, 3.0]}, "side_inputs.wrong_row", ("finite numbers",)),
        (
            {"table": ["a", "b", "c", "d"]},
            "side_inputs.wrong_row",
            ("4 finite numbers", "no numbers"),
        ),
        (
            {"table": np.zeros(4), "album": "x"},
            "argument.not_applicable",
            ("'album'", "table, artist"),
        ),
    ],
)
def test_what_is_given_to_predict_is_checked(run, side, code, named):
    with user_error(code, *named):
        mgr_jax.load(run[1]).predict_features(np.zeros((2, 5), np.float32), side)


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"side_inputs.table": ""}, "config.fusion_without_table", ("config.side_inputs",)),
        ({"model.name": "mlp"}, "config.table_without_fusion", ("mlp", "config.model.name=fusion")),
        ({"side_inputs.categories": ("artist", "artist")}, "config.bad_categories", ("artist",)),
        ({"side_inputs.categories": ("table",)}, "config.bad_categories", ("'table' is taken",)),
        ({"model.kwargs.side": 3}, "config.set_elsewhere", ("side", "config.side_inputs")),
    ],
)
def test_a_config_that_contradicts_itself(config, changes, code, named):
    for name, value in changes.items():
        group, _, field = name.rpartition(".")
        part = config
        for step in group.split("."):
            part = part[step]
        part[field] = value
    with user_error(code, *named):
        validate(config)


def test_data_that_do_not_fit_are_one_sentence(config, noise, tmp_path):
    splits = splits_of(config)
    lines = (noise / "table.csv").read_text().splitlines()

    def refuse(code, *named, **side_inputs):
        config.side_inputs.update(side_inputs)
        with user_error(code, *named):
            side_inputs_of(config, splits)

    first = splits["train"].track_id[0]
    some = [line for line in lines if not line.startswith(first)]
    (tmp_path / "some.csv").write_text("\n".join(some) + "\n")
    missing = ("some.csv", "1 train tracks", first)
    refuse("table.missing_row", *missing, table=str(tmp_path / "some.csv"))
    refuse("file.not_found", "none.csv", table=str(tmp_path / "none.csv"))
    refuse("table.holds_arrays", "noise.npz", table=str(noise / "noise.npz"))
    known = "some of artist"
    refuse("side_inputs.unknown_category", "'albm'", known, table="", categories=("albm",))


def test_mixed_examples_are_refused(config, tmp_path):
    config.augment = ({"name": "mixup"},)
    with user_error("augment.side_inputs", "config.augment", "config.side_inputs"):
        train(config, tmp_path, progress=False)


def test_a_damaged_file_is_named(run, tmp_path):
    content = read_unsealed(run[1] / "model.json")
    content["side_inputs"] = {"columns": 3}
    (tmp_path / "model.json").write_text(json.dumps(content))
    with user_error("model.damaged", tmp_path / "model.json"):
        mgr_jax.load(tmp_path)


def test_files_of_features_are_predicted_with_a_table_and_not_evaluated(run, noise, capsys):
    file = f"--features={noise / 'noise.npz'}"
    model = f"--model={run[1]}"
    assert cli.main(["predict", model, file, f"--table={noise / 'table.csv'}"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 72
    (noise / "few.csv").write_text("track,first,second,third,constant\na.00000,1,2,3,4\n")
    assert cli.main(["predict", model, file, f"--table={noise / 'few.csv'}"]) == 1
    assert "has no single row for a.00001 (71 of 72 are missing)" in capsys.readouterr().err
    assert cli.main(["evaluate", model, file]) == 1
    assert "takes more than features (config.side_inputs)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "tracks", "says"),
    [
        ("1 2 3", "a/1.mp3 b/2.mp3", {"a/1.mp3": "1", "b/2.mp3": "2"}),
        ("1 2 3", "a/1.mp3 b/1.mp3 3", {"3": "3"}),
        ("a/1.mp3 b/1.mp3", "/m/a/1.wav /m/b/1.wav", {"/m/a/1.wav": "a/1", "/m/b/1.wav": "b/1"}),
        ("/n/a/1.mp3 /n/a/2.mp3", "a/1.wav 2", {"a/1.wav": "/n/a/1", "2": "/n/a/2"}),
        # No row serves two tracks, and none serves a track of another folder.
        ("1 2", "1 a/1", {"1": "1"}),
        ("1 2", "a/1.mp3 a/1.wav", {}),
        ("jazz/1 rock/2", "rock/1 rock/2", {"rock/2": "rock/2"}),
        ("1 jazz/1", "rock/1", {}),
        # Kaggle's segments, and FMA's files.
        ("a.00001.0.wav a.00001.1.wav", "a/a.00001.wav", {"a/a.00001.wav": "a.00001"}),
        ("2 11", "fma/000/000002.mp3 fma/000/000001.mp3", {"fma/000/000002.mp3": "2"}),
    ],
)
def test_a_row_belongs_to_one_track(tmp_path, names, tracks, says):
    rows = [f"{name},{number}" for number, name in enumerate(names.split())]
    (tmp_path / "t.csv").write_text("\n".join(["track,x", *rows]) + "\n")
    table = read_table(tmp_path / "t.csv")
    assert match_rows(table.track_id, tracks.split()) == says


def test_several_rows_of_a_track_are_averaged(tmp_path):
    (tmp_path / "t.csv").write_text("track,x\n1,10\n2,20\n2,40\n")
    table = read_table(tmp_path / "t.csv")
    assert rows_of(table, {"a/1.mp3": "1", "b/2.mp3": "2", "3": "3"}) == {
        "a/1.mp3": 10,
        "b/2.mp3": 30,
    }


def test_rows_are_matched_with_all_tracks_of_the_dataset(run, noise, tmp_path):
    assert len(read_description(run[1]).side.rows) == 72  # those of the test split too
    # 00 is a track of the training and one of the validation split, so that its row is nobody's.
    track = ["rock/00", "rock/01", "rock/02", "jazz/03", "jazz/00", "jazz/05"]
    np.savez(
        tmp_path / "twins.npz",
        track=track,
        label=[name[:4] for name in track],
        split=["train", "validation", "test"] * 2,
        features=np.random.default_rng(0).standard_normal((6, 4, 5)).astype(np.float32),
    )
    file = tmp_path / "twins.npz"
    prepare("feature_array", data_dir=tmp_path, features=file, splits="given", num_workers=0)
    config = noise_config(noise)
    config.dataset, config.data_dir = "feature_array/twins", str(tmp_path)
    config.side_inputs.table = str(tmp_path / "table.csv")
    lines = [f"{number:02d},{number}" for number in range(6)]
    (tmp_path / "table.csv").write_text("\n".join(["track,x", *lines]) + "\n")
    for name in ("train", "validation"):
        tracks = dataclasses.replace(open_split(config, name), split="train")
        with user_error("table.missing_row", "1 train tracks", "/00)"):
            side_inputs_of(config, {"train": tracks})


def test_a_fusion_begins_with_the_encoder_of_another_run(config, tmp_path):
    plain = ConfigDict(config.to_dict())
    plain.model.name, plain.model.kwargs = "mlp", config.model.kwargs.encoder.kwargs
    plain.side_inputs.table = ""
    train(plain, tmp_path / "plain", progress=False)
    config.init_from = str(tmp_path / "plain")
    splits = splits_of(config)
    classifier, spec = make(config, side_inputs_of(config, splits)[0])
    variables, origin = initial_variables(init_variables(classifier, spec, 0), config, splits)
    old = load_variables(tmp_path / "plain")["params"]["model"]
    encoder = variables["params"]["model"]["encoder"]
    assert encoder.keys() == old.keys() - {"head"}
    jax.tree.map(
        np.testing.assert_array_equal, dict(encoder), {name: old[name] for name in encoder}
    )
    assert "new: model/" in origin.taken
    assert "encoder" not in origin.taken.partition("new: ")[2]
