"""Dropout masks that depend on the example, not on its row, its device or the part of its batch.

Flax draws one mask for a whole array, so masks change as soon as the batch is divided differently.
Networks, also those of users, keep using `nn.Dropout`, so authors need not think of this.
"""

from contextlib import AbstractContextManager
from typing import Any

import jax
from flax import linen as nn
from jax import lax

from mgr_jax.errors import UserError


def dropout_by_example(index: jax.Array) -> AbstractContextManager[None]:
    """In this context, every `nn.Dropout` draws a mask for each example of a batch.

    The mask depends only on the layer's key and the example's number. Other uses of random numbers
    do not change: `make_rng`, or a layer that is given a key.

    Args:
      index: [batch] unsigned integers, numbers of the examples; the first axis of dropped arrays
        must have the same order.
    """

    def intercept(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        layer = context.module
        if isinstance(layer, nn.Dropout) and context.method_name == "__call__":
            return _drop(index, layer, call, *args, **kwargs)
        return call(*args, **kwargs)

    return nn.intercept_methods(intercept)


def _drop(
    index: jax.Array,
    layer: nn.Dropout,
    call: Any,
    inputs: jax.Array,
    deterministic: bool | None = None,
    rng: jax.Array | None = None,
) -> jax.Array:
    """Like `nn.Dropout.__call__`, except for the masks."""
    off = nn.merge_param("deterministic", layer.deterministic, deterministic)
    if off or layer.rate in (0, 1) or rng is not None:
        return call(inputs, deterministic, rng)
    shared = [axis % inputs.ndim for axis in layer.broadcast_dims]
    if inputs.shape[:1] != index.shape or 0 in shared:
        raise UserError(
            f"the network's dropout {'/'.join(layer.path)} gets {list(inputs.shape)}"
            + (", with one mask for all examples" if 0 in shared else "")
            + f", but drops for each example: the first axis must be that of the {len(index)} "
            "examples of a batch, and none of broadcast_dims; reshape after dropping",
            code="model.dropout_rows",
        )
    shape = [1 if axis in shared else size for axis, size in enumerate(inputs.shape)][1:]
    key, keep = layer.make_rng(layer.rng_collection), 1.0 - layer.rate

    def draw(number: jax.Array) -> jax.Array:
        return jax.random.bernoulli(jax.random.fold_in(key, number), keep, shape)

    mask = jax.numpy.broadcast_to(jax.vmap(draw)(index), inputs.shape)
    return lax.select(mask, inputs / keep, jax.numpy.zeros_like(inputs))
