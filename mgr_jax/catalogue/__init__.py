"""The catalogue of pretrained networks, and the folders they are stored in.

Known weights are recognised by their content: whichever file holds them, however it is packed, they
get the names of their outputs, and the facts on them go into their model folder.
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
    """All pretrained networks by name.

    for name, network in mgr_jax.list_pretrained().items():
        print(name, network.parameters, network.license)
    """
    return {network.name: network for network in NETWORKS}


def of_name(name: str) -> Pretrained:
    """The network of a name.

    Raises:
      UserError: there is none of this name.
    """
    known = list_pretrained()
    if name not in known:
        raise unknown_name("pretrained network", name, known)
    return known[name]


def of_tensors(digest: str) -> Pretrained | None:
    """The network with these arrays; None if they are not known."""
    return next((network for network in NETWORKS if network.tensors == digest), None)


def find_pretrained(name: str, folder: Path) -> Path:
    """The folder of a pretrained network; `folder` if the name is not that of one.

    Args:
      name: perhaps the name of a network.
      folder: the name as a path that does not exist.

    Raises:
      UserError: the network was not fetched yet, or the name is nearly that of one.
    """
    known = list_pretrained()
    if network := known.get(name):
        if network.is_there:
            return network.folder
        raise UserError(
            f"the pretrained network {name} was not fetched yet; {network.get_it()}",
            code="pretrained.not_there",
        )
    if close := difflib.get_close_matches(name.lower(), known):
        raise UserError(
            f"{folder} holds no trained model (there is no model.json in it), and no pretrained "
            f"network is called {name}; did you mean {' or '.join(close)}?",
            code="model.none",
        )
    return folder
