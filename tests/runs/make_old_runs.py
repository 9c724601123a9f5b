"""Makes tests/runs/goldens/v0.1.0: runs as commit 3e496c9 (version 0.1.0) wrote them.

  git worktree add /tmp/v0.1.0 3e496c9
  PYTHONPATH=/tmp/v0.1.0 python tests/runs/make_old_runs.py

It runs under that commit only. Each folder is a run of few parameters as it was left: checkpoints,
scores, and what describes it; the lock and the TensorBoard events are left out. `<run>.json` beside
it holds what that commit made of it: probabilities of a synthetic track, and the metrics with which
the run went on to more steps.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "false"  # tests/conftest.py would have it so
sys.path += [str(HERE.parent), str(HERE.parent / "helpers")]
import conftest  # noqa: F401  # the settings under which the tests run, before jax is imported
import old_runs

from mgr_jax import cli
from mgr_jax.config import base_config
from mgr_jax.data.prepare import prepare
from mgr_jax.predictor import load
from mgr_jax.training.loop import train


def waveform_config():
    """A spectrogram, convolutions, a recurrence, dropout, augmentation, averaged weights."""
    config = base_config()
    config.dataset = "rendered/tiny"
    config.sample_rate = old_runs.RATE
    config.clip_samples = old_runs.RATE
    config.frontend.kwargs = {"n_fft": 512, "hop_length": 256, "n_mels": 16}
    config.model.name = "prcnn"
    config.model.kwargs = {
        "widths": (4, 6), "pools": ((2, 2), (4, 4)), "projection": 8, "units": 8, "dropout": 0.2,
    }  # fmt: skip
    config.augment = ({"name": "gain", "p": 0.5}, {"name": "mixup", "alpha": 0.4})
    config.ema_decay = 0.5
    return config


def features_config():
    """A dense network on stored features, with Keras's schedule and no averages."""
    config = base_config()
    config.dataset = "feature_array/table"
    config.sample_rate = 0
    config.clip_samples = 8
    config.frontend.name, config.model.name = "precomputed", "mlp"
    config.model.kwargs = {"units": (8,)}
    config.schedule.name, config.schedule.decay = "inverse_time", 0.1
    return config


def main() -> None:
    """Makes both runs."""
    target = HERE / "goldens/v0.1.0"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        os.environ["TFDS_DATA_DIR"] = folder  # no config shall name a folder of this machine
        old_runs.prepare_data(prepare, data)
        for name, config in (("waveform", waveform_config()), ("features", features_config())):
            config.update({"batch_size": 8, "eval_every": 3, "log_every": 1})
            run, continued = data / name, data / f"{name}-continued"
            config.num_steps = old_runs.STEPS["stored"]
            train(config, run, progress=False)
            shutil.copytree(run, continued)
            config.num_steps = old_runs.STEPS["continued"]
            train(config, continued, progress=False)
            cli.main(["evaluate", f"--model={run}"])
            predictor = load(run)
            prediction = (
                predictor.predict(old_runs.song(), old_runs.RATE)
                if name == "waveform"
                else predictor.predict_features(old_runs.track())
            )
            expected = {
                "machine": old_runs.machine(),
                "probabilities": prediction.probabilities.tolist(),
                "metrics": [
                    json.loads(line)
                    for line in (continued / "metrics.jsonl").read_text().splitlines()
                ],
            }
            shutil.copytree(run, target / name, ignore=shutil.ignore_patterns("events.*", ".lock"))
            (target / f"{name}.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
