"""The shipped config files: their arguments, what they make, what is said of mistakes, limits."""

import ast
import math
from pathlib import Path

import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.config import base_config, differences, from_json, load_config, to_json, validate
from mgr_jax.config.files import (
    config_names,
    copy_config,
    describe_config,
    find_config,
    list_configs,
    locate_config,
    read_arguments,
    read_config,
    shipped_configs,
)
from mgr_jax.config.recipes import DATASETS, Data, change, parse
from mgr_jax.training.same_run import require_same_run

OF_LENGTH = {"dataset", "spec", "num_epochs", "patience"}  # choi2016 sees FMA less often


def test_the_files_stay_few_and_short():
    """What many configs share belongs in recipes, and what a network needs in a row of a table."""
    files = [shipped_configs() / f"{name}.py" for name in config_names()]
    assert sorted(shipped_configs().rglob("*.py")) == files
    assert len(files) <= 25
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert max(lines.values()) <= 100, lines
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    statements = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    docstrings = [node for node in statements if isinstance(node, ast.Expr)
                  and isinstance(node.value, ast.Constant)]  # fmt: skip
    assert len(statements) - len(docstrings) <= 400


@pytest.mark.parametrize("name", config_names())
def test_a_file_tells_how_it_is_used_and_what_its_models_are(name):
    text = describe_config(name)
    assert len(text.partition("\n")[0]) <= 84
    assert f"mgr-jax train --config={name}" in text
    arguments = read_arguments(find_config(name)[0])
    assert isinstance(arguments["data"], Data)
    for model in arguments.get("model", ()):
        assert model in text
    for word in text.split():
        if word.startswith("--config=") and "NAME" not in word:
            validate(read_config(word.removeprefix("--config=")))


@pytest.mark.parametrize("spec", list_configs())
def test_every_network_takes_any_dataset_of_its_kind(spec):
    config = read_config(spec)
    validate(config)
    stored = config.dataset.startswith("feature_array/")
    of_kind = [
        name for name, full in DATASETS.items() if full.startswith("feature_array/") == stored
    ]
    for data in [*of_kind, "feature_array/mine" if stored else "audio_folder/my_music"]:
        other = read_config(f"{spec}{',' if ':' in spec else ':'}data={data}")
        validate(other)
        assert other.dataset == DATASETS.get(data, data)
        assert {field for field, *_ in differences(config, other)} <= OF_LENGTH
        assert f"data={data}" in other.spec


def test_short_names_are_of_datasets_that_there_are():
    made_by_hand = ("audio_folder/", "feature_array/")
    named = {full for full in DATASETS.values() if not full.startswith(made_by_hand)}
    assert named <= set(mgr_jax.list_datasets())


def test_arguments_may_come_in_any_order_and_the_spec_has_all_of_them():
    spec = "choi2016:model=k2c2,budget=0.1M,data=fma_small"
    for given in (
        "choi2016:data=fma/small,model=k2c2",
        "configs/choi2016.py:model=k2c2,data=fma_small",
        spec,
    ):
        assert read_config(given).spec == spec
    config = read_config(spec)
    assert config.dataset == "fma/small"
    assert config.model.to_dict() == {"name": "choi_k2c2", "kwargs": {"budget": "0.1M"}}
    assert read_config("choi2016").spec == "choi2016:model=crnn,budget=0.1M,data=gtzan"
    assert read_config("choi2017").spec == "choi2017:data=gtzan"
    assert locate_config("demo:model=k2c2") == f"{shipped_configs() / 'demo.py'}:model=k2c2"


@pytest.mark.parametrize(
    ("spec", "code", "named"),
    [
        ("choi2016:modle=crnn", "unknown_name", "did you mean model?"),
        ("choi2016:model=crn", "unknown_name", "did you mean crnn?"),
        ("choi2016:budget=7M", "unknown_name", "0.25M"),
        ("choi2016:crnn", "config.bad_argument", "give name=value, of model, budget, data"),
        ("choi2016:model=crnn,model=k2c2", "config.repeated_argument", "model"),
        ("choi2016:data=gtzn", "config.unknown_data", "did you mean gtzan"),
        ("choi2016:data=my_music", "config.unknown_data", "audio_folder/my_music"),
        ("choi2016:data=audio_folder/", "config.unknown_data", "<builder>/<name>"),
        ("choi2016:data=gtzan_mel3", "config.wrong_data", "this config is for audio"),
        ("mlp:data=audio_folder/x", "config.wrong_data", "gtzan_features"),
        (
            "demo:data=~/music",
            "config.data_is_path",
            "('audio_folder', manual_dir='~/music'",
        ),
        ("demo:data=/a/b", "config.data_is_path", "then give data=audio_folder/music"),
        ("mlp:data=./a.npz", "config.data_is_path", "('feature_array', features='./a.npz'"),
        ("", "config.no_name", "mgr-jax init_config"),
        (":model=crnn", "config.no_name", "mgr-jax init_config"),
        ("gtzan/", "config.unknown", "'gtzan/'; mgr-jax init_config"),
    ],
)
def test_mistakes_in_arguments(spec, code, named):
    with user_error(code, named):
        read_config(spec)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("chio2016", "choi2016"),
        ("choi_crnn", "choi2016:model=crnn"),
        ("short_chunk_res", "won2020:model=short_chunk_res"),
        ("configs/short_chunks.py", "won2020:model=short_chunk"),
        # as configs were called up to version 0.1
        ("zoo/choi_crnn", "choi2016:model=crnn"),
        ("gtzan/sample_cnn", "lee2017:model=2_13 or lee2017:model=3_9"),
        ("rendered/choi_crnn", "demo:model=crnn"),
        ("gtzan_mel3/nakashika2012", "gtzan_mel3:model=nakashika2012"),
    ],
)
def test_a_name_that_there_is_not_suggests_what_may_be_meant(name, meant):
    with user_error("config.unknown", f"there is no config {name!r}; did you mean {meant}"):
        read_config(name)


