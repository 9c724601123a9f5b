"""What comes of files is kept: in the record, in other formats, as tags of the files themselves."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

from mgr_jax.prediction.record import Record, State, Writer
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.tags import TagWriter


class Keeper:
    """Keeps what comes of files, each before it is given."""

    def __init__(
        self, record: Record | None, writers: Sequence[Writer], tags: TagWriter | None
    ) -> None:
        """Writes nothing yet.

        Args:
          record: what other formats are made of; None: nothing is kept but tags.
          writers: of other formats.
          tags: writes what is told into the files; None: nobody does.
        """
        self._record, self._writers, self._tags = record, writers, tags

    def begin(self, anew: Iterable[str]) -> None:
        """Catches up with the record, but for files that are to be predicted anew."""
        if not self._record:
            return
        for name in set(anew) & self._record.known.keys():
            old = self._record.file(name)
            for writer in self._writers:
                writer.forget(old)
            self._record.forget(name)
        for writer in self._writers:
            writer.begin(self._record)

    def add(self, file: FilePrediction) -> FilePrediction:
        """Keeps what came of a file; returns it with the file's state after tags were written."""
        file = self._tag(file)
        if self._record:
            self._record.add(file)
        for writer in self._writers:
            writer.add(file)
        return file

    def recall(self, name: str) -> FilePrediction:
        """What came of a file before, which is tagged now if it was not then."""
        assert self._record
        old = self._record.file(name)
        file = self._tag(old)
        if file is not old:  # else the file would count as changed
            self._record.add(file)
            for writer in self._writers:
                writer.replace(old, file)
        return file

    def close(self) -> None:
        """Ends what is written; not called where the work was stopped."""
        with contextlib.ExitStack() as end:  # all of them, whichever fails
            if self._record:
                end.callback(self._record.close)
            for writer in self._writers:
                end.callback(writer.close)

    def _tag(self, file: FilePrediction) -> FilePrediction:
        if self._tags is None or not self._tags.add(file):
            return file
        state = State.of(file.name)
        return dataclasses.replace(file, size=state.size, modified=state.modified)
