"""Configs: every mistake is one sentence, and JSON keeps everything."""

import json
from pathlib import Path

import pytest
from errors import user_error
from later_version import make_later_version

from mgr_jax.classifier import create_classifier
from mgr_jax.config import (
    base_config,
    differences,
    from_json,
    load_config,
    resumed_config,
    to_json,
    validate,
)
from mgr_jax.config.files import read_config


def test_json_keeps_a_config():
    config = read_config("won2020")
    again = from_json(to_json(config))
    assert differences(config, again) == []
    assert again.to_dict() == config.to_dict()


def test_differences_are_named():
    new = base_config()
    new.optimizer.b1 = 0.5
    new.model.kwargs = {"budget": "1M"}
    assert differences(base_config(), new) == [
        ("model.kwargs.budget", None, "1M"),
        ("optimizer.b1", 0.9, 0.5),
    ]


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"batchsize": 3}, "unknown_name", "'batchsize'; did you mean batch_size"),
        ({"optimizer": {"lr": 1.0}}, "unknown_name", "'optimizer.lr'"),
        ({"batch_size": 0}, "config.out_of_range", "config.batch_size is 0"),
        ({"dataset": "gtzan"}, "config.short_dataset", "give gtzan/fault_filtered"),
        ({"batch_size": 10**20}, "config.out_of_range", "from 1 to 2147483647"),
        ({"num_steps": 10**26}, "config.out_of_range", "from 0 to 2147483647"),
        ({"num_steps": 0, "num_epochs": 1e300}, "config.out_of_range", "config.num_epochs is 1e"),
        ({"seed": 2**31}, "config.out_of_range", "config.seed is 2147483648"),
        ({"plateau": {"patience": 0}}, "config.out_of_range", "config.plateau.patience is 0"),
        ({"l2": float("nan")}, "config.out_of_range", "config.l2 is nan"),
        ({"label_smoothing": 1.0}, "config.out_of_range", "in [0, 1)"),
        ({"plateau": {"factor": 0.0}}, "config.out_of_range", "in (0, 1]"),
        ({"optimizer": {"learning_rate": 0.0}}, "config.out_of_range", "positive"),
        ({"task": "regression"}, "unknown_name", "choose from multi_label, single_label"),
        ({"optimizer": {"name": "adma"}}, "unknown_name", "did you mean adam"),
        ({"optimizer": {"name": "adam"}}, "config.weight_decay_unused", "weight_decay"),
        ({"task": "multi_label"}, "config.monitor_of_other_task", "accuracy"),
        ({"frontend": {"kwargs": {"axis_name": "x"}}}, "config.set_elsewhere", "config.partition"),
        ({"model": {"kwargs": {"num_classes": 3}}}, "config.set_elsewhere", "the dataset"),
        (
            {"frontend": {"kwargs": {"sample_rate": 3}}},
            "config.set_elsewhere",
            "config.sample_rate",
        ),
        ({"protocol": {"splits": ("train", "train")}}, "config.bad_splits", "each once"),
        ({"model": {"name": "fusion"}}, "config.fusion_without_table", "config.side_inputs"),
        ({"side_inputs": {"table": "x.csv"}}, "config.table_without_fusion", "choi_crnn"),
        (
            {"model": {"name": "fusion"}, "side_inputs": {"categories": ("artist", "artist")}},
            "config.bad_categories",
            "artist",
        ),
        ({"stages": ({"patience": 2},), "patience": 3}, "config.patience_beside_stages", "is 3"),
        ({"stages": ({"steps": 2**31},)}, "config.bad_stage", "from 0 to 2147483647"),
        ({"stages": (3,)}, "config.bad_stage", "config.stages[0] is 3"),
        ({"stages": ({"optimizer": 3},)}, "config.bad_stage", "optimizer 3"),
        ({"stages": ({"optimizer": {"l": 3}},)}, "config.bad_stage", "'l'"),
    ],
)
def test_mistakes_give_one_sentence(change, code, named):
    config = base_config()
    with config.unlocked():
        config.update(change)
    with user_error(code, named):
        validate(config)


def test_a_config_file_that_starts_from_nothing_is_told_what_is_missing():
    config = base_config()
    del config.optimizer.clip_norm
    with user_error("config.missing_field", "config.optimizer.clip_norm"):
        validate(config)
    config = base_config()
    with config.ignore_type():
        config.batch_size = "16"
    with user_error("config.wrong_type", "config.batch_size is '16'; expected int"):
        validate(config)
    config = base_config()
    with config.ignore_type():
        config.optimizer = "adam"
    with user_error("config.wrong_type", "config.optimizer"):
        validate(config)


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"model": {"name": "choi_crn"}}, "unknown_name", ("model 'choi_crn'", "choi_crnn")),
        ({"frontend": {"name": "mel"}}, "unknown_name", ("front end 'mel'", "log_mel")),
        ({"frontend": {"kwargs": {"n_mel": 3}}}, "unknown_name", ("'n_mel'", "n_mels")),
        (
            {"frontend": {"kwargs": {"hop_length": 0}}},
            "argument.out_of_range",
            ("log_mel", "hop_length is 0"),
        ),
        ({"model": {"kwargs": {"budget": "7M"}}}, "unknown_name", ("budget", "0.1M")),
        (
            {"clip_samples": 100},
            "classifier.clip_too_short",
            ("config.clip_samples is 100", "log_mel", "2048"),
        ),
    ],
)
def test_names_and_arguments_that_do_not_exist_give_one_sentence(change, code, named):
    config = base_config()
    with config.unlocked():
        config.update(change)
    validate(config)
    with user_error(code, *named):
        create_classifier(config, 10)


