"""Small versions of users' folders and tables of music, and how they are understood."""

import itertools
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mgr_jax.data.datasets import find_datasets
from mgr_jax.data.prepare import without_remarks
from mgr_jax.errors import UserError


@dataclass(frozen=True)
class Understood:
    """How a layout is understood.

    Attributes:
      genres: number of tracks of each.
      splits: number of tracks of each, if splits are given.
      said: the error message, or the warnings.
      code: code of the error; empty if it is understood.
    """

    genres: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class Layout:
    """A folder, or a file, from which a dataset can be prepared.

    Attributes:
      name: its description.
      outcome: the expected result, with parts of the expected messages.
      files: names of audio files, with {a,b} for several of them.
      texts: contents of other files, by name.
      links: targets of links by name, both below the folder.
      dataset: the dataset that it is prepared as.
      options: options of `mgr_jax.prepare`.
      shown: its files in Markdown, if they are not simply listed.
    """

    name: str
    outcome: Understood
    files: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    dataset: str = "audio_folder"
    options: Mapping[str, Any] = field(default_factory=dict)
    shown: str = ""

    def make(self, folder: Path) -> None:
        """Makes it, with a tenth of a second of noise in each file, all different."""
        for count, name in enumerate(name for shown in self.files for name in expand(shown)):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(count).uniform(-0.5, 0.5, 800)
            soundfile.write(path, noise, 8_000, format="WAV")
        for name, text in self.texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        for name, target in self.links.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(folder / target)


def expand(shown: str) -> Iterator[str]:
    """The names that a name with {a,b} stands for, as in a shell."""
    parts = re.split(r"\{([^}]*)\}", shown)
    choices = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    return map("".join, itertools.product(*choices))


def understand(layout: Layout, folder: Path) -> Understood:
    """Makes a layout in a folder, and plans a dataset from it without reading audio.

    Args:
      layout: the layout.
      folder: the folder.

    Returns:
      The result.
    """
    layout.make(folder)
    name, _, variant = layout.dataset.partition("/")
    record = find_datasets()[name]
    options = {option.name: option.default for option in record.options if option.name != "name"}
    options |= layout.options
    if record.source and record.source.name != "manual_dir":
        options[record.source.name] = folder / options[record.source.name]
    if record.waveforms:
        options["sample_rate"] = 12_000
    found = record.builder()
    config = found.make_config(name="inputs", variant=variant, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with tempfile.TemporaryDirectory() as data_dir, without_remarks():
                plan = found(config=config, data_dir=data_dir).plan(folder)
        except UserError as error:
            return Understood(said=(str(error),), code=error.code)
    said = tuple(str(w.message) for w in caught if issubclass(w.category, UserWarning))
    genres = Counter(track.label for tracks in plan.tracks.values() for track in tracks)
    splits = {split: len(tracks) for split, tracks in plan.tracks.items() if tracks}
    return Understood(dict(sorted(genres.items())), splits if plan.account["given"] else {}, said)
