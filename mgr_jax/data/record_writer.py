"""Writes records of FLAC bytes as they are: TFDS would compress them once more, for nothing."""

import os
from collections.abc import Iterable
from typing import Any

from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core.file_adapters import FileFormat
from tensorflow_datasets.core.writer import ExampleWriter


class PlainWriter(ExampleWriter):
    """What TFDS writes files with, but array_record without compression.

    It saves 1.3 ms for a clip of 30 s (docs/performance.md).
    """

    def write(self, path: os.PathLike[str], examples: Iterable[tuple[int, bytes]]) -> Any:
        """Writes serialised examples in the order in which they come; returns what TFDS does."""
        if self.file_format is not FileFormat.ARRAY_RECORD:
            return super().write(path, examples)
        writer = ArrayRecordWriter(os.fspath(path), "group_size:1,uncompressed")
        for _, example in examples:
            writer.write(example)
        writer.close()
        return None
