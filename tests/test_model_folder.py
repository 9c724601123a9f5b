"""model.json: what it holds, what it cannot be, and the runs that have none."""

import dataclasses
import json
from pathlib import Path

import pytest
from errors import user_error
from unsealed import read_unsealed

import mgr_jax
from mgr_jax.background import STATISTICS
from mgr_jax.decisions import Decisions, Timeline
from mgr_jax.evaluation import Protocol
from mgr_jax.model_folder import SCHEMA, read_description

STORED = Path(__file__).parent / "model_versions"
pytestmark = pytest.mark.slow  # of the run that the tests read


@pytest.fixture
def model(trained_run, tmp_path):
    """A folder with the model.json of a run and its content, which `write` changes."""
    content = read_unsealed(trained_run / "model.json")

    def write(text: str) -> None:
        (tmp_path / "model.json").write_text(text, encoding="utf-8")

    write(json.dumps(content))
    return tmp_path, content, write


def test_it_says_all_that_prediction_needs(model, trained_run, data_dir):
    _, content, _ = model
    assert content["schema"] == SCHEMA == 3
    assert content["frontend"]["name"] == "log_mel"
    assert content["model"]["name"] == "choi_crnn"
    assert (content["input_norm"], content["compute_dtype"]) == ("batch", "float32")
    assert content["labels"] == {"classes": ["beat", "hiss", "hum"], "training_tracks": [6, 6, 6]}
    spec = content["input_spec"]
    assert (spec["kind"], spec["task"], spec["eval_segments"]) == ("waveform", "single_label", 0)
    assert (spec["shape"], spec["dtype"], spec["sample_rate"]) == ([6000], "int16", 12_000)
    assert spec["mask_filling"] is True
    assert content["decisions"] == json.loads(json.dumps(dataclasses.asdict(Decisions())))
    told = content["provenance"]
    assert told["mgr_jax"] == mgr_jax.__version__
    assert told["dataset"] == "audio_folder/music"
    assert told["license"] == "That of the owners of the audio."
    assert len(told["config"]) == 64
    protocol = Protocol.from_dict(told["protocol"])
    assert protocol.sentence == "artist-disjoint split, segments of 0.5 s"
    assert not (trained_run / "labels.json").exists()
    assert not (trained_run / "input_spec.json").exists()


def test_what_is_written_is_read_back(model, trained_run):
    folder, _, _ = model
    described = read_description(trained_run)
    described.save(folder)
    assert read_description(folder) == described
    assert (folder / "model.json").read_bytes() == (trained_run / "model.json").read_bytes()
    assert described.system == "log_mel + choi_crnn"
    assert described.labels["task"] == "single_label"


HEARD = {
    "mean": [0.0] * STATISTICS,
    "scale": [1.0] * STATISTICS,
    "weights": [0.5] * (2 * STATISTICS),
    "bias": -1.0,
    "threshold": 2.5,
}


def test_decisions_are_read_back_and_may_stand_in_a_run_that_had_none(model, trained_run):
    folder, _, _ = model
    decisions = Decisions(
        clip_temperature=1.5,
        track_temperature=2,
        thresholds={"beat": 0.4, "hiss": 1.0, "hum": 0},
        precision=0.9,
        background={name: tuple(x) if isinstance(x, list) else x for name, x in HEARD.items()},
        timeline=Timeline(hop=1.0, smoothing=2.0, hysteresis=0.1, min_length=3.0),
        measured={"tracks": 6, "after": {"track": {"precision": (0.9, 0.5, None)}}},
    )
    described = dataclasses.replace(read_description(trained_run), decisions=decisions)
    described.save(folder)
    assert read_description(folder) == described


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"clip_temperature": 0}, "clip_temperature"),
        ({"track_temperature": -1.5}, "track_temperature"),
        ({"track_temperature": 1e999}, "track_temperature"),
        ({"track_temperature": "hot"}, "track_temperature"),
        ({"track_temperature": True}, "track_temperature"),
        ({"thresholds": {"beat": 1.5}}, "beat"),
        ({"thresholds": {"beat": "much"}}, "beat"),
        ({"thresholds": {"jazz": 0.5}}, "jazz"),
        ({"thresholds": [0.5]}, "thresholds"),
        ({"precision": 0}, "precision"),
        ({"precision": 1.1}, "precision"),
        ({"timeline": {"hop": -1.0}}, "hop"),
        ({"timeline": {"speed": 1.0}}, "speed"),
        ({"measured": 3}, "measured"),
        ({"loudness": 3}, "loudness"),
        ({"background": {"mean": [1.0]}}, "background"),
        ({"background": HEARD | {"scale": [0.0] * STATISTICS}}, "scale"),
        ({"background": HEARD | {"weights": [0.5] * STATISTICS}}, "weights"),
        ({"background": HEARD | {"weights": ["x"] * 2 * STATISTICS}}, "weights"),
        ({"background": HEARD | {"bias": None}}, "bias"),
    ],
)
def test_decisions_that_cannot_be_are_one_sentence(model, change, named):
    folder, content, write = model
    write(json.dumps(content | {"decisions": content["decisions"] | change}))
    with user_error("model.damaged", "model.json", named):
        read_description(folder)