def test_a_missing_or_damaged_config_file_is_named(tmp_path):
    path = tmp_path / "config.json"
    with user_error("config.no_model", tmp_path):
        load_config(path)
    path.write_text("{")
    with user_error("file.damaged", path):
        load_config(path)


VERSIONS = Path(__file__).parent / "config_versions"


def test_configs_of_every_version_are_read():
    """`<n>.json` is what to_json(base_config()) gave when version n was released.

    Fields that are added without a migration, or by one that was released, fail here.
    """
    for version in range(base_config().version + 1):
        path = VERSIONS / f"{version}.json"
        assert path.exists(), f"write to_json(base_config()) of version {version} there"
        assert json.loads(path.read_text()).get("version", 0) == version
        config = load_config(path)
        assert config.version == base_config().version


def test_fields_that_a_config_lacks_mean_what_they_did(monkeypatch, tmp_path):
    path, group = tmp_path / "config.json", {"factor": 0.5, "names": ("a", "b")}
    stored = json.loads(to_json(base_config()))
    path.write_text(json.dumps(stored))
    make_later_version(
        monkeypatch,
        {"optimizer.lookahead": 0, "dropping": {"factor": 0.0, "names": ()}},
        {"optimizer.lookahead": 5, "dropping": group},
    )
    config = load_config(path)
    assert config.version == stored["version"] + 1
    assert config.optimizer.lookahead == 0
    assert config.dropping.to_dict() == {"factor": 0.0, "names": ()}
    assert differences(from_json(to_json(config)), config) == []  # which is read as it stands

    stored["optimizer"]["lookahead"] = 3  # as no program of that version has written it
    path.write_text(json.dumps(stored))
    with user_error("unknown_name", path, "'optimizer.lookahead'"):
        load_config(path)


def test_a_later_version_may_rename_a_field(monkeypatch, tmp_path):
    def rename(config):
        config["optimizer"]["damping"] = config["optimizer"].pop("eps") * 2

    path = tmp_path / "config.json"
    path.write_text(to_json(base_config()))
    base = make_later_version(monkeypatch, rename, {"optimizer.damping": 1.0})
    del base.optimizer.eps
    monkeypatch.setattr("mgr_jax.config.ranges.RANGES", ())  # the later ones name damping
    for module in ("checks", "store"):
        monkeypatch.setattr(f"mgr_jax.config.{module}.base_config", lambda: base)
    config = load_config(path)
    assert config.optimizer.damping == 2e-8
    assert "eps" not in config.optimizer
    version = base.version - 1
    path.write_text(json.dumps({"version": version, "optimizer": {}}))
    with user_error("config.incomplete", path, f"version {version}", "eps"):
        load_config(path)


def test_an_older_run_goes_on_with_what_its_fields_meant(monkeypatch, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(to_json(base_config()))
    base = make_later_version(
        monkeypatch,
        {"optimizer.lookahead": 0, "dropping": {"factor": 0.0}},
        {"optimizer.lookahead": 5, "dropping": {"factor": 0.5}},
    )
    for _ in range(2):  # the second time it is of the later version already
        resumed = resumed_config(base, path)
        assert (resumed.optimizer.lookahead, resumed.dropping.factor) == (0, 0.0)
        assert differences(load_config(path), resumed) == []
        path.write_text(to_json(resumed))
    assert base.optimizer.lookahead == 5
    assert resumed_config(base, tmp_path / "none.json").to_dict() == base.to_dict()

    other = base.copy_and_resolve_references()
    other.optimizer.lookahead = 7  # which was asked for
    found = differences(load_config(path), resumed_config(other, path))
    assert found == [("optimizer.lookahead", 0, 7)]

    path.write_text(to_json(base))  # a run that began with the new default
    assert resumed_config(base, path).optimizer.lookahead == 5


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"version": 99}, "config.later_version", "use the mgr_jax that wrote it"),
        ({"version": "1"}, "config.version", "version is '1'"),
        ({"version": -1}, "config.version", "version is -1"),
        ({"batchsize": 3}, "unknown_name", "'batchsize'; did you mean batch_size"),
        ({"plateau": {"patienc": 3}}, "unknown_name", "'plateau.patienc'; did you mean"),
        ({"batch_size": 0}, "config.out_of_range", "config.batch_size is 0"),
        ({"version": 1, "schedule": 3}, "config.wrong_type", "schedule is 3, not a group"),
    ],
)
def test_a_stored_config_that_is_not_understood_is_refused(change, code, named, tmp_path):
    path = tmp_path / "config.json"
    stored = json.loads(to_json(base_config()))
    if change.get("version") == 1:
        stored = json.loads((VERSIONS / "1.json").read_text())
    path.write_text(json.dumps(stored | change))
    with user_error(code, path, named):
        load_config(path)


def test_a_stored_config_holds_fields(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("[]")
    with user_error("file.damaged", path):
        load_config(path)
    with user_error("config.no_fields"):
        from_json("[]")


def test_the_version_is_not_a_setting():
    config = base_config()
    config.version += 1
    with user_error("config.version", "leave it"):
        validate(config)
