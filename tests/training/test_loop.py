"""A run learns, stops, goes on, and says what is wrong."""

import contextlib
import json
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from errors import user_error
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from unsealed import read_unsealed

from mgr_jax.classifier import abstract_variables, create_classifier
from mgr_jax.config import load_config
from mgr_jax.data.loader import Loader
from mgr_jax.evaluation import Predictions
from mgr_jax.model_folder import SCHEMA
from mgr_jax.training.checkpoint import list_steps, load_variables
from mgr_jax.training.inference import predict_run
from mgr_jax.training.same_run import lock, require_same_splits
from mgr_jax.training.stop import StoppedError, StopRequest
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train

CLASSES = 3


def variables_of(workdir, config, which="latest"):
    classifier, spec = create_classifier(config, CLASSES)
    target = abstract_variables(classifier, spec)
    return load_variables(workdir, target, which)


def assert_same_variables(first, second, **tolerance):
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.fixture
def quick(tiny_config):
    """A run whose network compiles in no time."""
    tiny_config.model.name = "mlp"
    tiny_config.model.kwargs = {"units": (4,)}
    tiny_config.update({"num_steps": 2, "eval_every": 2})
    return tiny_config


def losses(workdir):
    rows = read_metrics(workdir / "metrics.jsonl")
    return {row["step"]: row["train/loss"] for row in rows if "train/loss" in row}


@pytest.mark.slow
def test_a_run_learns_and_keeps_what_the_design_promises(trained_run):
    rows = read_metrics(trained_run / "metrics.jsonl")
    final = [row for row in rows if "validation/track/accuracy" in row][-1]
    assert final["validation/track/accuracy"] == 1.0
    assert {row["step"] for row in rows} == set(range(2, 41, 2))
    assert {"config.json", "model.json", "dataset.json", "checkpoints", "metrics.jsonl"} <= {
        path.name for path in trained_run.iterdir()
    }
    model = json.loads((trained_run / "model.json").read_text())
    assert model["labels"] == {
        "classes": ["beat", "hiss", "hum"],
        "training_tracks": [6, 6, 6],
    }
    spec = model["input_spec"]
    assert (spec["kind"], spec["sample_rate"], spec["clip_samples"]) == ("waveform", 12_000, 6_000)

    events = EventAccumulator(str(trained_run)).Reload()
    assert {"train/loss", "learning_rate", "clips_per_second"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["validation/confusion"]
    logged = {event.step: event.value for event in events.Scalars("train/loss")}
    assert logged == pytest.approx(losses(trained_run))


@pytest.mark.slow
def test_test_tracks_are_scored_segment_by_segment(trained_run):
    predictions = predict_run(trained_run, "test")
    assert len(predictions.track) == 6 * 4  # 2 s in clips of 0.5 s
    assert predictions.split == "test"
    assert predictions.protocol.sentence == "artist-disjoint split, segments of 0.5 s"
    by_track = predictions.by_track()
    assert isinstance(by_track, Predictions)
    assert (by_track.probabilities.argmax(1) == by_track.label).all()


def test_a_run_of_damaged_checkpoints_does_not_begin_again_unasked(quick, tmp_path):
    train(quick, tmp_path, progress=False)
    for path in (tmp_path / "checkpoints").glob("*/*/d/*"):
        path.write_bytes(b"")
    quick.num_steps = 4
    with (
        pytest.warns(UserWarning, match="renamed to damaged-2"),
        user_error("checkpoint.none_readable", tmp_path / "checkpoints"),
    ):
        train(quick, tmp_path, progress=False)
    with user_error("checkpoint.none_readable", tmp_path / "checkpoints"):
        train(quick, tmp_path, progress=False)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over(tiny_config, tmp_path):
    train(tiny_config, tmp_path, progress=False)
    steps = sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert steps[-1] == 8
    if steps == [8]:  # the latest was the best too: make an older one
        shutil.copytree(tmp_path / "checkpoints/8", tmp_path / "checkpoints/4")
    for path in (tmp_path / "checkpoints/8").rglob("*"):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(path.read_bytes()[:10])
    tiny_config.num_steps = 10
    with pytest.warns(UserWarning, match=r"checkpoints/8 is damaged.*renamed to damaged-8"):
        result = train(tiny_config, tmp_path, progress=False)
    assert result.step == 10
    assert (tmp_path / "checkpoints/damaged-8").is_dir()
    variables_of(tmp_path, tiny_config)


def test_a_damaged_description_stops_nothing(quick, tmp_path):
    quick.num_steps = 4
    train(quick, tmp_path, progress=False)
    for name in ("run.json", "model.json", "tracks.json"):
        (tmp_path / name).write_text("no JSON")
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'[3]\n"step"\n\xff\n{"step": 9')
    quick.num_steps = 8
    with pytest.warns(UserWarning, match=r"run\.json is damaged; its seconds are") as told:
        assert train(quick, tmp_path, progress=False).step == 8
    assert sum("skipping the damaged lines 5, 6, 7, …" in str(one.message) for one in told) == 1
    assert list_steps(tmp_path / "checkpoints")[0] == 8
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")][-1] == 8
    assert json.loads((tmp_path / "model.json").read_text())["schema"] == SCHEMA
    assert json.loads((tmp_path / "run.json").read_text())["seconds"] > 0


