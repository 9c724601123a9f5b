"""Naming another front end or model on the command line."""

import warnings

import pytest

from mgr_jax import cli
from mgr_jax.cli._flags import Flags


def parse(*argv):
    flags = Flags(["--config=demo:model=k2c2", *argv])
    flags.config()
    flags(["mgr-jax", *flags.argv])
    return flags.require_config()


def test_settings_of_the_front_end_that_is_replaced_are_dropped():
    with pytest.warns(UserWarning, match=r"name is cqt, .* of log_mel are dropped: .*n_mels"):
        config = parse("--config.frontend.name=cqt", "--config.frontend.kwargs.n_bins=72")
    assert config.frontend.kwargs.to_dict() == {"n_bins": 72}
    assert "pools" in config.model.kwargs


def test_settings_of_the_model_that_is_replaced_are_dropped():
    with pytest.warns(UserWarning, match=r"name is mlp, .* of choi_k2c2 are dropped: budget, pool"):
        config = parse("--config.model.name=mlp")
    assert not config.model.kwargs
    assert config.frontend.kwargs.n_mels == 64


def test_settings_given_as_a_dict_are_kept_beside_another_name():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        config = parse(
            "--config.model.name=musicnn",
            "--config.model.kwargs={'dense_units': 100}",
            "--config.frontend.name=cqt",
            "--config.frontend.kwargs={'n_bins': 72}",
        )
    assert config.model.kwargs.to_dict() == {"dense_units": 100}
    assert config.frontend.kwargs.to_dict() == {"n_bins": 72}


def test_a_mistake_in_a_config_file_is_one_sentence(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "from mgr_jax.config import base_config\n\n\ndef get_config():\n"
        '    config = base_config()\n    config.augment = {"name": "gain"}\n    return config\n'
    )
    assert cli.main(["train", f"--config={file}", f"--workdir={tmp_path / 'run'}"]) == 1
    error = capsys.readouterr().err
    assert f"{file}, line 6: TypeError: Could not override field 'augment'" in error
    assert len(error.splitlines()) == 1


def test_other_overrides_keep_the_settings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        config = parse("--config.frontend.name=log_mel", "--config.frontend.kwargs.n_mels=80")
    assert config.frontend.kwargs.to_dict() == {
        "n_fft": 1024, "hop_length": 512, "n_mels": 80, "power": 2.0, "ref": 1.0, "top_db": None,
    }  # fmt: skip


def test_a_group_that_there_is_not_is_named(tmp_path, capsys):
    flags = ["--config=demo", f"--workdir={tmp_path}", "--config.modle.name=mlp"]
    assert cli.main(["train", *flags]) == 2
    assert "there is no config field 'modle'; did you mean model?" in capsys.readouterr().err


def test_arguments_reach_the_file_and_the_spec_is_kept():
    flags = Flags(["--config", "choi2016:data=fma_small,model=k2c2", "--config.batch_size=8"])
    flags.config()
    flags(["mgr-jax", *flags.argv])
    config = flags.require_config()
    assert config.spec == "choi2016:model=k2c2,budget=0.1M,data=fma_small"
    assert (config.model.name, config.dataset, config.batch_size) == ("choi_k2c2", "fma/small", 8)


def test_steps_take_the_place_of_epochs():
    config = parse("--config.num_epochs=2")
    assert (config.num_epochs, config.num_steps) == (2, 0)
