"""What leaking is worth, from Python."""

import dataclasses
import json

import pytest
from errors import user_error
from random_predictions import make_table

from mgr_jax.evaluation import Protocol
from mgr_jax.runs.inflation import Inflation, measure_inflation


@pytest.fixture
def trained(monkeypatch):
    """Cross-validation without the training: what it was asked for."""
    asked = []

    def cross_validate(config, workdir, *, seeds, progress):
        asked.append((config, workdir, seeds, progress))
        protocol = Protocol(config.protocol.name, leaks=("rows",) * (workdir.name == "row_random"))
        return dataclasses.replace(make_table("single_label"), protocol=protocol)

    monkeypatch.setattr("mgr_jax.runs.inflation.train_folds", cross_validate)
    return asked


def test_a_network_is_measured_and_its_config_stays_what_it_was(tmp_path, tiny_config, trained):
    before = tiny_config.to_json()
    found = measure_inflation(tiny_config, tmp_path / "runs", seeds=2, progress=False)
    assert tiny_config.to_json() == before
    assert [(workdir.name, seeds, bars) for _, workdir, seeds, bars in trained] == [
        (name, 2, False) for name in ("row_random", "stratified_kfold", "artist_kfold")
    ]
    assert isinstance(found, Inflation)
    assert found.metric == "accuracy"
    (system,) = found.systems
    assert system == f"{tiny_config.frontend.name} + {tiny_config.model.name}"
    # The same answers by every protocol: nothing is gained.
    assert found.systems[system]["track"]["differences"]["row_random - artist_kfold"][0] == 0
    assert "its checkpoint chosen on the next fold" in str(found)
    assert found.protocols["row_random"].sentence in found.markdown()

    page = found.save(tmp_path / "out")
    assert page.read_text(encoding="utf-8") == f"{found.markdown()}\n"
    assert max(map(len, str(found).splitlines()[:8])) <= 80
    stored = json.loads((tmp_path / "out" / "inflation.json").read_text(encoding="utf-8"))
    read = {name: Protocol.from_dict(made) for name, made in stored["protocols"].items()}
    assert read == found.protocols
    assert stored["failed"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ({}, "argument.choose_one", ("config", "dataset", "table")),
        ({"table": "a", "dataset": "b"}, "argument.choose_one", ("config",)),
        ({"network": True, "table": "a"}, "argument.choose_one", ("config",)),
        ({"network": True, "seconds": 3.0}, "argument.not_applicable", ("seconds",)),
        ({"network": True, "classifiers": ["svm"]}, "argument.not_applicable", ("classifiers",)),
        ({"network": True}, "argument.missing", ("workdir",)),
    ],
)
def test_mistakes_name_arguments_and_no_flags(tiny_config, trained, arguments, code, named):
    config = tiny_config if arguments.pop("network", False) else None
    with user_error(code, *named) as caught:
        measure_inflation(config, **arguments)
    assert "--" not in str(caught.value)
    assert not trained