def test_nothing_is_drawn_without_progress(quick, data_dir, tmp_path, capfd):
    copy = shutil.copytree(data_dir, tmp_path / "tfds")
    for cache in copy.glob("**/cache"):
        shutil.rmtree(cache)
    quick.data_dir = str(copy)
    train(quick, tmp_path / "run", progress=False)
    train(quick, tmp_path / "run", progress=False)
    told = "".join(capfd.readouterr())
    assert list(copy.glob("**/cache/train"))
    assert "%|" not in told
    assert "/s]" not in told


def test_a_run_whose_sampling_has_changed_is_not_gone_on_with(quick, tmp_path):
    quick.sampling = "balanced"
    train(quick, tmp_path, progress=False)
    tracks = read_unsealed(tmp_path / "tracks.json")
    tracks.pop("draws")  # as older versions wrote it
    (tmp_path / "tracks.json").write_text(json.dumps(tracks))
    quick.num_steps = 4
    with user_error("run.too_old", tmp_path):
        train(quick, tmp_path, progress=False)
    quick.num_steps = 2  # a run that is done draws nothing any more
    assert train(quick, tmp_path, progress=False).step == 2
    quick.num_steps = 4  # and is not taken for one that drew as this version does
    with user_error("run.too_old", tmp_path):
        train(quick, tmp_path, progress=False)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tiny_config, tmp_path):
    tiny_config.optimizer.clip_norm = 0.0
    train(tiny_config, tmp_path, progress=False)
    good = variables_of(tmp_path, tiny_config)
    tiny_config.num_steps = 12
    config = read_unsealed(tmp_path / "config.json")
    config["optimizer"]["learning_rate"] = 1e30
    (tmp_path / "config.json").write_text(json.dumps(config))
    tiny_config.optimizer.learning_rate = 1e30
    with user_error("training.not_finite", "learning_rate", "step 8"):
        train(tiny_config, tmp_path, progress=False)
    assert_same_variables(variables_of(tmp_path, tiny_config), good)


@pytest.mark.slow
def test_patience_stops_a_run_that_no_longer_improves(tiny_config, tmp_path):
    # A learning rate of almost nothing: the first evaluation stays the best.
    tiny_config.optimizer.learning_rate = 1e-12
    tiny_config.update({"num_steps": 60, "eval_every": 2, "patience": 3, "monitor": "accuracy"})
    result = train(tiny_config, tmp_path, progress=False)
    assert result.stopped_early
    assert result.step < 60
    again = train(tiny_config, tmp_path, progress=False)
    assert (again.step, again.stopped_early) == (result.step, True)


@pytest.mark.slow
def test_bfloat16_trains_with_float32_parameters(tiny_config, tmp_path):
    tiny_config.compute_dtype = "bfloat16"
    train(tiny_config, tmp_path, progress=False)
    found = variables_of(tmp_path, tiny_config)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(found)} == {"float32"}
    assert np.isfinite([losses(tmp_path)[step] for step in (2, 4, 6, 8)]).all()


def test_a_work_directory_of_another_run_is_refused(trained_run, tmp_path):
    workdir = shutil.copytree(trained_run, tmp_path / "run")
    config = load_config(workdir / "config.json")
    config.seed = 7
    with user_error("run.other_config", workdir, "config.seed = 0, not 7"):
        train(config, workdir, progress=False)
    (workdir / "config.json").unlink()
    with user_error("run.missing_config", workdir, "config.json"):
        train(config, workdir, progress=False)


def test_a_checkpoint_of_another_architecture_is_refused(trained_run, tmp_path):
    workdir = shutil.copytree(trained_run, tmp_path / "run")
    model = read_unsealed(workdir / "model.json")
    model["model"]["kwargs"]["budget"] = "0.25M"
    (workdir / "model.json").write_text(json.dumps(model))
    with user_error("checkpoint.other_network", "(30,) there", "(48,)"):
        predict_run(workdir, "test")


def test_a_dataset_prepared_anew_is_refused(trained_run, tmp_path):
    workdir = shutil.copytree(trained_run, tmp_path / "run")
    dataset = read_unsealed(workdir / "dataset.json")
    (workdir / "dataset.json").write_text(json.dumps(dataset | {"seed": 5}))
    with user_error("run.other_dataset", workdir, "seed differs"):
        predict_run(workdir, "test")


def test_a_run_knows_what_the_files_of_its_dataset_held(tmp_path):
    account = {"source": "names and sizes", "tracks": {"train": {"rock": 1}}}
    told = tmp_path / "dataset.json"
    told.write_text(json.dumps(account | {"content": "a"}))
    require_same_splits(tmp_path, account | {"content": "a"})
    with user_error("run.other_dataset", tmp_path, "content differs"):
        require_same_splits(tmp_path, account | {"content": "b"})
    told.write_text(json.dumps(account))  # of version 0.1.0, which kept no such thing
    require_same_splits(tmp_path, account | {"content": "b"})


