"""Folders and tables of music as people have them, made small, and what is understood of each."""

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
    """What is made of a layout.

    Attributes:
      genres: how many tracks each has.
      splits: how many tracks each has, where they were given.
      said: the sentence that refuses it, or what is warned of.
      code: of the error that refuses it; empty where it is understood.
    """

    genres: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class Layout:
    """A folder, or a file, that a dataset may be prepared from.

    Attributes:
      name: what it is.
      outcome: what is to be made of it; of each sentence that is to be said, a part.
      files: names of audio files, with {a,b} for several of them.
      texts: content of other files, by name.
      links: to which other name a name leads, both below the folder.
      dataset: what it is prepared as.
      options: of `mgr_jax.prepare`.
      shown: its files in Markdown, where they are not simply named.
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
        """Makes it, with a tenth of a second of noise in each file, no two of them equal."""
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
    """The names that a name with {a,b} stands for, as a shell would have them."""
    parts = re.split(r"\{([^}]*)\}", shown)
    choices = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    return map("".join, itertools.product(*choices))


def understand(layout: Layout, folder: Path) -> Understood:
    """Makes a layout in a folder, and plans a dataset from it; no audio is read."""
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
