"""Damaged audio files of every encoding, through preparing and predicting."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from commands import RATE, base, make_music, prepare, tell
from fuzz_decoder import damage

import mgr_jax

FILES = 2_000
WORKERS = 2
_SHORT = "less than one analysis frame"


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """Every file is used, or refused with a reason, and by both alike."""
    files = 100 if reduced else FILES
    for genre in "abc":
        (folder / "files" / genre).mkdir(parents=True)
    made = [damage(number, folder / "files" / "abc"[number % 3]) for number in range(files)]
    names = {path.relative_to(folder / "files").as_posix() for path in made}
    tell(f"{files} files are made")

    prepared, left_out = _prepare(folder)
    used = sum(sum(counts.values()) for counts in prepared.tracks.values())
    skipped = set(prepared.skipped)
    assert used + len(skipped) + left_out == files, "some files are not accounted for"
    assert all(prepared.skipped.values()), "no reason is told"
    tell(f"prepared: {used} used, {len(skipped)} skipped, {left_out} left out by their suffix")
    if not reduced:
        again, _ = _prepare(folder, overwrite=True)
        assert again == prepared, "the second time, other files are used"

    model = _train(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = mgr_jax.predict_files(model, [folder / "files"], workers=WORKERS)
        predicted = {str(Path(name).relative_to(folder / "files")): one for name, one in found}
    told = " ".join(str(warning.message) for warning in caught)
    failures = {name: text for name in names for text in found.failures if f"/{name} " in text}
    refused = set(failures)
    # For the model's front end, which preparing does not know.
    short = {name for name, text in failures.items() if _SHORT in text}
    assert len(refused) == len(found.failures), "a refusal does not name its file"
    assert not refused & set(predicted)
    assert len(predicted) + len(refused) + left_out == files, "some files have no answer"
    for name, one in predicted.items():
        assert np.isfinite(one.probabilities).all(), name
        assert np.abs(one.probabilities.sum(axis=1) - 1).max() < 1e-3, name
    # Of a file that is cut short, prediction uses what is there, and says so.
    assert refused - short <= skipped, sorted(refused - short - skipped)
    for name in skipped - refused:
        assert f"/{name} " in told, f"{name} is predicted, but was skipped, without a word"
    tell(f"predicted: {len(predicted)}, refused {len(refused)}")
    return {
        "files": f"{files:,}",
        "used": f"{used:,}",
        "skipped": f"{len(skipped):,}",
        "left_out": f"{left_out:,}",
        "predicted": f"{len(predicted):,}",
        "refused": f"{len(refused):,}",
        "short": f"{len(short):,}",
    }


def _prepare(folder: Path, **options: Any) -> tuple[Any, int]:
    """What was prepared, and how many files it says that it has left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepared = mgr_jax.prepare(
            "audio_folder",
            manual_dir=folder / "files",
            data_dir=folder / "data",
            sample_rate=RATE,
            num_workers=WORKERS,
            progress=False,
            **options,
        )
    told = [str(warning.message) for warning in caught]
    lines = [text for text in told if text.startswith("left out of ")]
    return prepared, sum(int(n) for line in lines for n in re.findall(r"\b(\d+) \.", line))


def _train(folder: Path) -> Path:
    """A small network, which has learnt from music that is whole."""
    prepare(make_music(folder / "music"), folder / "whole")
    config = base(folder / "whole", num_steps=2, model={"name": "mlp"})
    config.model.kwargs = {"units": (4,)}
    mgr_jax.train(config, folder / "run", progress=False)
    return folder / "run"