def test_a_file_that_there_is_not_suggests_none_that_is_shipped(tmp_path):
    with user_error("config.unknown", tmp_path) as caught:
        read_config(tmp_path / "choi2016.py")
    assert "did you mean" not in str(caught.value)


def test_a_copy_takes_the_same_arguments(tmp_path):
    copy = copy_config("choi2016:model=k2c1", tmp_path)
    copy.write_text(copy.read_text().replace("batch_size = 16", "batch_size = 8"))
    config = read_config(f"{copy}:model=k2c2")
    assert config.spec == "choi2016.py:model=k2c2,budget=0.1M,data=gtzan"
    found = differences(read_config("choi2016:model=k2c2"), config)
    assert [field for field, *_ in found] == ["batch_size", "spec"]
    with user_error("unknown_name", "did you mean crnn"):
        read_config(f"{copy}:model=crn")
    with user_error("config.copy_exists", copy):
        copy_config("choi2016", tmp_path)


def test_a_path_may_have_colons(tmp_path):
    copy = copy_config("demo", tmp_path / "a:b")
    assert find_config(f"{copy}:model=k2c2") == (copy, "model=k2c2")
    assert read_config(f"{copy}:model=k2c2").model.name == "choi_k2c2"


@pytest.mark.parametrize("wrong", ["choi2016:model=bogus", "foo"])
def test_no_config_is_copied_beside_one_that_there_is_not(wrong, tmp_path, capsys):
    assert cli.main(["init_config", "demo", wrong, f"--out={tmp_path}"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_of_ones_own_may_read_its_argument_itself(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from mgr_jax.config import base_config\n\n\n"
        'def get_config(arg="16"):\n    config = base_config()\n'
        "    config.batch_size = int(arg)\n    return config\n"
    )
    assert read_config(mine).batch_size == 16
    config = read_config(f"{mine}:32")
    assert (config.batch_size, config.spec) == (32, "mine.py:32")
    with user_error("config.broken_file", f"{mine}, line 6: ValueError"):
        read_config(f"{mine}:many")
    mine.write_text("def get_config(:\n")
    with user_error("config.broken_file", f"{mine}, line 1: SyntaxError"):
        read_config(mine)
    mine.write_bytes(b"ID3\0\xff\xfb")
    with user_error("config.broken_file", f"{mine}: SyntaxError"):
        read_config(mine)
    mine.write_text("get_confg = dict\n")
    with user_error("config.no_config", mine):
        read_config(mine)


def test_the_spec_is_no_difference_between_runs(tmp_path):
    config = read_config("demo")
    (tmp_path / "config.json").write_text(to_json(config))
    (tmp_path / "dataset.json").write_text('{"tracks": {}}')
    assert load_config(tmp_path / "config.json").spec == "demo:model=crnn,data=demo"
    config.spec = "mine.py:model=crnn"
    require_same_run(tmp_path, from_json(to_json(config)), {"tracks": {}})
    config.seed = 1
    with user_error("run.other_config", "seed = 0, not 1"):
        require_same_run(tmp_path, config, {"tracks": {}})


def test_the_demo_is_what_its_numbers_were_measured_with():
    kwargs = {"n_fft": 1024, "hop_length": 512, "n_mels": 64}
    levels = {"power": 2.0, "ref": 1.0, "top_db": None}
    pools = ((2, 2), (2, 2), (3, 4), (1, 4))
    expected = base_config()
    expected.update(
        {
            "sample_rate": 12_000,
            "clip_samples": 96_000,
            "frontend": {"kwargs": kwargs | levels},
            "model": {"name": "choi_crnn", "kwargs": {"budget": "0.1M", "pools": pools}},
            "num_steps": 600,
            "eval_every": 100,
            "optimizer": {"learning_rate": 3e-3},
            "spec": "demo:model=crnn,data=demo",
        }
    )
    assert read_config("demo").to_dict() == expected.to_dict()


def test_an_argument_without_value_has_the_first_of_its_table():
    known = {"model": {"a": 1, "b": 2}, "data": Data("gtzan")}
    assert parse("", known) == {"model": "a", "data": "gtzan"}
    assert parse("data=fma/large,model=b", known) == {"model": "b", "data": "fma_large"}
    for arg in ("", "model=a"):
        with user_error("config.no_values", "argument model has no values"):
            parse(arg, {"model": {}})


def test_a_duration_that_is_changed_clears_its_other_units():
    config = base_config()
    change(config, {"schedule": {"warmup_epochs": 2.0}}, num_epochs=10, eval_every_examples=500)
    assert (config.num_steps, config.num_epochs, config.num_examples) == (0, 10, 0)
    assert (config.eval_every, config.eval_every_examples) == (0, 500)
    assert (config.schedule.warmup_fraction, config.schedule.warmup_epochs) == (0, 2)
    change(config, num_steps=math.prod((3, 4)))
    assert (config.num_steps, config.num_epochs) == (12, 0)
    assert config.eval_every_examples == 500


def test_shipped_configs_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config("configs/demo.py")[0] == shipped_configs() / "demo.py"
    Path("demo.py").write_text("")
    assert find_config("demo.py:model=crnn") == (Path("demo.py"), "model=crnn")
    assert find_config("demo")[0] == shipped_configs() / "demo.py"
