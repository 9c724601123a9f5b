"""What is known of one pretrained network, and where it lies."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.files import expand


def models_folder() -> Path:
    """Where pretrained networks lie: $MGR_JAX_MODELS, or a folder of the user's cache."""
    if told := os.environ.get("MGR_JAX_MODELS"):
        return expand(told).absolute()
    return expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache").absolute() / "mgr_jax" / "models"


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network.

    Attributes:
      name: what it is called here.
      source: what kind of weights file it is, see `interop.sources`.
      tensors: SHA-256 of its arrays, see `interop.source.digest_tensors`.
      file: name of the file that holds it, as its authors call it.
      upstream: where they publish it.
      sha256: of the file; empty where it is told by its arrays alone.
      size: of the file in bytes.
      requirement: what the package installer is asked for, where the file is a package; else empty.
      checkpoint: which of the file, where it holds several.
      reading: how it is read, where its source has several ways.
      parameters: number of trained ones.
      sample_rate: of the audio that it hears, in Hz.
      labels: names of its outputs, see `interop.labels`; empty: it has none, only embeddings.
      classes: how many.
      license: of the weights, as far as their authors say.
      owner: whose they are.
      dataset: that it was trained on, in short.
      trained_on: the same in words.
      overlap: what is known of songs that other datasets share with these.
      published: its score as its authors have told it, and where.
      measured: scores that were measured with this program, and on what; empty: none.
      taught: accuracy of `teach` on it, of 107 clips of GTZAN with one artist left out at a time,
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
        """Where it lies, or would."""
        return models_folder() / self.name

    @property
    def is_there(self) -> bool:
        """Whether it can be used."""
        return (self.folder / "model.json").is_file()

    def get_it(self) -> str:
        """What to do where it is not there, for a sentence."""
        command = f"`mgr-jax pretrained get {self.name}`"
        if self.requirement:
            return f"run {command} once, which fetches it"
        return f"download {self.file} from {self.upstream} and hand it to {command} (`weights`)"

    def provenance(self) -> dict[str, Any]:
        """What a model folder of it says beside how it was made."""
        return {
            "pretrained": self.name,
            "license": f"{self.license}, © {self.owner}",
            "trained_on": self.trained_on,
            "overlap": self.overlap,
        }
