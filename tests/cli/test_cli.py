"""The commands as a user types them: what they print, write, refuse and exit with."""

import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mgr_jax
from mgr_jax import cli
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.config import base_config, to_json, validate
from mgr_jax.config.files import list_configs, read_config
from mgr_jax.evaluation import AGGREGATIONS, Predictions, save_result

ROOT = Path(__file__).resolve().parent.parent.parent


def call(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("command", ["prepare_data", "predict", "extract_features", "audit"])
def test_limits_are_a_flag_of_what_reads_audio(capsys, command):
    assert "--limits" in call(capsys, command, "--help")[1]
    code, _, err = call(capsys, command, "--limits=max_hour=48")
    assert code
    assert "max_hours" in err


def test_commands_are_listed(capsys):
    code, out, _ = call(capsys, "--help")
    assert code == 0
    for name in cli.list_commands():
        first, *rest = cli.spell(name).split()
        family = f"{first} …" in out
        line = rf"\b{rest[0]}\b" if family else rf"^  {cli.spell(name)} +[A-Z]"
        assert re.search(line, out, re.MULTILINE), name
    titles = [line for line in out.splitlines() if line.endswith(":")]
    assert titles == ["data:", "train:", "use:", "examine:", "measure:"]
    assert call(capsys)[0] == 2
    assert call(capsys, "benchmark") == (2, call(capsys, "benchmark", "--help")[1], "")
    code, out, _ = call(capsys, "benchmark", "--help")
    assert code == 0
    assert "benchmark frontends" in out
    assert "prepare_data" not in out
    code, out, _ = call(capsys, "--version")
    assert (code, out) == (0, f"mgr-jax {mgr_jax.__version__}\n")


@pytest.mark.parametrize("command", ["", "benchmark", *map(cli.spell, cli.list_commands())])
def test_help_is_an_example_first_and_fits_a_terminal(capsys, command):
    code, out, err = call(capsys, *command.split(), "--help")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert out.isprintable() or out.replace("\n", "").isprintable()  # no colours, no tabs
    if command not in ("", "benchmark"):
        summary, empty, example = lines[:3]
        assert summary.endswith(".")
        assert not empty
        assert example.startswith(f"  mgr-jax {command}")
        assert f"usage: mgr-jax {command} [flags]" in out
        flags = [line.split()[0] for line in lines if re.match(r"  --[\w\[]", line)]
        assert len(set(flags)) == len(flags)


def test_long_lines_are_broken_between_words_on_a_terminal_alone(open_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = f"  {'a word ' * 30}\nshort"
    say(text, file=(pipe := io.StringIO()))
    assert pipe.getvalue() == f"{text}\n"
    say(text, file=(terminal := open_terminal()))
    *lines, last = terminal.getvalue().splitlines()
    assert max(map(len, lines)) < 80
    assert all(line.startswith("  ") for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split()[:-1])
    assert last == "short"
    say(text, file=(terminal := open_terminal()), wrap=False)
    assert terminal.getvalue() == f"{text}\n"


@pytest.mark.parametrize("command", [*map(cli.spell, cli.list_commands())])
def test_help_imports_nothing_slow(command):
    code = (
        "import sys\n"
        "from mgr_jax.cli import main\n"
        f"code = main([*'{command}'.split(), '--help'])\n"
        "slow = {'numpy', 'jax', 'flax', 'tensorflow_datasets', 'librosa', 'sklearn'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"mgr-jax {command}" in done.stdout
    assert "flags:" in done.stdout or command == "build_onednn"


@pytest.mark.parametrize("script", sorted(ROOT.glob("launch/*.py")), ids=lambda path: path.stem)
def test_launch_scripts_are_the_same_commands(script):
    done = subprocess.run(
        [sys.executable, script, "--help"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: mgr-jax {script.stem} [flags]" in done.stdout


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["trian"], 2, "did you mean train"),
        (["benchmark", "modles"], 2, "did you mean benchmark models"),
        (["train", "runs/a"], 2, "takes flags alone, not 'runs/a'"),
        (["train", "--wrokdir=x"], 2, "Unknown command line flag 'wrokdir'"),
        (["train", "--config=rendered/choi_crnn"], 1, "did you mean demo:model=crnn"),
        (["train", "--config=demo"], 1, "give --workdir"),
        (
            ["train", "--config=demo", "--config.batchsize=3", "--workdir=x"],
            1,
            "batch_size?",
        ),
        (["train", "--config=demo", "--config.batch_size=many"], 2, "batch_size"),
        (["prepare_data"], 1, "give --dataset"),
        (["prepare_data", "--dataset=gtzam"], 1, "there is no dataset 'gtzam'"),
        (["prepare_data", "--dataset=audio_folder"], 1, "give --manual_dir"),
        (["prepare_data", "--dataset=rendered/demo", "--sample_rate=8000"], 1, "22050, 16000"),
        (["prepare_data", "--dataset=rendered/tiny", "--manual_dir=x"], 1, "leave it out"),
        (["prepare_data", "--dataset=audio_folder", "--manual_dir=/no/where"], 1, "not a folder"),
        (
            ["prepare_data", "--dataset=audio_folder", "--manual_dir=x", "--fractions=1,2"],
            1,
            "give 3 values",
        ),
        (["evaluate"], 1, "give --model"),
        (["evaluate", "--model=/no/where"], 1, "holds no trained model"),
        (["init_config", "demo", "--out=/dev/null/x"], 1, "cannot use /dev/null"),
        (["baselines", "--dataset=rendered/demo", "--workdir=x", "--data_dir=/no"], 1, "make it"),
    ],
)
def test_mistakes_are_one_sentence_and_an_exit_code(capsys, argv, code, says):
    found, _, err = call(capsys, *argv)
    assert found == code, err
    assert says in err
    assert err.startswith("mgr-jax: ")
    assert err.count("\n") == 1, err


def test_a_config_file_that_cannot_be_run_is_one_sentence(capsys, tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def get_config():\n    return 1 / 0\n")
    code, _, err = call(capsys, "train", f"--config={bad}", "--workdir=x")
    assert code == 1
    assert "bad.py, line 2: ZeroDivisionError: division by zero" in err
    assert err.count("\n") == 1


def test_arguments_that_a_config_does_not_name_can_be_given(capsys, tmp_path, data_dir):
    flags = [
        "--config=demo:data=audio_folder/music",
        f"--config.data_dir={data_dir}",
        "--config.num_steps=0",
        "--config.model.kwargs.gate=hard_sigmoid",
        "--config.frontend.kwargs.fmax=5000.0",
    ]
    code, _, err = call(capsys, "train", *flags, f"--workdir={tmp_path}")
    assert code == 0, err
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model"]["kwargs"]["gate"] == "hard_sigmoid"
    assert config["frontend"]["kwargs"]["fmax"] == 5000
    code, _, err = call(
        capsys, "train", *flags, "--config.model.kwargs.gates=x", f"--workdir={tmp_path / 'b'}"
    )
    assert code == 1
    assert "'gates'; did you mean gate" in err


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_without_a_config_a_few_lines_say_what_one_is(capsys, command):
    code, out, err = call(capsys, command, "--workdir=x")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) < 9
    assert max(map(len, lines)) <= 80
    assert "--config is missing" in lines[0]
    assert "mgr-jax init_config lists" in lines[-1]
    for spec in re.findall(r"--config=(\w+(?::\S+)?) ", err):
        validate(read_config(spec))


def test_configs_are_listed_and_copied(capsys, tmp_path):
    assert "--all" in call(capsys, "init_config")[1]
    _, out, _ = call(capsys, "init_config", "--all")
    assert "model=crnn k1c2 k2c1 k2c2; budget" in out
    assert max(map(len, out.splitlines())) <= 80
    for spec in list_configs():
        assert re.search(rf"^{spec.partition(':')[0]} ", out, re.MULTILINE)
        assert re.search(rf"[= ]{spec.partition('=')[2]}\b", out)
    code, out, _ = call(capsys, "init_config", "demo:model=k2c2", f"--out={tmp_path}")
    assert code == 0
    copied = tmp_path / "demo.py"
    assert f"train --config={copied}:model=k2c2 --workdir" in out
    assert copied.read_text() == (ROOT / "configs/demo.py").read_text()
    code, _, err = call(capsys, "init_config", "demo:model=k2c2", f"--out={tmp_path}")
    assert code == 1
    assert "exists already" in err


def test_the_flag_of_aggregation_offers_what_there_is():
    flags = Flags()
    flags.aggregation(None)
    assert set(flags["aggregation"].parser.enum_values) == set(AGGREGATIONS)


@pytest.mark.slow
def test_evaluate_compare_and_report(capsys, trained_run, data_dir, tmp_path):
    code, out, _ = call(
        capsys, "evaluate", f"--model={trained_run}", f"--json={tmp_path / 'r.json'}"
    )
    assert code == 0
    assert "artist-disjoint split" in out
    assert "majority class (beat): 0.333" in out
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["split"] == "test"
    assert result["protocol"]["origin"] == "artist-disjoint split"
    value, low, high = result["track"]["accuracy"]
    assert low <= value <= high
    assert {"macro_f1", "top_2_accuracy", "log_loss"} <= set(result["segment"])

    code, out, _ = call(
        capsys,
        "baselines",
        "--dataset=audio_folder/music",
        "--sample_rate=12000",
        f"--data_dir={data_dir}",
        f"--workdir={trained_run / 'svm'}",
    )
    assert code == 0
    assert "SVM on MFCC statistics" in out

    code, out, _ = call(
        capsys, "report", f"--model={trained_run}", f"--compare={trained_run / 'svm'}"
    )
    assert code == 0
    assert "log_mel + choi_crnn" in out
    assert "SVM on MFCC statistics" in out
    assert "majority class (beat)" in out
    twin = shutil.copytree(trained_run / "svm", tmp_path / "twin")
    compare = f"--compare={trained_run / 'svm'},{twin}"
    code, out, _ = call(capsys, "report", f"--model={trained_run}", compare)
    assert code == 0
    assert "SVM on MFCC statistics (svm)" in out
    assert "SVM on MFCC statistics (twin)" in out
    other = shutil.copytree(trained_run / "svm", tmp_path / "other")
    table = Predictions.load(other / "predictions/test.npz")
    renamed = dataclasses.replace(table, track=np.char.add(table.track, "x"))
    save_result(other, renamed, None, system="SVM")
    code, _, err = call(capsys, "report", f"--model={trained_run}", f"--compare={other}")
    assert code == 1
    assert "not scored on the same tracks" in err
    code, _, err = call(
        capsys, "baselines", "--dataset=audio_folder/music", f"--workdir={trained_run}"
    )
    assert code == 1
    assert "holds a trained model" in err
    report = trained_run / "report"
    assert {"report.md", "confusion_matrix.png", "per_class.png", "history.png"} <= {
        path.name for path in report.iterdir()
    }
    text = (report / "report.md").read_text()
    assert "SVM on MFCC statistics" in text
    assert "![confusion matrix](confusion_matrix.png)" in text


@pytest.mark.parametrize(
    ("task", "classes", "says"),
    [
        ("single_label", 2, "top_k=9 makes no sense with 2 classes; leave it out"),
        ("single_label", 5, "top_k=9 makes no sense with 5 classes; give 2 to 4, or leave it out"),
        ("multi_label", 50, "top_k=9 asks for the rank of one genre"),
    ],
)
def test_top_k_is_checked_before_anything_is_loaded(capsys, tmp_path, task, classes, says):
    (tmp_path / "config.json").write_text(to_json(base_config()))
    labels = {"task": task, "classes": ["x"] * classes, "training_tracks": [1] * classes}
    spec = {
        "kind": "waveform", "shape": [9], "dtype": "int16", "sample_rate": 9, "task": task,
        "clip_samples": 9, "short_clip": "repeat", "min_samples": 1, "aux": {}, "preset": None,
        "crop": {"context": 0, "step": 1, "padding": "constant"},
        "side": {"columns": 0, "categories": []},
    }  # fmt: skip
    for name, content in (("labels", labels), ("input_spec", spec), ("dataset", {})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    code, _, err = call(capsys, "evaluate", f"--model={tmp_path}", "--top_k=9")
    assert code == 1
    assert says in err
    (tmp_path / "labels.json").unlink()
    code, _, err = call(capsys, "evaluate", f"--model={tmp_path}")
    assert "labels.json" in err
    assert code == 1
