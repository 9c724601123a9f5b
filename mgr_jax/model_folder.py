"""The model folder: `model.json` describes a classifier, `checkpoints/` holds its weights.

Prediction reads only these, so a run, an import and an export are the same to it. Runs of version
0.1.0 had five files instead of model.json; they are read as if they had one.
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mgr_jax._registry import fits
from mgr_jax.audio.clips import Crop
from mgr_jax.classifier import GenreClassifier, build_classifier
from mgr_jax.decisions import Decisions, Timeline
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.input_spec import InputSpec
from mgr_jax.integrity import read_sealed, write_sealed
from mgr_jax.side_inputs import SideFormat, SideInputs

# Raise it, and turn what older ones hold into the new in `_parse`, when a field is added or means
# something else, and when a default of a front end or a network changes: kwargs hold no defaults.
# 2: input_spec has mask_filling. 3: decisions, in place of thresholds, which were always empty.
SCHEMA = 3
FILE = "model.json"
_RESTORE = "restore it, or give the command that trained it again, which writes it anew"
_KNOWN = {
    "kind": ("waveform", "features"),
    "task": ("single_label", "multi_label"),
    "short_clip": ("zero_pad", "repeat"),
    "input_norm": ("none", "batch"),
    "compute_dtype": ("float32", "bfloat16"),
}
# What older ones meant, in which zeros that filled a clip were seen as silence.
BEFORE_LENGTHS = {"mask_filling": False}
DAMAGE = (ValueError, TypeError, KeyError, AttributeError)

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """The description of a trained classifier: all that is needed to use it, except the weights.

    Attributes:
      frontend: {"name", "kwargs"}, see `create_frontend`.
      model: {"name", "kwargs"}, see `create_model`.
      input_norm: see `GenreClassifier`.
      compute_dtype: of the network.
      spec: its inputs.
      classes: names of its outputs; empty if it gives only embeddings.
      training_tracks: of each class; empty if not known.
      trained_to_classify: whether it was trained to classify. If not, its probabilities mean
        nothing, as those of an autoencoder.
      decisions: what was learnt from validation tracks; see `calibrate`.
      side: its inputs besides the sound.
      provenance: where it comes from: `mgr_jax` (version), `config` (SHA-256 of it as JSON),
        `dataset`, `source` (digest of its files), `license`, `protocol` (see `Protocol.as_dict`)
        and `init_from` (the run whose weights it started from); None if not known. Imported weights
        have `import` (source, file, upstream, tensors) and `license`. Those in the catalogue also
        have `pretrained`, `trained_on` and `overlap`, see `catalogue.Pretrained`.
    """

    frontend: Mapping[str, Any]
    model: Mapping[str, Any]
    input_norm: str
    compute_dtype: str
    spec: InputSpec
    classes: tuple[str, ...]
    training_tracks: tuple[int, ...] = ()
    trained_to_classify: bool = True
    decisions: Decisions = dataclasses.field(default_factory=Decisions)
    side: SideInputs = dataclasses.field(default_factory=SideInputs)
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def system(self) -> str:
        """Its name in reports."""
        return name_system(self.frontend["name"], self.model["name"], self.trained_to_classify)

    @property
    def labels(self) -> dict[str, Any]:
        """`task`, `classes` and `training_tracks` (of each class)."""
        return {
            "task": self.spec.task,
            "classes": list(self.classes),
            "training_tracks": list(self.training_tracks),
        }

    def require_classes(self, model: str | os.PathLike[str]) -> None:
        """Checks that it gives classes and not only embeddings.

        Args:
          model: its name or folder, for the message.

        Raises:
          UserError: it gives only embeddings.
        """
        if not self.classes:
            raise UserError(
                f"{model} tells no classes, it gives embeddings alone; use it to embed and search, "
                "teach it your genres (mgr-jax teach), or train on from it (config.init_from)",
                code="model.no_classes",
            )

    def save(self, folder: Path) -> None:
        """Writes model.json, whole or not at all."""
        content = dataclasses.asdict(self)
        content["input_spec"] = content.pop("spec")
        content["side_inputs"] = content.pop("side")
        content["labels"] = {name: content.pop(name) for name in ("classes", "training_tracks")}
        write_sealed(folder / FILE, {"schema": SCHEMA} | content)


def name_system(frontend: str, model: str, trained_to_classify: bool = True) -> str:
    """The name of a front end and a model in reports.

    Args:
      frontend: name of the front end.
      model: name of the model.
      trained_to_classify: see `ModelDescription`.
    """
    untrained = "" if trained_to_classify else ", not trained to classify"
    return f"{frontend} + {model}{untrained}"


def read_model(
    folder: Path, axis_name: str | None = None
) -> tuple[GenreClassifier, ModelDescription]:
    """Builds the classifier that a model folder describes, without its weights.

    Args:
      folder: of any version.
      axis_name: mapped axis over which batch statistics are averaged, if any.

    Returns:
      The classifier and its description.

    Raises:
      UserError: see `read_description`; or this version lacks its front end, model or argument.
    """
    described = read_description(folder)
    spec = described.spec
    try:
        classifier = build_classifier(
            frontend=described.frontend,
            model=described.model,
            num_classes=len(described.classes),
            sample_rate=None if spec.kind == "features" else spec.sample_rate,
            input_norm=described.input_norm,
            compute_dtype=described.compute_dtype,
            side=spec.side,
            axis_name=axis_name,
        )
    except UserError as error:
        raise UserError(f"{folder / FILE} cannot be used: {error}", code=error.code) from error
    return classifier, described


def find_model(model: str | os.PathLike[str]) -> Path:
    """The folder of a model that is given by its path or by the name of a pretrained network.

    An existing path has priority. A path that does not exist and is no name is returned unchanged;
    the code that reads it explains what it should be.

    Args:
      model: the path or the name.

    Raises:
      UserError: the pretrained network is not downloaded yet, or the name is misspelt.
    """
    folder = expand(model).absolute()
    if folder.exists() or os.path.basename(name := os.fspath(model)) != name:
        return folder
    from mgr_jax.catalogue import find_pretrained  # which paths do not need

    return find_pretrained(name, folder)


def is_model_folder(folder: Path) -> bool:
    """Whether a folder describes a model, valid or not."""
    return any((folder / name).is_file() for name in (FILE, "config.json"))


def read_description(folder: Path) -> ModelDescription:
    """Reads the description in a model folder of any version.

    Raises:
      UserError: it is not a model folder, model.json is damaged, or a later version wrote it.
    """
    path = folder / FILE
    if not path.exists():
        if not is_model_folder(folder):
            raise UserError(
                f"{folder} holds no trained model (there is no {FILE} in it)", code="model.none"
            )
        from mgr_jax.model_of_config import describe_old_run  # which few need

        return describe_old_run(folder)
    content = read_sealed(path, _RESTORE)
    try:
        schema = content["schema"]
        if type(schema) is not int or schema < 1:
            raise ValueError(f"schema is {schema!r}")
        if schema > SCHEMA:
            raise UserError(
                f"{path} is of schema {schema}, but this mgr_jax knows those up to {SCHEMA}; use "
                "the mgr_jax that wrote it, or a later one",
                code="model.later_schema",
            )
        return _parse(content)
    except DAMAGE as error:
        raise UserError(
            f"{path} is damaged ({reason(error)}); {_RESTORE}", code="model.damaged"
        ) from error


def require_same_side_inputs(folder: Path, side: SideInputs) -> None:
    """Checks that a run which is resumed gets the same inputs besides the sound.

    A run on sound alone does not read the folder, which its checkpoints outlive.

    Args:
      folder: of the run; it may not exist.
      side: the inputs.

    Raises:
      UserError: the inputs differ, or the stored ones cannot be read.
    """
    if not side.format or not is_model_folder(folder):
        return
    # How it leaks is told in other words by other versions, and follows from the rest.
    if dataclasses.replace(read_description(folder).side, leak=side.leak) != side:
        raise UserError(
            f"the table or the categories of the training tracks have changed since {folder} was "
            "trained; restore them, or choose another workdir",
            code="model.other_side_inputs",
        )


def _parse(content: Mapping[str, Any]) -> ModelDescription:
    fields = {name: value for name, value in content.items() if name != "schema"}
    fields |= fields.pop("labels")
    spec = fields.pop("input_spec")
    fields["spec"] = parse_spec(spec if content["schema"] > 1 else BEFORE_LENGTHS | spec)
    fields["side"] = SideInputs.from_dict(fields.pop("side_inputs"))
    if content["schema"] > 2:
        fields["decisions"] = _parse_decisions(fields["decisions"])
    else:
        fields.pop("thresholds", None)
        if "decisions" in fields:
            raise ValueError("decisions is no field of its schema")
    described = _record(ModelDescription, fields)
    for name in ("frontend", "model"):
        part = fields[name]
        if not isinstance(part["name"], str) or not isinstance(part["kwargs"], Mapping):
            raise ValueError(f"{name} is {part!r}")
    if not all(isinstance(name, str) for name in described.classes):
        raise ValueError("classes are no names")
    if not described.classes and described.trained_to_classify:
        raise ValueError("there are no classes")
    if not all(isinstance(count, int) for count in described.training_tracks):
        raise ValueError("training_tracks are no numbers")
    if unknown := set(described.decisions.thresholds) - set(described.classes):
        raise ValueError(f"there are thresholds of {', '.join(unknown)}, which is no class")
    if described.decisions.background and described.spec.kind != "waveform":
        raise ValueError("background is of sound, which the model does not read")
    return described


def _parse_decisions(content: Mapping[str, Any]) -> Decisions:
    """Reads decisions from JSON. All must be there; otherwise it raises one of DAMAGE."""
    fields = {field.name: content[field.name] for field in dataclasses.fields(Decisions)}
    try:
        fields["timeline"] = _record(Timeline, fields["timeline"])
    except UserError as error:  # of one that a user asks for
        raise ValueError(str(error)) from error
    found = _record(Decisions, dict(content) | fields)
    for name in ("clip_temperature", "track_temperature"):
        _require_range(name, getattr(found, name), above=0)
    for name, least in found.thresholds.items():
        _require_range(f"the threshold of {name}", least, most=1)
    if found.precision is not None:
        _require_range("precision", found.precision, above=0, most=1)
    if found.background:
        from mgr_jax.background import require_detector  # which few models need

        require_detector(found.background)
    return found


def _require_range(
    name: str, value: Any, *, above: float | None = None, most: float = sys.float_info.max
) -> None:
    """Checks that a value is a finite number of at least 0, in a range, or raises a ValueError."""
    fitting = fits(value, float) and 0 <= value <= most and (above is None or value > above)
    if not fitting:
        raise ValueError(f"{name} is {value!r}")


def parse_spec(content: Any) -> InputSpec:
    """Reads an input spec from JSON.

    Raises:
      ValueError: it is no input spec; other errors in DAMAGE are possible too.
    """
    fields = dict(content)
    fields["crop"] = _record(Crop, fields["crop"])
    fields["side"] = _record(SideFormat, fields["side"])
    spec = _record(InputSpec, fields)
    counts = (*spec.shape, spec.clip_samples, spec.min_samples)
    if not spec.shape or not all(isinstance(n, int) and n > 0 for n in counts):
        raise ValueError(f"shape is {spec.shape} of clips of {spec.clip_samples}")
    return spec


def _record(kind: Callable[..., T], content: Any) -> T:
    """A record of fields from JSON, of which none is unknown, missing or of another type."""
    types = {field.name: field.type for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    fields = {name: _tuples(value) for name, value in dict(content).items()}
    for name, value in fields.items():
        if name not in types:
            raise ValueError(f"{name} is no field that this version knows")
        if not fits(value, types[name]) or value not in _KNOWN.get(name, (value,)):
            raise ValueError(f"{name} is {value!r}")
    return kind(**fields)


def _tuples(value: Any) -> Any:
    """Sequences as tuples, as configs write them and modules need them."""
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def reason(error: Exception) -> str:
    """The problem behind one of DAMAGE, in words."""
    missing = isinstance(error, KeyError)
    return f"{error.args[0]} is missing" if missing else str(error).split("\n")[0]