def test_no_decision_may_be_missing(model):
    folder, content, write = model
    for name in content["decisions"]:
        decisions = {other: x for other, x in content["decisions"].items() if other != name}
        write(json.dumps(content | {"decisions": decisions}))
        with user_error("model.damaged", "model.json", name):
            read_description(folder)
    write(json.dumps(without(content, "decisions")))
    with user_error("model.damaged", "decisions"):
        read_description(folder)


@pytest.mark.parametrize("version", [1, 2])
def test_what_older_versions_have_written_is_read(version, tmp_path):
    """Written by mgr_jax 0.1.0, seals included, when its schema was that; of a CRNN."""
    stored = (STORED / f"{version}.json").read_bytes()
    (tmp_path / "model.json").write_bytes(stored)
    described = read_description(tmp_path)
    assert described.decisions == Decisions()
    assert described.spec.mask_filling is (version > 1)
    assert described.classes == ("beat", "hiss", "hum")
    described.save(tmp_path)
    assert read_description(tmp_path) == described
    content = json.loads(stored)
    assert content["schema"] == version
    content.pop("sha256", None)
    (tmp_path / "model.json").write_text(
        json.dumps(content | {"decisions": dataclasses.asdict(Decisions())}), encoding="utf-8"
    )
    with user_error("model.damaged", "decisions"):
        read_description(tmp_path)


def without(content, *path):
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return content


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (lambda c: [], "file.damaged", ""),
        (lambda c: {}, "model.damaged", "schema"),
        (lambda c: c | {"schema": "1"}, "model.damaged", "'1'"),
        (lambda c: c | {"schema": SCHEMA + 1}, "model.later_schema", SCHEMA),
        (lambda c: without(c, "labels"), "model.damaged", "labels"),
        (lambda c: without(c, "model"), "model.damaged", "model"),
        (lambda c: without(c, "model", "kwargs"), "model.damaged", "kwargs"),
        (lambda c: without(c, "input_spec"), "model.damaged", "input_spec"),
        (lambda c: c | {"labels": {"classes": "jazz"}}, "model.damaged", "jazz"),
        (lambda c: c | {"labels": {"classes": [1, 2]}}, "model.damaged", "classes"),
        (lambda c: c | {"loudness": 3}, "model.damaged", "loudness"),
        (
            lambda c: c | {"input_spec": c["input_spec"] | {"task": "dance"}},
            "model.damaged",
            "task",
        ),
        (lambda c: c | {"input_spec": c["input_spec"] | {"shape": 6}}, "model.damaged", "shape"),
        (
            lambda c: c | {"input_spec": c["input_spec"] | {"mask_filling": "yes"}},
            "model.damaged",
            "mask_filling",
        ),
        (
            lambda c: c | {"input_spec": c["input_spec"] | {"crop": {"step": "x"}}},
            "model.damaged",
            "step",
        ),
        (
            lambda c: c | {"input_spec": c["input_spec"] | {"shape": ["x"]}},
            "model.damaged",
            "shape",
        ),
        (lambda c: c | {"model": {"name": "crnm", "kwargs": {}}}, "unknown_name", "crnn"),
        (lambda c: c | {"compute_dtype": "float31"}, "model.damaged", "compute_dtype"),
        (lambda c: c | {"input_norm": "layer"}, "model.damaged", "input_norm"),
    ],
)
def test_what_is_damaged_is_one_sentence(model, change, code, named):
    folder, content, write = model
    write(json.dumps(change(content)))
    with user_error(code, "model.json", named):
        mgr_jax.load(folder)


def test_in_an_older_model_filling_counts(model):
    folder, content, write = model
    spec = without(content["input_spec"], "mask_filling")
    without(content, "decisions")
    write(json.dumps(content | {"schema": 1, "input_spec": spec, "thresholds": {}}))
    assert read_description(folder).spec.mask_filling is False
    write(json.dumps(content | {"schema": 2, "input_spec": spec, "thresholds": {}}))
    with user_error("model.damaged", "mask_filling"):
        read_description(folder)


def test_a_file_that_is_cut_or_gone_is_named(model, trained_run):
    folder, content, write = model
    write(json.dumps(content)[:99])
    with user_error("file.damaged", folder / "model.json"):
        mgr_jax.load(folder)
    (folder / "model.json").unlink()
    with user_error("model.none", "model.json"):
        mgr_jax.load(folder)
    (folder / "config.json").write_bytes((trained_run / "config.json").read_bytes())
    with user_error("file.damaged", "labels.json", "model.json"):
        mgr_jax.load(folder)


def test_a_run_of_the_first_version_is_read_as_if_it_had_one(model, trained_run):
    folder, _, _ = model
    described = read_description(trained_run)
    (folder / "model.json").unlink()
    spec = dataclasses.asdict(described.spec)
    for name in ("eval_segments", "columns", "mask_filling"):
        spec.pop(name)
    for name, content in {"labels": described.labels, "input_spec": spec}.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    for name in ("config.json", "dataset.json"):
        (folder / name).write_bytes((trained_run / name).read_bytes())
    old = read_description(folder)
    unknown = dict(described.provenance) | {"mgr_jax": None, "protocol": None}
    filled = dataclasses.replace(described.spec, mask_filling=False)
    assert old == dataclasses.replace(described, provenance=unknown, spec=filled)
    (folder / "labels.json").write_text("[]", encoding="utf-8")
    with user_error("file.damaged", "labels.json"):
        mgr_jax.load(folder)
