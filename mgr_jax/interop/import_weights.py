"""Converts weights of other programs to a model folder, which is used like any run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flax import traverse_util

import mgr_jax
from mgr_jax.catalogue import Pretrained, of_tensors
from mgr_jax.classifier import abstract_variables, create_classifier
from mgr_jax.config import base_config
from mgr_jax.errors import UserError, printable, unknown_name
from mgr_jax.files import expand, lock, replace_folder, require_folder, scratch
from mgr_jax.interop.convert import convert_tensors
from mgr_jax.interop.labels import read_labels
from mgr_jax.interop.read import read_tensors
from mgr_jax.interop.source import (
    Conversion,
    Source,
    Tensors,
    assemble,
    digest_tensors,
)
from mgr_jax.interop.sources import find_source
from mgr_jax.model_folder import ModelDescription
from mgr_jax.training.weights import save_variables


@dataclass(frozen=True)
class Imported:
    """A model folder that was made from a file of weights.

    Attributes:
      source: kind of the file, see `list_sources`.
      path: path of the folder.
      system: its name in reports.
      classes: names of its outputs.
      parameters: number of its trained parameters.
      ignored: names of arrays of the file that were left out.
      notes: notes from the conversion.
    """

    source: str
    path: Path
    system: str
    classes: tuple[str, ...]
    parameters: int
    ignored: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """A summary of a few lines."""
        told = f"{len(self.classes)} classes" if self.classes else "no classes, only embeddings"
        lines = [f"Wrote {self.path}: {self.system}, {self.parameters:,} parameters, {told}."]
        left = ", ".join(find_source(self.source).tell_ignored(self.ignored))
        lines += [f"Left out, as not needed: {left}."] if left else []
        return "\n".join(map(printable, [*lines, *self.notes]))


def import_weights(
    source: str,
    weights: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | Sequence[str] | None = None,
    reading: str | None = None,
    checkpoint: str | None = None,
) -> Imported:
    """Converts a file of weights to a model folder.

        mgr_jax.import_weights("won2020_fcn", "best_model.pth", "models/fcn", labels="mtat50")
        mgr_jax.load("models/fcn").predict("song.mp3").top()

    Widths, number of layers and classes are read from the shapes of the arrays. Every array of the
    network must be in the file, and every array of the file must be used or known to be
    superfluous.

    Args:
      source: kind of the file, one of `list_sources()`.
      weights: the file.
      out: a folder that does not exist or is empty.
      labels: names of the outputs, see `interop.labels.read_labels`; None: those in the file, or
        those of these weights if they are known, else numbers.
      reading: one of the source's ways to read a file, if it has several; None: the first.
      checkpoint: name of the checkpoint, if the file holds several.

    Returns:
      A description of the model folder.

    Raises:
      UserError: there is no such source, reading or file; the file holds more than arrays, or other
        arrays than the network needs; the labels do not fit; or the folder is not empty.
    """
    kind, out = find_source(source), expand(out).absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"{out} exists already; remove it, or choose another folder", code="folder.exists"
        )
    tensors = read_tensors(expand(weights).absolute(), checkpoint)
    reading = _reading(kind, reading)
    conversion, ignored = convert_tensors(kind, tensors, reading)
    digest = digest_tensors(tensors, conversion.leaves)
    known = of_tensors(digest)
    classes, notes = _name_classes(conversion, tensors, labels, known)
    description, variables = build_model(kind, tensors, conversion, classes, digest)
    if reading:
        origin = {**description.provenance["import"], "reading": reading}
        description = replace(description, provenance={**description.provenance, "import": origin})
        notes = (*notes, *_tell_readings(kind, reading))
    if known:
        provenance = {**description.provenance, **known.provenance()}
        description = replace(description, provenance=provenance)
        notes = (f"These are the weights {known.name}, trained on {known.trained_on}.", *notes)
    require_folder(out.parent)
    told = f"{out} is being written by another process; wait until it is done"
    with lock(out.with_name(f".{out.name}.lock"), told), scratch(out.parent) as aside:
        folder = aside / "model"
        folder.mkdir()
        save_variables(folder, variables)
        description.save(folder)
        replace_folder(folder, out)
    flat = traverse_util.flatten_dict(variables)
    return Imported(
        source=kind.name,
        path=out,
        system=description.system,
        classes=classes,
        parameters=sum(array.size for path, array in flat.items() if path[0] == "params"),
        ignored=ignored,
        notes=(*tensors.notes, *conversion.notes, *notes),
    )


def build_model(
    source: Source,
    tensors: Tensors,
    conversion: Conversion,
    classes: tuple[str, ...],
    digest: str,
) -> tuple[ModelDescription, dict[str, Any]]:
    """The description and the variables of the model in a file.

    Args:
      source: kind of the file.
      tensors: its arrays.
      conversion: the model that they belong to.
      classes: names of the outputs.
      digest: digest of the arrays.

    Raises:
      UserError: arrays do not fit the network, or the network does not fit the clips.
    """
    config = base_config()
    config.task = conversion.task
    config.sample_rate = conversion.sample_rate
    config.clip_samples = conversion.clip_samples
    config.eval_segments = conversion.eval_segments
    config.input_norm = "none"
    config.frontend = dict(conversion.frontend)
    config.model = dict(conversion.model)
    classifier, spec = create_classifier(config, conversion.num_classes)
    abstract = traverse_util.flatten_dict(abstract_variables(classifier, spec))
    shapes = {path: leaf.shape for path, leaf in abstract.items() if leaf is not None}
    variables = traverse_util.unflatten_dict(assemble(tensors, conversion.leaves, shapes))
    description = ModelDescription(
        frontend=config.frontend.to_dict(),
        model=config.model.to_dict(),
        input_norm="none",
        compute_dtype="float32",
        spec=spec,
        classes=classes,
        trained_to_classify=conversion.genres and conversion.num_classes > 0,
        provenance={
            "mgr_jax": mgr_jax.__version__,
            "import": {
                "source": source.name,
                "file": tensors.file,
                "upstream": source.upstream,
                "tensors": digest,
            },
            "license": source.license,
        },
    )
    return description, {"batch_stats": {}} | variables


def _reading(source: Source, asked: str | None) -> str:
    if asked is None:
        return next(iter(source.readings), "")
    if not source.readings:
        raise UserError(
            f"files of {source.name} can be read in one way only; leave `reading` out",
            code="weights.no_readings",
        )
    if asked not in source.readings:
        raise unknown_name(f"reading of {source.name}", asked, source.readings)
    return asked


def _tell_readings(source: Source, used: str) -> tuple[str, ...]:
    """How the file was read, and the other ways."""
    others = "; ".join(f"{name}: {what}" for name, what in source.readings.items() if name != used)
    return (f"Read as {used}: {source.readings[used]}. Give `reading` for {others}.",)


def _name_classes(
    conversion: Conversion,
    tensors: Tensors,
    given: str | os.PathLike[str] | Sequence[str] | None,
    known: Pretrained | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the outputs, and notes on them."""
    count = conversion.num_classes
    if given is not None:
        return read_labels(given, count), ()
    if len(tensors.labels) == count:
        return tensors.labels, ()
    if labels := conversion.labels or (known.labels if known else ""):
        return read_labels(labels, count), ()
    digits = len(str(max(0, count - 1)))
    numbered = tuple(f"output {number:0{digits}}" for number in range(count))
    note = "The file does not name its outputs, which are numbered; give `labels` to name them."
    return numbered, (note,) if count else ()
