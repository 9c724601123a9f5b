"""Predictions of many files, one after the other."""

import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from tqdm import tqdm

from mgr_jax.audio.io import AudioWarning
from mgr_jax.errors import printable, some_names
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.plan import Planned
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.tables import lines_of
from mgr_jax.prediction.tags import TagChange


class FilePredictions:
    """Predictions of files or tracks; each is computed when it is asked for, and none is kept.

    Iterating yields (name, Prediction) as soon as a file is finished, once; `dict(predictions)`
    keeps them all.

    Attributes:
      plan: the work to do for each file, known before it starts.
      failures: a sentence on each file so far that could not be read.
      notes: warnings about files that were used so far, by name.
      written: names of the files and folders that hold the results.
      tag_changes: the changes of each file's tags so far, if tags were asked for.
    """

    def __init__(
        self,
        outcomes: Iterable[FilePrediction],
        plan: Sequence[Planned],
        origin: Callable[[], Origin],
        written: Sequence[str] = (),
        tag_changes: Sequence[TagChange] = (),
    ) -> None:
        """Called by `predict_files`.

        Args:
          outcomes: yields the outcome of each file.
          plan: the work to do for each file.
          origin: the model and settings that the results come from.
          written: names of the files and folders that hold the results.
          tag_changes: a list of changes, which grows.
        """
        self._outcomes = iter(outcomes)
        self._origin = origin
        self.plan, self.written = tuple(plan), tuple(written)
        self.tag_changes = tag_changes  # grows while files are predicted
        self.failures: list[str] = []
        self.notes: dict[str, tuple[str, ...]] = {}

    def __iter__(self) -> Iterator[tuple[str, Prediction]]:
        """Yields names with their predictions; unreadable files are added to `failures`."""
        for file in self.files():
            if file.prediction:
                yield file.name, file.prediction

    def files(self) -> Iterator[FilePrediction]:
        """Yields the outcome of each file once, also of those that cannot be read."""
        known = {one.file for one in self.plan if one.is_done}
        for file in self._outcomes:
            if file.notes:
                self.notes[file.name] = file.notes
            for note in file.notes if file.name not in known else ():
                warnings.warn(note, AudioWarning, stacklevel=2)
            if file.error:
                self.failures.append(str(file.error))
            yield file

    def close(self) -> None:
        """Ends the work early and releases its locks; nothing is yielded any more."""
        left, self._outcomes = self._outcomes, iter(())
        if isinstance(left, Generator):
            left.close()

    def lines(self, form: str, top: int = 3) -> Iterator[str]:
        """Yields the outcome of each file as text, once.

        Args:
          form: "text", for people; "csv" or "jsonl", see docs/results_format.md; empty: no text.
          top: number of classes in "text".
        """
        if not form:
            for _ in self.files():
                pass
        elif form != "text":
            yield from lines_of(form, self.files(), self._origin())
        else:
            for name, prediction in self:
                yield f"{printable(name)}: {prediction.describe(top)}\n"

    def __str__(self) -> str:
        """A sentence on what has been done."""
        done = sum(one.is_done for one in self.plan)
        before = f" ({done} done before)" if done else ""
        return printable(
            f"Wrote {some_names(self.written, most=len(self.written))}: {len(self.plan)} files"
            f"{before}, {len(self.failures)} of them could not be read."
        )


class Bar:
    """A bar of files on a terminal, with the hours of sound read and the speed."""

    def __init__(self, plan: Sequence[Planned], *, shown: bool) -> None:
        """Begins with the files of an earlier call.

        Args:
          plan: the work to do for each file.
          shown: whether to show the bar.
        """
        done = sum(one.is_done for one in plan)
        # None: only on a terminal.
        self._bar = tqdm(
            desc="predicted", total=len(plan), initial=done, unit="file", smoothing=0.1,
            disable=None if shown else True,
        )  # fmt: skip
        self._since, self._seconds = time.perf_counter(), 0.0

    def add(self, file: FilePrediction) -> None:
        """Counts a file."""
        self._seconds += file.seconds
        speed = self._seconds / (time.perf_counter() - self._since)
        told = f"{self._seconds / 3600:.2f} h of audio, {speed:,.0f} x real time"
        self._bar.set_postfix_str(told, refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
