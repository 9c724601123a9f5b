"""From a config to the data of a split."""

from pathlib import Path

import jax
from ml_collections import ConfigDict

from mgr_jax.data.cache import Waveforms, open_waveforms
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.errors import UserError


def open_split(config: ConfigDict, split: str) -> Waveforms:
    """Opens a split of the config's dataset at the config's sample rate."""
    data_dir = Path(config.data_dir).expanduser() if config.data_dir else None
    folder = find_dataset(config.dataset, sample_rate=config.sample_rate, data_dir=data_dir)
    return open_waveforms(folder, split)


def make_loader(config: ConfigDict, waveforms: Waveforms) -> StreamingLoader:
    """Makes this process's loader of a split."""
    return StreamingLoader(
        waveforms,
        clip_samples=config.clip_samples,
        batch_size=config.batch_size,
        task=config.task,
        short_clip=config.short_clip,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def target_names(waveforms: Waveforms, task: str) -> tuple[str, ...]:
    """Names of the classes (single_label) or tags (multi_label) that a dataset can teach.

    Raises:
      UserError: the dataset has no tags.
    """
    if task == "single_label":
        return waveforms.classes
    if not waveforms.tag_names:
        raise UserError(
            f"the dataset of {waveforms.path} has no tags; use config.task=single_label or a "
            "dataset with tags"
        )
    return waveforms.tag_names


def describe_protocol(waveforms: Waveforms, clip_samples: int | None = None) -> str:
    """Says in one sentence how a split was made and how its tracks are scored."""
    made = waveforms.protocol
    by = "- and ".join(made["split_by"])
    text = f"{by}-disjoint split" + (" given by the index" if made["given"] else "")
    if crossing := made["artists_in_several_splits"]:
        text += f" with {crossing} artists on several sides"
    if clip_samples is None:
        return f"{text}, whole tracks"
    return f"{text}, segments of {clip_samples / waveforms.sample_rate:.3g} s, mean probability"
