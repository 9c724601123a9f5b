"""The pretrained networks by name, and their folders after download.

Weights are recognised by their content. So from whatever file they come, they get the names of
their outputs, and their facts go into the model folder.
"""

import difflib
from pathlib import Path

from mgr_jax.catalogue.network import Pretrained, models_folder
from mgr_jax.catalogue.networks import NETWORKS
from mgr_jax.errors import UserError, unknown_name

__all__ = [
    "NETWORKS",
    "Pretrained",
    "find_pretrained",
    "list_pretrained",
    "models_folder",
    "of_name",
    "of_tensors",
]


def list_pretrained() -> dict[str, Pretrained]:
    """All pretrained networks by name."""
    return {network.name: network for network in NETWORKS}


def of_name(name: str) -> Pretrained:
    """The network of a name.

    Raises:
      UserError: there is no such network.
    """
    known = list_pretrained()
    if name not in known:
        raise unknown_name("pretrained network", name, known)
    return known[name]


def of_tensors(digest: str) -> Pretrained | None:
    """The network with these arrays, by their digest; None if they are not known."""
    return next((network for network in NETWORKS if network.tensors == digest), None)


def find_pretrained(name: str, folder: Path) -> Path:
    """The folder of a pretrained network, or the given path if the name is no network.

    Args:
      name: perhaps of a network.
      folder: the name as a path, where nothing exists.

    Raises:
      UserError: the network is not downloaded yet, or the name is misspelt.
    """
    known = list_pretrained()
    if network := known.get(name):
        if network.is_there:
            return network.folder
        raise UserError(
            f"the pretrained network {name} is not there yet; {network.get_it()}",
            code="pretrained.not_there",
        )
    if close := difflib.get_close_matches(name.lower(), known):
        raise UserError(
            f"{folder} holds no trained model (there is no model.json in it), and no pretrained "
            f"network is called {name}; did you mean {' or '.join(close)}?",
            code="model.none",
        )
    return folder
