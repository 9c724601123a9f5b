"""Writes the records of a split in TFDS's order and form, one at a time."""

import os
from collections.abc import Iterable

from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core.hashing import Hasher
from tensorflow_datasets.core.naming import ShardedFileTemplate
from tensorflow_datasets.core.splits import SplitInfo
from tensorflow_datasets.core.utils.shard_utils import ShardConfig, get_shard_boundaries

from mgr_jax.data.spool import SpooledExample


def write_records(
    records: Iterable[tuple[str, SpooledExample]],
    template: ShardedFileTemplate,
    shards: ShardConfig,
    options: str,
) -> SplitInfo:
    """Writes all records of a split, in the order of their hashed keys, into files of equal length.

    TFDS's own writer keeps a gigabyte of them in memory, then in a thousand files.

    Args:
      records: keys, each for itself, and records.
      template: of the names of the files.
      shards: says how many files there are.
      options: of ArrayRecord.

    Returns:
      What TFDS keeps of the split.
    """
    hasher = Hasher(template.split)
    hashed = {hasher.hash_key(key): record for key, record in records}
    order = [hashed[number] for number in sorted(hashed)]
    size = sum(record.size for record in order)
    count = shards.get_number_shards(size, len(order))
    first, lengths = 0, []
    for number, last in enumerate(get_shard_boundaries(len(order), count)):
        path = template.sharded_filepath(shard_index=number, num_shards=count)
        writer = ArrayRecordWriter(os.fspath(path), options)
        for record in order[first:last]:
            writer.write(record.take())
        writer.close()
        lengths.append(last - first)
        first = last
    return SplitInfo(
        name=template.split, shard_lengths=lengths, num_bytes=size, filename_template=template
    )
