"""Counts the floating point operations of a network."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr


def count_flops(function: Callable, *args: Any) -> int:
    """Floating point operations of the matrix products and convolutions of a function.

    A multiplication and an addition count as two. Steps of a `lax.scan` are counted each (unlike in
    XLA's cost analysis). Zeros that a transposed convolution inserts, elementwise operations and
    Fourier transforms are not counted.

    Args:
      function: is traced, not run.
      *args: arrays or their shapes.
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr)


def _count(jaxpr: Jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        params = equation.params
        match equation.primitive.name:
            case "dot_general":
                (contracted, _), _ = params["dimension_numbers"]
                shape = _shape(equation.invars[0])
                each = math.prod(shape[axis] for axis in contracted)
                total += 2 * math.prod(_shape(equation.outvars[0])) * each
            case "conv_general_dilated":
                kernel = _shape(equation.invars[1])
                each = math.prod(kernel) // kernel[params["dimension_numbers"].rhs_spec[0]]
                inserted = math.prod(params["lhs_dilation"])
                total += 2 * math.prod(_shape(equation.outvars[0])) * each // inserted
            case "scan":
                total += params["length"] * _count(params["jaxpr"].jaxpr)
            case "cond":
                total += max(_count(branch.jaxpr) for branch in params["branches"])
            case _:
                total += sum(_count(inner) for inner in _inner(params))
    return total


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _inner(params: dict[str, Any]) -> list[Jaxpr]:
    """The programs that an equation calls."""
    leaves = jax.tree.leaves(params, is_leaf=lambda x: isinstance(x, ClosedJaxpr | Jaxpr))
    found = [leaf for leaf in leaves if isinstance(leaf, ClosedJaxpr | Jaxpr)]
    return [leaf.jaxpr if isinstance(leaf, ClosedJaxpr) else leaf for leaf in found]
