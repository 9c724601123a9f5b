"""Classifying a file takes the classifier, and nothing of data, training or other networks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
ABSENT = (
    "grain", "tensorflow", "tensorflow_datasets", "librosa", "sklearn", "pyarrow", "matplotlib",
    "tensorboardX", "optax", "scipy",
    *(
        f"mgr_jax.{name}"
        for name in ("data", "evaluation", "runs", "reports", "features", "baselines", "leakage",
                     "cli", "benchmark", "audio.augment", "models.ast")
    ),
)  # fmt: skip
CODE = """
import json, sys
import mgr_jax
label = mgr_jax.load(sys.argv[1]).predict(sys.argv[2]).label
print(json.dumps({"label": label, "modules": sorted(sys.modules)}))
"""


@pytest.mark.slow
def test_a_prediction_loads_fewer_than_sixty_of_our_modules(trained_run, tmp_path):
    time = np.arange(24_000) / 12_000
    soundfile.write(tmp_path / "hum.wav", 0.2 * np.sin(2 * np.pi * 250 * time), 12_000)
    done = subprocess.run(
        [sys.executable, "-c", CODE, trained_run, tmp_path / "hum.wav"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    said = json.loads(done.stdout)
    assert said["label"] == "hum"
    modules = set(said["modules"])
    assert not modules.intersection(ABSENT)
    ours = {name for name in modules if name.partition(".")[0] == "mgr_jax"}
    assert {name for name in ours if name.startswith("mgr_jax.training")} == {
        "mgr_jax.training",
        "mgr_jax.training.checkpoint",
    }
    assert len(ours) < 60, sorted(ours)
