"""Stores the outcome of each file: in the record, in other formats, as tags in the file itself."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

from mgr_jax.prediction.record import Record, State, Writer
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.tags import TagWriter


class Keeper:
    """Stores the outcome of each file before it is passed on."""

    def __init__(
        self, record: Record | None, writers: Sequence[Writer], tags: TagWriter | None
    ) -> None:
        """Writes nothing yet.

        Args:
          record: the record, from which other formats are made; None: only tags are written.
          writers: writers of other formats.
          tags: writer of tags; None: no tags are written.
        """
        self._record, self._writers, self._tags = record, writers, tags

    def begin(self, anew: Iterable[str]) -> None:
        """Writes what the record holds already, except files that are to be predicted again.

        Args:
          anew: names of those files.
        """
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
        """Stores the outcome of a file.

        Args:
          file: the outcome.

        Returns:
          The outcome with the file's state after tags were written.
        """
        file = self._tag(file)
        if self._record:
            self._record.add(file)
        for writer in self._writers:
            writer.add(file)
        return file

    def recall(self, name: str) -> FilePrediction:
        """The stored outcome of a file; writes its tags now if that was not done then.

        Args:
          name: name of the file.
        """
        assert self._record
        old = self._record.file(name)
        file = self._tag(old)
        if file is not old:  # otherwise the file would count as changed
            self._record.add(file)
            for writer in self._writers:
                writer.replace(old, file)
        return file

    def close(self) -> None:
        """Finishes the outputs; not called when the work was interrupted."""
        with contextlib.ExitStack() as end:  # closes all of them, even if one fails
            if self._record:
                end.callback(self._record.close)
            for writer in self._writers:
                end.callback(writer.close)

    def _tag(self, file: FilePrediction) -> FilePrediction:
        if self._tags is None or not self._tags.add(file):
            return file
        state = State.of(file.name)
        return dataclasses.replace(file, size=state.size, modified=state.modified)
