"""One of everything that mgr_jax stores, and what reads it again."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from commands import RATE, base, make_music, numbers_of, prepare

import mgr_jax
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.digests import track_digests
from mgr_jax.evaluation.ledger import read_ledger
from mgr_jax.features.journal import Journal

_DATASET = "audio_folder/music"
_PLACE = f"data/audio_folder/music_{RATE}/1.0.0"
_WHOLE = {"standardise": "all", "normalise_over": "track", "whole_track": True}

# Never read again by mgr_jax, whatever they hold: TensorBoard's, people's, and other programs'.
UNREAD = r"/events\.out\.|/report/|/LICENSE$|\.lock$|\.csv$|\.skipped\.json$"


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes:
      name: in words.
      path: a regular expression for their paths, relative to the `Store`.
      readers: methods of `Store` that read them, each in its own way.
      optional: whether all is well without such a file.
    """

    name: str
    path: str
    readers: tuple[str, ...]
    optional: bool = False


KINDS = (
    Kind("sums of a checkpoint", r"^run/checkpoints/.*sums\.json$", ("evaluate", "go_on")),
    Kind("weights", r"^(run|begun)/checkpoints/\d+/(model/|[\w.]+$)", ("evaluate", "go_on")),
    Kind("optimizer", r"^run/checkpoints/\d+/optimizer/", ("go_on",)),
    Kind("score and history", r"^run/checkpoints/", ("evaluate", "go_on")),
    Kind("metrics.jsonl", r"^run/metrics\.jsonl$", ("go_on",)),
    Kind("model.json", r"^(run|begun)/model\.json$", ("evaluate", "go_on")),
    Kind("config.json", r"^(run|begun)/config\.json$", ("evaluate", "go_on")),
    Kind("dataset.json", r"^(run|begun)/dataset\.json$", ("evaluate", "go_on")),
    Kind("tracks.json", r"^run/tracks\.json$", ("evaluate", "go_on", "begin")),
    Kind("init_from.json", r"^begun/init_from\.json$", ("evaluate",)),
    Kind("run.json", r"^(run|crossval)/run\.json$", ("results",), optional=True),
    Kind("predictions", r"^(run|crossval)/predictions/\w+\.npz$", ("results",)),
    Kind("scores", r"^(run|crossval)/predictions/\w+\.json$", ("results",)),
    Kind("folds", r"^crossval/seed0/fold0/\w+\.json", ("fold",)),
    Kind("baselines", r"^baseline/", ("baselines",)),
    Kind("ledger", r"^ledger/results\.jsonl$", ("ledger",), optional=True),
    Kind("journal", r"^table/.*\.journal$", ("extract",)),
    Kind("records", rf"^{_PLACE}/(.*array_record|features|dataset_info|label)", ("rebuild",)),
    Kind("dataset", rf"^{_PLACE}/\w+\.json$", ("read", "evaluate")),
    Kind("statistics", rf"^{_PLACE}/cache/\w+/statistics", ("evaluate", "go_on")),
    Kind("digests", rf"^{_PLACE}/cache/\w+/digests", ("read",)),
    Kind("fingerprints", rf"^{_PLACE}/fingerprints/", ("audit",)),
    Kind("features", rf"^{_PLACE}/cache/[^/]*\.npz$", ("features",)),
    Kind("cache", rf"^{_PLACE}/cache/", ("read", "evaluate")),
)


