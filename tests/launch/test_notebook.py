"""launch/colab_tpu.ipynb runs from top to bottom, on this machine's devices and without network."""

import os
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import mgr_jax

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "launch/colab_tpu.ipynb"

# A recipe of the user's own, which compiles in seconds.
RECIPE = """
from mgr_jax import base_config

def get_config():
    config = base_config()
    config.sample_rate, config.clip_samples, config.batch_size = 12_000, 6_000, 8
    config.frontend.kwargs = {"n_fft": 512, "hop_length": 256, "n_mels": 32}
    config.model = {"name": "fcn", "kwargs": {"widths": (8, 16), "pools": ((4, 4), (2, 2))}}
    config.num_steps, config.eval_every, config.log_every = 8, 4, 2
    return config
"""
VARIABLES = """
INSTALL, MANUAL_DIR, SONG = "", "", ""
DATASET, CONFIG, CHANGES = "rendered/tiny", "recipe.py", {"num_steps": 4}
DATA_DIR, WORKDIR, KEEP = "data", "runs/notebook", "kept/run.zip"
"""


def read_notebook(*names: str) -> nbformat.NotebookNode:
    """The notebook, or some of its cells, with the variables of this test."""
    book = nbformat.read(NOTEBOOK, as_version=4)
    (variables,) = (c for c in book.cells if "parameters" in c.metadata.get("tags", ()))
    variables.source += VARIABLES
    if names:
        book.cells = [cell for cell in book.cells if cell.id in names]
    return book


def run(book: nbformat.NotebookNode, folder: Path) -> dict[str, nbformat.NotebookNode]:
    """Runs a notebook in a folder; returns its cells."""
    client = NotebookClient(
        book, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # tensorboard's
    own = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "PATH": programs}
    client.execute(env=os.environ | own)
    return {cell.id: cell for cell in book.cells}


def told(cell: nbformat.NotebookNode) -> str:
    """What a cell has printed."""
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """The kinds of what a cell shows, but for the text that stands for it."""
    kinds = [kind for out in cell.outputs if "data" in out for kind in out.data]
    return [kind for kind in kinds if kind != "text/plain"]


def test_it_is_stored_without_outputs_and_as_colab_wants_it():
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    assert book.metadata.accelerator == "TPU"
    assert book.metadata.colab.provenance == []


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path):
    (tmp_path / "recipe.py").write_text(RECIPE)
    cells = run(read_notebook(), tmp_path)
    assert "CPU: 4 × cpu" in told(cells["device"])
    assert "artist-disjoint" in told(cells["data"])
    # It waits a minute for the server to start, which a busy machine may exceed.
    tensorboard = cells["tensorboard"]
    assert shown(tensorboard) == ["text/html"] or "Timed out" in str(tensorboard.outputs)
    assert "pmap" in told(cells["train"])
    assert "Trained to step 4" in told(cells["train"])
    scores = mgr_jax.Run.open(tmp_path / "runs/notebook").result("test").scores
    value, low, high = scores["track"]["accuracy"]
    assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in told(cells["scores"])
    assert shown(cells["scores"]) == ["image/png"]
    assert shown(cells["song"]) == ["image/png", "text/html"]
    with zipfile.ZipFile(tmp_path / "kept/run.zip") as kept:
        assert {"model.json", "predictions/test.npz"} <= set(kept.namelist())

    # The next session has the file that keeps the run, and goes on with it.
    (tmp_path / "runs").rename(tmp_path / "lost")
    book = read_notebook("variables", "drive", "install", "device", "data", "train")
    next(cell for cell in book.cells if cell.id == "variables").source += 'CHANGES["num_steps"] = 8'
    assert "Resuming at step 4 of 8" in told(run(book, tmp_path)["train"])


def test_it_says_how_to_look_where_tensorboard_is_not_installed(tmp_path):
    book = read_notebook("variables", "drive", "install", "tensorboard")
    book.cells[2].source += "\nsys.modules['tensorboard'] = None"
    cells = run(book, tmp_path)
    assert told(cells["tensorboard"]).endswith("tensorboard --logdir runs/notebook\n")
