"""Weights of any network that follow from its tree alone, the same with every version of JAX."""

import zlib

import jax
import numpy as np


def fixed_variables(variables):
    """Fills a tree of variables: of each path draws of its own, as large as layers begin with.

    Args:
      variables: arrays or their shapes, by collection and layer.
    """

    def fill(path, leaf):
        name = jax.tree_util.keystr(path)
        values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(leaf.shape)
        if path[-1].key in ("var", "scale"):
            values = 0.5 + np.abs(values)
        elif len(leaf.shape) < 2:
            values = 0.1 * values
        else:
            values = values * np.sqrt(2 / max(1, np.prod(leaf.shape[:-1])))
        return values.astype(np.float32)

    return jax.tree_util.tree_map_with_path(fill, variables)