class Store:
    """A folder with one of everything; each method reads some of it, and returns the numbers."""

    def __init__(self, folder: Path) -> None:
        """Makes all of it."""
        self.folder, self._kept = folder / "store", folder / "kept"
        self.data_dir, self.music = self.folder / "data", make_music(folder / "music")
        self._dataset: dict[str, Any] = {"data_dir": self.data_dir, "sample_rate": RATE}
        self._dataset |= {"workers": 0, "progress": False}
        prepare(self.music, self.data_dir)
        mgr_jax.train(self._config("run"), self.folder / "run", progress=False)
        mgr_jax.train(self._config("begun"), self.folder / "begun", progress=False)
        for run, split in (("run", "test"), ("run", "validation"), ("begun", "test")):
            mgr_jax.evaluate(self.folder / run, split, progress=False)
        mgr_jax.Run.open(self.folder / "run").record(ledger=self.folder / "ledger/results.jsonl")
        mgr_jax.Run.open(self.folder / "begun").record(ledger=self.folder / "ledger/results.jsonl")
        self._cross_validate()
        mgr_jax.write_report(self.folder / "run")
        self.audit()
        self.baselines()
        with mock.patch.object(Journal, "remove"):  # as a kill leaves it
            self.extract()
        (self.folder / "table/table.csv").unlink()
        self.files = self._files()
        shutil.copytree(self.folder, self._kept)

    def _files(self) -> dict[str, Kind]:
        """The kind of every file that is read again, by its path."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_dir() or re.search(UNREAD, f"/{name}"):
                continue
            kind = next((kind for kind in KINDS if re.search(kind.path, name)), None)
            if kind:
                found[name] = kind
            else:  # of the second run and of folds, which are as the first one
                assert re.match("begun/|crossval/seed0/", name), f"nothing reads {name}"
        return found

    def restore(self) -> None:
        """Has everything as it was, with other times."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._kept, self.folder, copy_function=shutil.copyfile)

    def _config(self, run: str) -> Any:
        config = base(
            self.data_dir, num_steps=4, frontend={"kwargs": _WHOLE}, model={"name": "mlp"}
        )
        config.model.kwargs = {"units": (4,)}
        config.schedule.name = "constant"
        if run == "begun":
            config.init_from = str(self.folder / "run")
            config.num_steps = 2
        return config

    # What reads.

    def evaluate(self, run: str = "run") -> dict[str, Any]:
        return _numbers(mgr_jax.evaluate(self.folder / run, "test", progress=False))

    def go_on(self, run: str = "run") -> dict[str, Any]:
        """Trains for two steps more."""
        config = self._config(run)
        config.num_steps += 2
        mgr_jax.train(config, self.folder / run, progress=False)
        return numbers_of(self.folder / run)

    def begin(self) -> dict[str, Any]:
        """Trains another run, which begins with the weights of the first."""
        mgr_jax.train(self._config("begun"), self.folder / "third", progress=False)
        return numbers_of(self.folder / "third")

    def evaluate_begun(self) -> dict[str, Any]:
        return self.evaluate("begun")

    def go_on_begun(self) -> dict[str, Any]:
        return self.go_on("begun")

    def results(self) -> dict[str, Any]:
        found = {}
        for name, split in (("run", "test"), ("run", "validation"), ("crossval", "crossval")):
            result = mgr_jax.Run.open(self.folder / name).result(split)
            found[f"{name} {split}"] = _numbers(result) | {"cost": dict(result.cost)}
        return found

    def fold(self) -> dict[str, Any]:
        return _numbers(self._cross_validate())

    def baselines(self, name: str = "baseline") -> dict[str, Any]:
        workdir = self.folder / name
        mgr_jax.score_baselines(_DATASET, workdir=workdir, classifiers="lda", **self._dataset)
        return _numbers(mgr_jax.Run.open(workdir).result())

    def features(self) -> dict[str, Any]:
        return self.baselines("other")

    def ledger(self) -> dict[str, Any]:
        return {"lines": [e.to_json() for e in read_ledger(self.folder / "ledger/results.jsonl")]}

    def extract(self) -> dict[str, Any]:
        out = self.folder / "table/table.csv"
        out.parent.mkdir(exist_ok=True)
        mgr_jax.extract_table(
            *("mfcc_statistics", out), audio=self.music, workers=0, progress=False
        )
        return {"text": out.read_text(encoding="utf-8")}

    def read(self) -> dict[str, Any]:
        place, found = self.folder / _PLACE, {}
        prepare(self.music, self.data_dir)  # which finds it there
        for split in ("train", "validation", "test"):
            tracks = open_tracks(place, split)
            found[split] = {
                "samples": [np.asarray(tracks.read(i)) for i in range(len(tracks))],
                "labels": tracks.label,
                "names": [tracks.track_id, tracks.artist_id, list(tracks.classes)],
                "digests": track_digests(tracks),
            }
        return found

    def rebuild(self) -> dict[str, Any]:
        """Reads the records, as whoever removes the caches to save room does."""
        shutil.rmtree(self.folder / _PLACE / "cache")
        return self.read()

    def audit(self) -> dict[str, Any]:
        return {"text": str(mgr_jax.audit(dataset=_DATASET, **self._dataset))}

    def _cross_validate(self) -> Any:
        config = self._config("crossval")
        config.num_steps = 2
        workdir = self.folder / "crossval"
        return mgr_jax.cross_validate(config, workdir, folds=2, parts=2, progress=False)

    def readers(self, name: str) -> list[Callable[[], dict[str, Any]]]:
        """What reads the file of a path."""
        begun = "_begun" if name.startswith("begun/") else ""
        return [getattr(self, f"{reader}{begun}") for reader in self.files[name].readers]


def _numbers(result: Any) -> dict[str, Any]:
    table = result.segments
    scores = {name: result.scores[name] for name in ("track", "segment", "tracks", "system")}
    return scores | {"probabilities": table.probabilities, "label": table.label, "of": table.track}
