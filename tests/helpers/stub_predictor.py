"""A predictor that hears nothing: what it says of a file follows from the file's name."""

import json
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import AudioError
from mgr_jax.decisions import Answer
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.prediction import Prediction, Section
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.side_inputs import SideInputs

CLASSES = ("rock", "jazz", "Old-Time / Historic")


def predict(name: str) -> FilePrediction:
    """What comes of a file: an error where its name says so, else a prediction."""
    stem = Path(name).stem
    for word, code in (("bad", "audio.undecodable"), ("killed", "workers.killed")):
        if word in stem:
            error = AudioError(f"{name} cannot be decoded", code=code)
            return FilePrediction(name, error=error)
    rng = np.random.default_rng(len(stem))
    rows = rng.dirichlet(np.ones(3), size=2).astype(np.float32)
    whole = rows.mean(axis=0)
    told = () if "unsure" in stem else (CLASSES[int(whole.argmax())],)
    answer = Answer(CLASSES, whole, told, "" if told else "threshold", told and ("music",))
    sections = (Section(0.0, 2.25, answer), Section(2.25, 4.0, answer)) if "parts" in stem else ()
    start, end = np.array([0.0, 2.0]), np.array([2.0, 4.0])
    found = Prediction(CLASSES, start, end, rows, whole, answer, sections)
    notes = (f"{name} is cut short; using what is there",) if "cut" in stem else ()
    return FilePrediction(name, found, None, notes, 4.0)


def origin(**settings: object) -> Origin:
    """Where it all comes from."""
    usual = {"timeline": False, "classes": [], "min_probability": None, "limits": {}}
    return Origin("runs/a", "0123abcd", "0.2.0", usual | settings, CLASSES)


class StubPredictor:
    """Stands for a Predictor, and keeps which files it was asked about."""

    classes = CLASSES

    def __init__(self) -> None:
        """Has been asked nothing."""
        self.side, self.asked, self.digest = SideInputs(), [], "0123abcd"

    def predict_files(self, names, *, in_order=True, **_):
        """See `predict`; the last comes first where the order does not count."""
        for name in names if in_order else reversed(names):
            self.asked.append(Path(name).name)
            yield predict(name)

    def require_classes(self, model):
        """See `ModelDescription.require_classes`; it has some."""

    def timeline_of(self, asked):
        """See `Predictor.timeline_of`."""
        return asked

    def describe(self, model, checkpoint, settings):
        """Stands for `describe_origin`."""
        stored = json.loads(json.dumps(settings, default=str))
        return Origin(str(model), self.digest, "0.2.0", stored, CLASSES)


def stand_in(monkeypatch) -> StubPredictor:
    """Makes a stub that of every model."""
    stub = StubPredictor()
    module = "mgr_jax.runs.predict"
    monkeypatch.setattr(f"{module}.load", lambda *_, **__: stub)
    monkeypatch.setattr(f"{module}.read_description", lambda *_: stub)
    monkeypatch.setattr(f"{module}.describe_origin", stub.describe)
    return stub
