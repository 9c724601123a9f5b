"""Networks of random weights by way of the importer, and what references made of the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from mgr_jax.interop.import_weights import build_model
from mgr_jax.interop.source import Conversion, Tensors, digest_tensors, require_same_names
from mgr_jax.interop.sources import find_source
from mgr_jax.models import create_model
from mgr_jax.models.network import Network

GOLDENS = Path(__file__).resolve().parents[1] / "interop" / "goldens"


@dataclass(frozen=True)
class ImportedNetwork:
    """A network that the importer made.

    Attributes:
      conversion: what it told from the file.
      ignored: names that it left out.
      model: the network of ours.
      variables: that were made of the file's arrays, as the network takes them.
    """

    conversion: Conversion
    ignored: list[str]
    model: Network
    variables: dict

    def apply(self, features: np.ndarray) -> tuple:
        """Features → (logits, intermediates)."""
        return jax.jit(lambda x: self.model.apply(self.variables, x, train=False))(features)


def convert_arrays(source: str, arrays: Mapping[str, np.ndarray], reading: str = "") -> Conversion:
    """What a source tells of arrays."""
    kind = find_source(source)
    return kind.convert(Tensors(arrays, "random.npz"), reading or next(iter(kind.readings), ""))


def import_network(
    source: str, arrays: Mapping[str, np.ndarray], reading: str = ""
) -> ImportedNetwork:
    """What the importer makes of arrays, without front end and folder."""
    kind, tensors = find_source(source), Tensors(arrays, "random.npz")
    conversion = convert_arrays(source, arrays, reading)
    ignored = require_same_names(kind, tensors, conversion.leaves)
    classes = tuple(map(str, range(conversion.num_classes)))
    digest = digest_tensors(tensors, conversion.leaves)
    description, variables = build_model(kind, tensors, conversion, classes, digest)
    model = create_model(
        description.model["name"], num_classes=conversion.num_classes, **description.model["kwargs"]
    )
    ours = {collection: found.get("model", {}) for collection, found in variables.items()}
    return ImportedNetwork(conversion, ignored, model, ours)


def golden_cases(source: str) -> dict[str, tuple[dict, tuple, np.ndarray]]:
    """Shapes of arrays, shape of the input and outputs, by case; see references/write_cases.py."""
    with np.load(GOLDENS / f"{source}.npz") as file:
        cases = {name.split("/")[0] for name in file.files}
        found = {}
        for case in sorted(cases):
            told = json.loads(str(file[f"{case}/shapes"]))
            shapes = {name: tuple(shape) for name, shape in told["arrays"].items()}
            found[case] = shapes, tuple(told["inputs"]), file[f"{case}/outputs"]
    return found
