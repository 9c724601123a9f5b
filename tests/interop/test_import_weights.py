"""import_weights: a file of weights becomes a whole model folder, or one sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile
from errors import user_error
from imported import golden_cases
from random_weights import random_state_dict
from torch_files import write_state_dict

import mgr_jax
from mgr_jax.classifier import abstract_variables
from mgr_jax.interop.import_weights import import_weights
from mgr_jax.model_folder import read_description, read_model
from mgr_jax.training.checkpoint import load_variables

SOURCE = "won2020_sample_cnn"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """SampleCNN with two pooled layers and three classes, for clips of 27 samples."""
    counters = {"layer1.bn.num_batches_tracked": np.asarray(7)}
    return random_state_dict(golden_cases(SOURCE)["shallow"][0], 0) | counters


@pytest.fixture
def weights(state, tmp_path) -> Path:
    return write_state_dict(tmp_path / "best_model.pth", state)


@pytest.fixture
def song(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(3 * 27)
    soundfile.write(tmp_path / "song.wav", noise, 16_000)
    return tmp_path / "song.wav"


def test_the_folder_predicts_and_embeds(weights, song, tmp_path):
    made = import_weights(SOURCE, weights, tmp_path / "model", labels=("a", "b", "c"))
    assert made.path == tmp_path / "model"
    assert made.classes == ("a", "b", "c")
    assert made.ignored == ("layer1.bn.num_batches_tracked",)
    for told in ("won_sample_cnn", "3 classes", "layer1.bn.num_batches_tracked"):
        assert told in str(made)

    predictor = mgr_jax.load(made.path)
    clips = soundfile.read(song, dtype="float32")[0].reshape(3, 27)  # which cover it
    classifier, description = read_model(made.path)
    assert (predictor.spec, predictor.classes) == (description.spec, ("a", "b", "c"))
    abstract = abstract_variables(classifier, description.spec)
    logits, found = classifier.apply(load_variables(made.path, abstract, "best"), clips)
    np.testing.assert_allclose(
        predictor.predict(song).track_probabilities, jax.nn.sigmoid(logits).mean(axis=0), atol=1e-6
    )
    out = tmp_path / "embeddings.npz"
    mgr_jax.embed(made.path, [song], out=out, progress=False)
    with np.load(out) as table:
        np.testing.assert_allclose(
            table["embedding"], found["embedding"].mean(axis=0)[None], atol=1e-5
        )
    record = read_description(made.path).provenance
    assert record["import"]["file"] == "best_model.pth"
    assert record["import"]["source"] == SOURCE
    assert "minzwon" in record["import"]["upstream"]
    assert record["license"] == "MIT"


def test_names_of_the_outputs(weights, tmp_path):
    made = import_weights(SOURCE, weights, tmp_path / "numbered")
    assert made.classes == ("output 0", "output 1", "output 2")
    assert "labels" in made.notes[-1]

    (tmp_path / "names.txt").write_text("rock\npop\njazz\n", encoding="utf-8")
    made = import_weights(SOURCE, weights, tmp_path / "named", labels=tmp_path / "names.txt")
    assert made.classes == ("rock", "pop", "jazz")
    (tmp_path / "latin.txt").write_bytes("a\nb\nreggaé\n".encode("latin-1"))
    (tmp_path / "ragged.csv").write_text("n,class\n1,a\n2\n3,c\n", encoding="utf-8")
    (tmp_path / "endless.csv").write_text(f'class\na\nb\n"{"c" * 200_000}\n', encoding="utf-8")
    for labels, code, told in (
        ("mtat50", "labels.other_count", "50"),
        (("a", "b"), "labels.other_count", "2"),
        (("a", "b", "a"), "labels.repeated", "a"),
        (("a", "b", " "), "labels.not_named", "output 2"),
        (("a", "b\x1b", "c"), "labels.not_named", "output 1"),
        ("nowhere.txt", "labels.not_found", "nowhere.txt"),
        (tmp_path / "latin.txt", "labels.not_text", "latin.txt"),
        (tmp_path / "ragged.csv", "labels.not_named", "output 1"),
        (tmp_path / "endless.csv", "labels.not_read", "endless.csv"),
    ):
        with user_error(code, told):
            import_weights(SOURCE, weights, tmp_path / "wrong", labels=labels)
        assert not (tmp_path / "wrong").exists()


def test_one_digest_whatever_the_form_of_the_file(state, tmp_path):
    """So that known weights are known again; what nothing needs does not count."""
    write_state_dict(tmp_path / "zip.pth", state)
    write_state_dict(tmp_path / "legacy.pth", state, legacy=True)
    needed = {name: array for name, array in state.items() if "tracked" not in name}
    np.savez(tmp_path / "arrays.npz", **dict(reversed(needed.items())))
    changed = needed | {"dense.bias": needed["dense.bias"] + 1}
    np.savez(tmp_path / "changed.npz", **changed)

    def digest(file):
        folder = import_weights(SOURCE, tmp_path / file, tmp_path / file.replace(".", "_")).path
        return read_description(folder).provenance["import"]["tensors"]

    files = ("zip.pth", "legacy.pth", "arrays.npz", "changed.npz")
    zipped, legacy, arrays, other = map(digest, files)
    assert zipped == legacy == arrays != other


def without(name):
    return lambda state: {key: array for key, array in state.items() if key != name}


def added(name, *shape):
    return lambda state: state | {name: np.zeros(shape, np.float32)}


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (without("dense.bias"), "weights.other_arrays", ["lacks dense.bias"]),
        (
            lambda state: added("extra.scale", 4)(without("layer2.bn.running_var")(state)),
            "weights.other_arrays",
            ["lacks layer2.bn.running_var", "holds extra.scale"],
        ),
        (
            lambda state: added("layer2.bn.bias", 7)(added("dense.bias", 4)(state)),
            "weights.other_shapes",
            ["layer2.bn.bias of (7,)", "dense.bias of (4,)"],
        ),
        (added("dense.weight", 3), "weights.other_source", ["dense.weight", "2 axes"]),
        (without("layer1.conv.weight"), "weights.other_arrays", ["lacks layer1.conv.weight"]),
    ],
)
def test_arrays_that_do_not_fit_are_all_named(change, code, named, state, tmp_path):
    np.savez(tmp_path / "odd.npz", **change(state))
    with user_error(code, "odd.npz", *named):
        import_weights(SOURCE, tmp_path / "odd.npz", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_wrong_arguments_are_one_sentence(weights, tmp_path):
    with user_error("unknown_name", "won2020_fnc"):
        import_weights("won2020_fnc", weights, tmp_path / "model")
    with user_error("weights.no_readings", SOURCE):
        import_weights(SOURCE, weights, tmp_path / "model", reading="other")
    with user_error("file.not_found", "gone.pth"):
        import_weights(SOURCE, tmp_path / "gone.pth", tmp_path / "model")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept.txt").touch()
    for out in ("full", "full/kept.txt"):
        with user_error("folder.exists", tmp_path / out):
            import_weights(SOURCE, weights, tmp_path / out)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["kept.txt"]


def test_a_killed_import_leaves_no_folder_and_can_be_repeated(weights, tmp_path):
    script = (
        "import os, signal, sys\n"
        "from mgr_jax.interop import import_weights as module\n"
        "module.replace_folder = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.import_weights(*sys.argv[1:])\n"
    )
    out = tmp_path / "models/mine"
    killed = subprocess.run(
        [sys.executable, "-c", script, SOURCE, weights, out],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    import_weights(SOURCE, weights, out)
    seen = {path.name for path in out.parent.iterdir() if not path.name.endswith(".lock")}
    assert seen == {"mine"}
