"""model.json: what it holds, what it cannot be, and the runs that have none."""

import dataclasses
import json

import pytest

import mgr_jax
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Protocol
from mgr_jax.model_folder import SCHEMA, read_description

pytestmark = pytest.mark.slow  # of the run that the tests read


@pytest.fixture
def model(trained_run, tmp_path):
    """A folder with the model.json of a run and its content, which `write` changes."""
    content = json.loads((trained_run / "model.json").read_text(encoding="utf-8"))

    def write(text: str) -> None:
        (tmp_path / "model.json").write_text(text, encoding="utf-8")

    write(json.dumps(content))
    return tmp_path, content, write


def test_it_says_all_that_prediction_needs(model, trained_run, data_dir):
    _, content, _ = model
    assert content["schema"] == SCHEMA == 1
    assert content["frontend"]["name"] == "log_mel"
    assert content["model"]["name"] == "choi_crnn"
    assert (content["input_norm"], content["compute_dtype"]) == ("batch", "float32")
    assert content["labels"] == {"classes": ["beat", "hiss", "hum"], "training_tracks": [6, 6, 6]}
    spec = content["input_spec"]
    assert (spec["kind"], spec["task"], spec["eval_segments"]) == ("waveform", "single_label", 0)
    assert (spec["shape"], spec["dtype"], spec["sample_rate"]) == ([6000], "int16", 12_000)
    assert content["thresholds"] == {}
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


def without(content, *path):
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return content


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: [], "is damaged"),
        (lambda c: {}, "is damaged .schema is missing"),
        (lambda c: c | {"schema": "1"}, "is damaged .schema is '1'"),
        (lambda c: c | {"schema": 2}, "is of schema 2, but this mgr_jax knows those up to 1"),
        (lambda c: without(c, "labels"), "labels is missing"),
        (lambda c: without(c, "model"), "model"),
        (lambda c: without(c, "model", "kwargs"), "kwargs is missing"),
        (lambda c: c | {"labels": {"classes": "jazz"}}, "classes is 'jazz'"),
        (lambda c: c | {"labels": {"classes": [1, 2]}}, "classes are no names"),
        (lambda c: c | {"loudness": 3}, "loudness is no field"),
        (lambda c: c | {"input_spec": c["input_spec"] | {"task": "dance"}}, "task is 'dance'"),
        (lambda c: c | {"input_spec": c["input_spec"] | {"shape": 6}}, "shape is 6"),
        (lambda c: c | {"input_spec": c["input_spec"] | {"crop": {"step": "x"}}}, "step is 'x'"),
        (lambda c: c | {"input_spec": c["input_spec"] | {"shape": ["x"]}}, "shape"),
        (lambda c: c | {"model": {"name": "crnm", "kwargs": {}}}, "did you mean crnn"),
        (lambda c: c | {"compute_dtype": "float31"}, "compute_dtype"),
        (lambda c: c | {"input_norm": "layer"}, "input_norm"),
    ],
)
def test_what_is_damaged_is_one_sentence(model, change, says):
    folder, content, write = model
    write(json.dumps(change(content)))
    with pytest.raises(UserError, match=says) as raised:
        mgr_jax.load(folder)
    assert "\n" not in str(raised.value)
    assert "model.json" in str(raised.value)


def test_a_file_that_is_cut_or_gone_is_named(model, trained_run):
    folder, content, write = model
    write(json.dumps(content)[:99])
    with pytest.raises(UserError, match=r"model\.json is missing or damaged"):
        mgr_jax.load(folder)
    (folder / "model.json").unlink()
    with pytest.raises(UserError, match=r"holds no trained model .there is no model\.json in it"):
        mgr_jax.load(folder)
    (folder / "config.json").write_bytes((trained_run / "config.json").read_bytes())
    with pytest.raises(UserError, match=r"labels\.json is missing .* has no model\.json either"):
        mgr_jax.load(folder)


def test_a_run_of_the_first_version_is_read_as_if_it_had_one(model, trained_run):
    folder, _, _ = model
    described = read_description(trained_run)
    (folder / "model.json").unlink()
    spec = dataclasses.asdict(described.spec)
    for name in ("eval_segments", "columns"):
        spec.pop(name)
    for name, content in {"labels": described.labels, "input_spec": spec}.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    for name in ("config.json", "dataset.json"):
        (folder / name).write_bytes((trained_run / name).read_bytes())
    old = read_description(folder)
    unknown = dict(described.provenance) | {"mgr_jax": None, "protocol": None}
    assert old == dataclasses.replace(described, provenance=unknown)
    (folder / "labels.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=r"labels\.json is damaged"):
        mgr_jax.load(folder)
