"""The folder of a taught model: the encoder's weights and the head; it needs nothing else."""

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from mgr_jax.classifier import abstract_variables, build_classifier
from mgr_jax.decisions import Decisions
from mgr_jax.errors import UserError
from mgr_jax.model_folder import FILE, ModelDescription, read_description, read_model
from mgr_jax.models.taught import Taught
from mgr_jax.runs.teaching.heads import Head
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.weights import save_variables

ACCOUNT = "teach.json"
# What teaching rewrites; everything else in the folder stays.
OWN = (FILE, "checkpoints", ACCOUNT, "outer_folds.npz", "outer_folds.json", "teach.md")
_KEPT = "batch_stats"


def require_encoder(described: ModelDescription, where: str) -> None:
    """Checks that a model can be taught.

    Args:
      described: the model.
      where: its folder or name, for the message.

    Raises:
      UserError: it cannot.
    """
    if described.spec.kind != "waveform":
        raise UserError(
            f"{where} reads stored features, which your files are not; teach on a model that reads "
            "audio",
            code="teach.not_audio",
        )
    if described.side.format:
        raise UserError(
            f"{where} takes more than sound (a table or categories); teach on a model that takes "
            "only sound",
            code="teach.side_inputs",
        )
    if described.model["name"] == Taught.registered:
        told = described.provenance.get("encoder", {}).get("path", "the one it was taught on")
        raise UserError(
            f"{where} was taught itself; teach on its encoder ({told}), or add songs to it (`add`)",
            code="teach.taught",
        )


def describe_taught(
    encoder: ModelDescription,
    head: Head,
    genres: Sequence[str],
    *,
    counts: Sequence[int],
    decisions: Decisions,
    provenance: Mapping[str, Any],
) -> ModelDescription:
    """The description of a taught model, as its model.json holds it.

    Args:
      encoder: the model that was taught.
      head: the fitted head.
      genres: names of its classes.
      counts: number of songs of each.
      decisions: thresholds and temperatures from the left-out songs.
      provenance: the model's origin.
    """
    settings = head.settings
    kwargs: dict[str, Any] = {
        "encoder": dict(encoder.model),
        "encoder_classes": len(encoder.classes),
        "encoder_task": encoder.spec.task,
        "head": settings.kind,
        "mapped": head.weight > 0,
    }
    if settings.kind == "mlp":
        kwargs["units"] = settings.units
    if settings.kind == "knn":
        songs = len(head.arrays["songs"])
        kwargs |= {"songs": songs, "neighbours": min(settings.neighbours, songs)}
    return dataclasses.replace(
        encoder,
        model={"name": Taught.registered, "kwargs": kwargs},
        spec=dataclasses.replace(encoder.spec, task="single_label"),
        classes=tuple(genres),
        training_tracks=tuple(counts),
        trained_to_classify=True,
        decisions=decisions,
        provenance=dict(provenance),
    )


def write_taught(
    folder: Path,
    encoder: Path,
    described: ModelDescription,
    head: Head,
    mapping: np.ndarray,
) -> None:
    """Writes model.json and checkpoints/ into a folder that is being made.

    Args:
      folder: the folder.
      encoder: folder of the encoder.
      described: the taught model.
      head: the fitted head.
      mapping: the encoder's classes by genre.
    """
    classifier, own = read_model(encoder)
    stored = load_variables(encoder, abstract_variables(classifier, own.spec), "best")
    there = traverse_util.flatten_dict(stored)
    whole = build_classifier(
        frontend=described.frontend,
        model=described.model,
        num_classes=len(described.classes),
        sample_rate=described.spec.sample_rate,
        input_norm=described.input_norm,
        compute_dtype=described.compute_dtype,
    )
    arrays = _arrays(head, mapping)
    wanted = traverse_util.flatten_dict(abstract_variables(whole, described.spec))
    found: dict[tuple[str, ...], np.ndarray] = {}
    for path, leaf in wanted.items():
        kind, *rest = path
        if tuple(rest[:2]) == ("model", "encoder"):
            found[path] = there[(kind, "model", *rest[2:])]
        elif rest[:1] == ["model"]:
            array = np.asarray(arrays["/".join((kind, *rest[1:]))], np.float32)
            assert array.shape == leaf.shape, f"{path}: {array.shape}, not {leaf.shape}"
            found[path] = array
        else:
            found[path] = there[path]
    variables = {_KEPT: {}} | traverse_util.unflatten_dict(found)
    save_variables(folder, jax.tree.map(np.asarray, variables))
    described.save(folder)


def _arrays(head: Head, mapping: np.ndarray) -> dict[str, np.ndarray]:
    """The fitted arrays, by the names of `models.taught`."""
    dense = {"kernel": "head/kernel", "bias": "head/bias"}
    dense |= {"hidden_kernel": "hidden/kernel", "hidden_bias": "hidden/bias"}
    kept = {"songs": "songs_kept", "classes": "songs_classes"}
    found = {
        "mean": head.mean,
        "scale": head.scale,
        "weight": np.array(head.weight),
        "power": np.array(head.power),
        "mapping": mapping,
    }
    found |= {kept[name]: array for name, array in head.arrays.items() if name in kept}
    arrays = {f"{_KEPT}/{name}": array for name, array in found.items()}
    return arrays | {
        f"params/{dense[name]}": array for name, array in head.arrays.items() if name in dense
    }


def carry_over(old: Path, new: Path) -> None:
    """Links the other contents of a folder into the one that replaces it."""

    def own(folder: str, names: list[str]) -> list[str]:
        return [n for n in names if n in OWN and Path(folder).name in (old.name, "predictions")]

    if old.is_dir():
        shutil.copytree(old, new, copy_function=_link, ignore=own, dirs_exist_ok=True)


def other_results(folder: Path) -> list[str]:
    """Results in a taught model's folder that teaching does not rewrite, as of `evaluate`."""
    found = sorted(path.name for path in (folder / "predictions").glob("*.npz"))
    return [name for name in found if name not in OWN]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def is_begun(folder: Path) -> bool:
    """Whether a folder is that of a taught model, finished or not."""
    if (folder / ACCOUNT).is_file():
        return True
    return (folder / "embeddings" / "settings.json").is_file() and not (folder / FILE).exists()


def path_of_encoder(folder: Path) -> str:
    """Path of a taught model's encoder; empty if it is not known."""
    return str(read_description(folder).provenance.get("encoder", {}).get("path", ""))
