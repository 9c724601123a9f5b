"""How far imported networks are from their published outputs: the table of docs/pretrained.md.

    python docs/experiments/parity.py SHARED

SHARED holds `weights/` and `parity/`, the released files and what the originals make of them. Every
file is imported as a user would, and the model folder is asked. What came as audio starts there;
of the others the outputs are published for stored spectrograms, which only the network sees.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

import mgr_jax
from mgr_jax.classifier import GenreClassifier
from mgr_jax.model_folder import read_model
from mgr_jax.training.checkpoint import load_variables


class Model:
    """An imported classifier with its weights.

    Attributes:
      classifier: of the folder.
      variables: its weights.
    """

    def __init__(self, folder: Path) -> None:
        """Reads a model folder."""
        self.classifier: GenreClassifier = read_model(folder)[0]
        self.variables = load_variables(folder)

    def of_audio(self, clips: np.ndarray) -> Mapping[str, np.ndarray]:
        """Logits and embeddings of waveforms [batch, samples] float32."""
        logits, found = jax.jit(self.classifier.apply)(self.variables, clips)
        return {"logits": logits, **found}

    def of_features(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Logits and embeddings of spectrograms [batch, frames, bins]."""
        inner = {name: tree["model"] for name, tree in self.variables.items() if "model" in tree}
        network = self.classifier.model
        apply: Callable = jax.jit(lambda v, x: network.apply(v, x, train=False))
        logits, found = apply(inner, features)
        return {"logits": logits, **found}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Of logits, in float64."""
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


Row = tuple[str, str, np.ndarray, np.ndarray]  # from what, which output, published, ours


def efficientat(model: Model, stored: Any) -> Iterator[Row]:
    """Three clips of 10 s, and prefixes of the first of 3 s and 1 s."""
    audio = stored["audio"].astype(np.float32) / 32768
    found = [model.of_audio(clip[None]) for clip in audio]
    for name in ("logits", "embedding"):
        yield "3 clips of 10 s", name, stored[name], np.concatenate([f[name] for f in found])
    for kind in ("short", "odd"):
        samples = int(stored["short_samples"]) if kind == "short" else 32_037
        found_of_part = model.of_audio(audio[:1, :samples])
        for name in ("logits", "embedding"):
            seconds = f"{samples / 32_000:.1f} s"
            yield seconds, name, stored[f"{kind}_{name}"], found_of_part[name][0]


def choi_crnn(model: Model, stored: Any) -> Iterator[Row]:
    """Four stored mel-grams of 29 s."""
    features = stored["melgram"][:, 0].transpose(0, 2, 1)
    yield "4 mel-grams", "tags", stored["prob"], sigmoid(model.of_features(features)["logits"])


def musicnn(model: Model, stored: Any) -> Iterator[Row]:
    """Nine stored patches of 3 s."""
    found = model.of_features(stored["logmel_patches"])
    yield "9 log-mel patches", "tags", stored["output"], sigmoid(found["logits"])


def won2020(key: str, clip_samples: int) -> Callable[[Model, Any], Iterator[Row]]:
    """29 s of audio at 16 kHz in clips of the network's length."""

    def rows(model: Model, stored: Any) -> Iterator[Row]:
        waveform = stored["waveform_16k"][0]
        clips = waveform[: len(waveform) // clip_samples * clip_samples].reshape(-1, clip_samples)
        found = model.of_audio(clips)
        yield f"{len(clips)} clips", "tags", stored[key], sigmoid(found["logits"])

    return rows


CASES: list[tuple[str, str, str, Callable[[Model, Any], Iterator[Row]]]] = [
    ("efficientat", "efficientat_mn04_as_mAP_432.pt", "efficientat_mn04", efficientat),
    ("musicnn", "musicnn_mtt.npz", "musicnn_joram", musicnn),
    ("won2020_fcn", "won2020_fcn_mtat.pth", "won2020_joram", won2020("fcn", 464_000)),
    ("won2020_crnn", "won2020_crnn_mtat.pth", "won2020_joram", won2020("crnn", 464_000)),
    ("won2020_musicnn", "won2020_musicnn_mtat.pth", "won2020_joram", won2020("musicnn", 48_000)),
    ("choi_crnn", "choi_crnn_msd.h5", "choi_crnn_bensound", choi_crnn),
]


def main(shared: Path) -> None:
    """Prints the table."""
    print("| source | from | compared | largest difference | mean difference |")
    print("|---|---|---|--:|--:|")
    with tempfile.TemporaryDirectory() as scratch:
        for source, weights, parity, compare in CASES:
            folder = Path(scratch) / source
            mgr_jax.import_weights(source, shared / "weights" / weights, folder)
            stored = np.load(shared / "parity" / f"{parity}.npz")
            for start, what, published, ours in compare(Model(folder), stored):
                apart = np.abs(np.asarray(ours, np.float64) - published)
                print(f"| {source} | {start} | {what} | {apart.max():.1e} | {apart.mean():.1e} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
