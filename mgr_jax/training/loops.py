"""Rewrites convolutions inside loops so that a CPU runs them as fast as outside.

XLA for the CPU has a fast convolution for one order of axes only: channels last in input and
output, and the kernel's output channels last. Its compiler brings other convolutions into this
order, but not inside loops. The gradients of a convolution have another order, so a loop over them
takes a slow path, up to 50 times as long. This module changes the order before XLA sees the
program, by the same transpositions; the values are the same.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.extend import core

_LOOPS = ("scan", "while")


def fast_in_loops(function: Callable) -> Callable:
    """Returns a function of the same values, with convolutions in loops that are fast on a CPU.

    Args:
      function: a traceable function of trees of arrays; gradients must be taken inside it.
    """

    def rewritten(*args: Any) -> Any:
        program, shape = jax.make_jaxpr(function, return_shape=True)(*args)
        outputs = core.jaxpr_as_fun(_rewrite(program, in_loop=False))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    return rewritten


def _rewrite(value: Any, *, in_loop: bool) -> Any:
    """A program, or programs, with other equations; their other parameters are unchanged."""
    if isinstance(value, core.ClosedJaxpr):
        return value.replace(jaxpr=_rewrite(value.jaxpr, in_loop=in_loop))
    if isinstance(value, core.Jaxpr):
        return value.replace(eqns=[_equation(eqn, in_loop=in_loop) for eqn in value.eqns])
    if type(value) is tuple:  # programs of branches
        return tuple(_rewrite(one, in_loop=in_loop) for one in value)
    return value


def _equation(eqn: core.JaxprEqn, *, in_loop: bool) -> core.JaxprEqn:
    if eqn.primitive is lax.conv_general_dilated_p and in_loop:
        # One equation must replace one equation, so this is a call of a function with several.
        convolve = jax.jit(lambda x, kernel: _channels_last(x, kernel, **eqn.params))
        (call,) = jax.make_jaxpr(convolve)(*(atom.aval for atom in eqn.invars)).eqns
        return call.replace(invars=eqn.invars, outvars=eqn.outvars, source_info=eqn.source_info)
    in_loop = in_loop or eqn.primitive.name in _LOOPS
    params = {name: _rewrite(value, in_loop=in_loop) for name, value in eqn.params.items()}
    return eqn.replace(params=params)


def _channels_last(
    x: jax.Array, kernel: jax.Array, *, dimension_numbers: Any, **params: Any
) -> jax.Array:
    """A convolution in the fast order: [batch, ..., in] and [..., in, out] to [batch, ..., out]."""
    of_input, of_kernel, of_output = dimension_numbers  # (batch, channels, ...), (out, in, ...)
    last = x.ndim - 1
    channels_last = (0, last, *range(1, last))
    y = lax.conv_general_dilated_p.bind(
        x.transpose(of_input[0], *of_input[2:], of_input[1]),
        kernel.transpose(*of_kernel[2:], of_kernel[1], of_kernel[0]),
        dimension_numbers=lax.ConvDimensionNumbers(
            channels_last, (last, last - 1, *range(last - 1)), channels_last
        ),
        **params,
    )
    places = (of_output[0], *of_output[2:], of_output[1])
    return y.transpose(*(places.index(axis) for axis in range(x.ndim)))