def test_tracks_shorter_than_a_clip_are_counted(tiny_config, tmp_path):
    tiny_config.update({"clip_samples": 36_000, "num_steps": 0})
    with pytest.warns(UserWarning, match="18 of 18 train tracks are shorter"):
        train(tiny_config, tmp_path, progress=False)


def test_two_runs_cannot_share_a_work_directory(tiny_config, tmp_path):
    with lock(tmp_path), user_error("folder.in_use", tmp_path):
        train(tiny_config, tmp_path, progress=False)


@pytest.mark.slow
def test_a_stopped_run_keeps_its_last_step(tiny_config, tmp_path, monkeypatch):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background of a shell
    calls = []

    def stop_after_three(bar, n=1):
        calls.append(n)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("mgr_jax.training.train.tqdm.update", stop_after_three)
        with user_error("training.interrupted", "stopped at step 3", "from step 3"):
            train(tiny_config, tmp_path / "run", progress=False)
    assert train(tiny_config, tmp_path / "run", progress=False).step == 8
    train(tiny_config, tmp_path / "whole", progress=False)
    assert_same_variables(
        variables_of(tmp_path / "run", tiny_config),
        variables_of(tmp_path / "whole", tiny_config),
        atol=1e-4,
    )


def test_a_stop_that_comes_too_late_is_a_signal_again():
    heard = []
    old = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with StopRequest() as stop:
            stop.hold()
            signal.raise_signal(signal.SIGTERM)
            assert not heard
        assert heard == [signal.SIGTERM]
        with contextlib.suppress(StoppedError), StopRequest() as stop:
            stop.hold()
            signal.raise_signal(signal.SIGTERM)
            stop.check()
            assert not "reached"
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_run_that_is_shortened_to_before_its_step_is_evaluated_there(
    quick, tmp_path, monkeypatch
):
    def stop(bar, n=1):
        signal.raise_signal(signal.SIGTERM)

    quick.update({"num_steps": 8, "eval_every": 8})
    with monkeypatch.context() as patch, user_error("training.stopped"):
        patch.setattr("mgr_jax.training.train.tqdm.update", stop)
        train(quick, tmp_path, progress=False)
    (step,) = list_steps(tmp_path / "checkpoints")
    quick.num_steps = step - 1
    result = train(quick, tmp_path, progress=False)
    assert result.step == step
    assert np.isfinite(result.best)


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, 8])
def test_an_evaluation_that_was_given_up_is_made_again(tiny_config, tmp_path, monkeypatch, step):
    train(tiny_config, tmp_path / "whole", progress=False)
    batches, evaluations = Loader.eval_batches, []

    def stop_within(loader, per_track=0):
        evaluations.append(per_track)  # the first is for the compiler
        for batch in batches(loader, per_track):
            if len(evaluations) == 1 + step // 4:
                signal.raise_signal(signal.SIGTERM)
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "eval_batches", stop_within)
        with user_error("training.stopped", f"stopped at step {step}"):
            train(tiny_config, tmp_path / "run", progress=False)
    assert train(tiny_config, tmp_path / "run", progress=False).step == 8
    whole, run = (
        [{n: v for n, v in row.items() if n != "clips_per_second"} for row in read_metrics(path)]
        for path in (tmp_path / "whole/metrics.jsonl", tmp_path / "run/metrics.jsonl")
    )
    assert run == whole
    names = [
        {path.name for path in (tmp_path / name / "checkpoints").glob("[0-9]*")}
        for name in ("run", "whole")
    ]
    assert names[0] == names[1]
    assert_same_variables(
        variables_of(tmp_path / "run", tiny_config),
        variables_of(tmp_path / "whole", tiny_config),
        atol=0,
    )


def test_a_damaged_checkpoint_or_none_is_told_to_who_predicts(trained_run, tmp_path):
    workdir = shutil.copytree(trained_run, tmp_path / "run")
    for path in workdir.glob("checkpoints/*/*/d/*"):
        path.write_bytes(b"")
    with user_error("checkpoint.damaged", workdir / "checkpoints"):
        predict_run(workdir, "test")
    for path in workdir.glob("checkpoints/*"):
        shutil.rmtree(path)
    with user_error("checkpoint.none", workdir / "checkpoints"):
        predict_run(workdir, "test")


def test_a_checkpoint_that_is_not_there_is_named(trained_run):
    with user_error("checkpoint.no_such_step", "'7'", "best, latest"):
        predict_run(trained_run, "test", checkpoint="7")


def test_tags_need_a_dataset_with_tags(tiny_config, tmp_path):
    tiny_config.update({"task": "multi_label", "monitor": "roc_auc"})
    with user_error("task.no_tags", "config.task"):
        train(tiny_config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_relative_data_dir_is_found_from_other_folders(tiny_config, tmp_path, monkeypatch):
    folder = Path(tiny_config.data_dir)
    tiny_config.update({"data_dir": folder.name, "num_steps": 0})
    monkeypatch.chdir(folder.parent)
    train(tiny_config, tmp_path / "run", progress=False)
    assert json.loads((tmp_path / "run/config.json").read_text())["data_dir"] == str(folder)
