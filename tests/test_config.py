"""Configs: every mistake is one sentence, and JSON keeps everything."""

import json
from pathlib import Path

import pytest
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
from mgr_jax.errors import UserError


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
    ("change", "says"),
    [
        ({"batchsize": 3}, r"no config field 'batchsize'; did you mean batch_size"),
        ({"optimizer": {"lr": 1.0}}, r"no config field 'optimizer\.lr'"),
        ({"batch_size": 0}, r"config\.batch_size is 0; it must be at least 1"),
        (
            {"task": "regression"},
            r"no config\.task 'regression'; choose from multi_label, single_label",
        ),
        ({"optimizer": {"name": "adma"}}, r"did you mean adam"),
        ({"label_smoothing": 1.0}, r"must lie in \[0, 1\)"),
        ({"optimizer": {"name": "adam"}}, r"adam with weight_decay.*only adamw applies"),
        ({"task": "multi_label"}, r"monitor is accuracy, which a multi_label task does not have"),
        ({"frontend": {"kwargs": {"axis_name": "x"}}}, r"it follows from config\.partition"),
        ({"model": {"kwargs": {"num_classes": 3}}}, r"it follows from the dataset"),
        (
            {"frontend": {"kwargs": {"sample_rate": 3}}},
            r"it follows from config\.sample_rate",
        ),
    ],
)
def test_mistakes_give_one_sentence(change, says):
    config = base_config()
    with config.unlocked():
        config.update(change)
    with pytest.raises(UserError, match=says) as error:
        validate(config)
    assert "\n" not in str(error.value)


def test_a_config_file_that_starts_from_nothing_is_told_what_is_missing():
    config = base_config()
    del config.optimizer.clip_norm
    with pytest.raises(UserError, match=r"config\.optimizer\.clip_norm is missing"):
        validate(config)
    config = base_config()
    with config.ignore_type():
        config.batch_size = "16"
    with pytest.raises(UserError, match=r"config\.batch_size is '16'; expected int"):
        validate(config)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": {"name": "choi_crn"}}, r"model.*choi_crn.*did you mean choi_crnn"),
        ({"frontend": {"name": "mel"}}, r"mel.*log_mel"),
        ({"frontend": {"kwargs": {"n_mel": 3}}}, r"'n_mel'.*n_mels"),
        ({"frontend": {"kwargs": {"hop_length": 0}}}, r"hop_length is 0; it must be positive"),
        ({"model": {"kwargs": {"budget": "7M"}}}, r"budget.*0\.1M"),
        ({"clip_samples": 100}, r"config\.clip_samples is 100, but log_mel needs 2048"),
    ],
)
def test_names_and_arguments_that_do_not_exist_give_one_sentence(change, says):
    config = base_config()
    with config.unlocked():
        config.update(change)
    validate(config)
    with pytest.raises(UserError, match=says) as error:
        create_classifier(config, 10)
    assert "\n" not in str(error.value)


def test_a_missing_or_damaged_config_file_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no trained model"):
        load_config(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        load_config(tmp_path / "config.json")


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
    with pytest.raises(UserError, match=r"no config field of version \d+ 'optimizer\.lookahead'"):
        load_config(path)


def test_a_later_version_may_rename_a_field(monkeypatch, tmp_path):
    def rename(config):
        config["optimizer"]["damping"] = config["optimizer"].pop("eps") * 2

    path = tmp_path / "config.json"
    path.write_text(to_json(base_config()))
    base = make_later_version(monkeypatch, rename, {"optimizer.damping": 1.0})
    del base.optimizer.eps
    for module in ("checks", "store"):
        monkeypatch.setattr(f"mgr_jax.config.{module}.base_config", lambda: base)
    config = load_config(path)
    assert config.optimizer.damping == 2e-8
    assert "eps" not in config.optimizer
    version = base.version - 1
    path.write_text(json.dumps({"version": version, "optimizer": {}}))
    with pytest.raises(UserError, match=rf"it is no whole config of version {version} .*eps"):
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
    ("change", "says"),
    [
        ({"version": 99}, r"version is 99, but .* up to \d+; use the mgr_jax that wrote it"),
        ({"version": "1"}, r"version is '1'; it must be a number"),
        ({"version": -1}, r"version is -1; it must be a number"),
        ({"batchsize": 3}, r"no config field 'batchsize'; did you mean batch_size"),
        ({"plateau": {"patienc": 3}}, r"no config field 'plateau\.patienc'; did you mean"),
    ],
)
def test_a_stored_config_that_is_not_understood_is_refused(change, says, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(to_json(base_config())) | change))
    with pytest.raises(UserError, match=says) as error:
        load_config(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    path.write_text("[]")
    with pytest.raises(UserError, match="it holds no fields"):
        load_config(path)


def test_the_version_is_not_a_setting():
    config = base_config()
    config.version += 1
    with pytest.raises(UserError, match=r"config\.version is \d+, but .* leave it"):
        validate(config)
