"""The facts about one pretrained network, and its folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.files import expand


def models_folder() -> Path:
    """The folder of pretrained networks: $MGR_JAX_MODELS, or a folder in the user's cache."""
    if told := os.environ.get("MGR_JAX_MODELS"):
        return expand(told).absolute()
    return expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache").absolute() / "mgr_jax" / "models"


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network.

    Attributes:
      name: its name here.
      source: the kind of its weights file, see `interop.sources`.
      tensors: SHA-256 of its arrays, see `interop.source.digest_tensors`.
      file: the authors' name for the file.
      upstream: where they publish it.
      sha256: of the file; empty if it is recognised by its arrays alone.
      size: of the file in bytes.
      requirement: the requirement for the package installer, if the file is a package; else empty.
      checkpoint: which one, if the file holds several.
      reading: how it is read, if its source knows several ways.
      parameters: number of trained parameters.
      sample_rate: of its audio in Hz.
      labels: names of its outputs, see `interop.labels`; empty: it gives only embeddings.
      classes: their number.
      license: of the weights, as far as the authors state it.
      owner: who made it.
      dataset: its training data, in short.
      trained_on: the same in words.
      overlap: known overlaps of that data with other datasets.
      published: the score that the authors published, and where.
      measured: scores measured with this program, and on what; empty: none.
      taught: accuracy of `teach` with it, on 107 clips of GTZAN with one artist left out at a time,
        and its 95 % interval; empty: not measured.
    """

    name: str
    source: str
    tensors: str
    file: str
    upstream: str
    sha256: str
    size: int
    parameters: int
    sample_rate: int
    labels: str
    classes: int
    license: str
    owner: str
    dataset: str
    trained_on: str
    overlap: str
    published: str
    measured: str = ""
    taught: tuple[float, ...] = ()
    requirement: str = ""
    checkpoint: str = ""
    reading: str = ""

    @property
    def folder(self) -> Path:
        """Its folder, which may not exist yet."""
        return models_folder() / self.name

    @property
    def is_there(self) -> bool:
        """Whether it is downloaded and can be used."""
        return (self.folder / "model.json").is_file()

    def get_it(self) -> str:
        """How to get it, for a sentence."""
        command = f"`mgr-jax pretrained get {self.name}`"
        if self.requirement:
            return f"run {command} once, which fetches it"
        return f"download {self.file} from {self.upstream} and hand it to {command} (`weights`)"

    def provenance(self) -> dict[str, Any]:
        """The facts for its model folder, besides how it was made."""
        return {
            "pretrained": self.name,
            "license": f"{self.license}, © {self.owner}",
            "trained_on": self.trained_on,
            "overlap": self.overlap,
        }
