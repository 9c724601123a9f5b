"""What describes a run is what was written, or it is said which file is not, and what to do."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from errors import user_error
from unsealed import read_unsealed

from mgr_jax.config import load_config, save_config
from mgr_jax.data.init_from import inherited_leak
from mgr_jax.data.pipeline import scored_split
from mgr_jax.data.trained_on import TrainedOn, read_tracks, trained_on
from mgr_jax.errors import UserError
from mgr_jax.evaluation import load_result
from mgr_jax.integrity import seal_line, write_sealed
from mgr_jax.model_folder import read_description, read_model
from mgr_jax.training.same_run import require_same_splits
from mgr_jax.training.summary import read_metrics

OLD = Path(__file__).parent / "goldens/v0.1.0/waveform"
SEEN = TrainedOn("runs/a", "abc", {"kind": "waveform", "dtype": "int16", "item_shape": []}, (), ())
READERS = {
    "config.json": load_config,
    "model.json": lambda path: (read_description(path.parent), read_model(path.parent)),
    "dataset.json": lambda path: (scored_split(path.parent), require_same_splits(path.parent, {})),
    "tracks.json": lambda path: read_tracks(path.parent),
    "init_from.json": lambda path: (inherited_leak(path.parent), trained_on(path.parent)),
    "predictions/test.json": lambda path: str(load_result(path.parents[1])),
    "run.json": lambda path: load_result(path.parent),
}
VALUES = (None, 5, 1e999, "x", [], ["x"], {}, {"x": [5]})


@pytest.fixture(scope="module")
def described(tmp_path_factory) -> Path:
    """A folder with all that describes a run, as this version writes it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(OLD / "predictions", folder / "predictions")
    read_description(OLD).save(folder)
    config = load_config(OLD / "config.json")
    config.init_from = "runs/a"
    save_config(folder / "config.json", config)
    origin = {"run": "runs/a", "model": "fcn", "same_classes": True, "leak": "", "taken": ""}
    seen = vars(SEEN)
    for name, content in {
        "dataset.json": read_unsealed(OLD / "dataset.json"),
        "tracks.json": {**read_unsealed(OLD / "tracks.json"), "train_digests": ["a"], "draws": 2},
        "init_from.json": origin | {"trained_on": [seen]},
        "run.json": {"parameters": 10, "seconds": 1.5, "device": "1 x cpu"},
        "predictions/test.json": read_unsealed(OLD / "predictions/test.json"),
    }.items():
        write_sealed(folder / name, content)
    return folder


@pytest.fixture
def run(described, tmp_path):
    return shutil.copytree(described, tmp_path / "run")


def changes(content: Any) -> Iterator[Any]:
    """JSON of another shape: values replaced, or left out, one after the other."""
    yield from VALUES
    if isinstance(content, list) and content:
        yield from ([changed, *content[1:]] for changed in changes(content[0]))
    if isinstance(content, dict):
        for name, value in content.items():
            yield {key: kept for key, kept in content.items() if key != name}
            yield from (content | {name: changed} for changed in changes(value))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_whatever_json_an_older_version_may_have_left_there_is_no_traceback(run, name):
    path = run / name
    refused = 0
    for content in changes(read_unsealed(path)):
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            READERS[name](path)
        except UserError:
            refused += 1
    assert refused > 20 or name == "run.json"  # which only describes


@pytest.mark.parametrize("name", READERS)
def test_what_was_changed_since_it_was_written_is_named(run, name):
    content = json.loads((run / name).read_text(encoding="utf-8"))
    field = next(key for key, value in content.items() if isinstance(value, str | int | dict))
    text = json.dumps(content | {field: None})
    (run / name).write_text(text, encoding="utf-8")
    if name == "run.json":  # which only describes
        with pytest.warns(UserWarning, match=r"run\.json says something else .* is not told"):
            assert load_result(run).cost == {}
        return
    code = "scores.damaged" if name == "predictions/test.json" else "file.damaged"
    with user_error(code, run / name, "damaged or changed", "again"):
        READERS[name](run / name)
    (run / name).write_text(json.dumps(content, indent=7), encoding="utf-8")
    assert name == "dataset.json" or READERS[name](run / name) is not None


def test_neither_the_order_of_labels_nor_the_input_can_be_edited(run):
    path = run / "model.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    labels = content["labels"] | {"classes": content["labels"]["classes"][::-1]}
    spec = content["input_spec"] | {"sample_rate": 44_100}
    for edited in ({"labels": labels}, {"input_spec": spec}):
        path.write_text(json.dumps(content | edited), encoding="utf-8")
        with user_error("file.damaged", path, "damaged or changed", "writes it anew"):
            read_description(run)


def test_lines_of_the_log_that_are_damaged_are_named_once_and_passed_over(run):
    path = run / "metrics.jsonl"
    lines = [seal_line({"step": step, "train/loss": 0.1, "leak": "(LEAKS)"}) for step in range(9)]
    lines[1] = lines[1].replace("0.1", "0.2")
    lines[2:6] = ['{"train/loss": 1}', '{"step": "3"}', '{"step": 3, "train/loss": []}', "[3]"]
    lines[7] = '{"step": Infinity}'
    path.write_bytes("\n".join(lines).encode() + b"\n\xff\n{")
    with pytest.warns(UserWarning, match="metrics.jsonl: .* the damaged lines 2, 3, 4, …") as told:
        rows = read_metrics(path)
    assert [row["step"] for row in rows] == [0, 6, 8]
    assert len(told) == 1
    path.unlink()
    path.mkdir()
    with user_error("file.damaged", path):
        read_metrics(path)
