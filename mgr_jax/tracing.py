"""Tracing and compiling functions in less time."""

import functools
import gc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

# The same values, compiled in a third of the time.
_LITTLE = {"xla_backend_optimization_level": 1}


def without_collection(function: Callable) -> Callable:
    """Returns the function, during which Python collects no garbage.

    A program that is traced is made of millions of objects that stay. A third of the time goes to
    looking at all of them again and again, for those that nothing but each other refers to.
    """

    @functools.wraps(function)
    def called(*args: Any) -> Any:
        collects = gc.isenabled()
        gc.disable()
        try:
            return function(*args)
        finally:
            if collects:
                gc.enable()

    return called


@without_collection
def run_once(function: Callable, *args: Any) -> Any:
    """Returns `function(*args)`, of which a CPU compiles each kind of output once.

    Networks draw many parameters in the same way, and their optimizers begin with many zeros. In
    one program, XLA would compile kernels for each. Here every output is a program of its own;
    outputs of the same program share it, constants need none, and random keys, which follow from
    different constants, are inputs.

    Args:
      function: of trees of arrays, to a tree of arrays; without side effects.
      *args: of it.

    Returns:
      A tree of arrays on the device.
    """
    if jax.default_backend() != "cpu":
        return jax.jit(function)(*args)
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*args)
    program = closed.jaxpr
    known = dict(zip(program.constvars, closed.consts, strict=True))
    known |= dict(zip(program.invars, jax.tree.leaves(args), strict=True))
    left = [equation for equation in program.eqns if not _computed(equation, known)]
    made_by = {variable: number for number, e in enumerate(left) for variable in e.outvars}
    programs: dict[str, Callable] = {}

    def compute(output: Any) -> Any:
        if isinstance(output, core.Literal):
            return output.val
        if output in known:
            return known[output]
        part = _part(program, left, made_by, output, known)
        # Arrays within programs are not printed.
        name = f"{part} {id(output) if _holds_arrays(part) else ''}"
        if name not in programs:
            evaluate = core.jaxpr_as_fun(core.ClosedJaxpr(part, ()))
            programs[name] = jax.jit(evaluate, compiler_options=_LITTLE)
        return programs[name](*(known[variable] for variable in part.invars))[0]

    outputs = jax.device_put([compute(output) for output in program.outvars])
    return jax.tree.unflatten(jax.tree.structure(shape), outputs)


def _computed(equation: core.JaxprEqn, known: dict[Any, Any]) -> bool:
    """Whether an equation needs no program; its outputs are known then."""
    inputs = [x.val if isinstance(x, core.Literal) else known.get(x) for x in equation.invars]
    outputs: list[Any] = [variable.aval for variable in equation.outvars]
    if equation.primitive.name == "broadcast_in_dim" and isinstance(
        equation.invars[0], core.Literal
    ):
        known[equation.outvars[0]] = np.full(outputs[0].shape, inputs[0], outputs[0].dtype)
        return True
    keys = [jnp.issubdtype(output.dtype, jax.dtypes.prng_key) for output in outputs]
    if not all(keys) or any(value is None for value in inputs):
        return False
    values = equation.primitive.bind(*inputs, **equation.params)
    values = values if equation.primitive.multiple_results else [values]
    known |= dict(zip(equation.outvars, values, strict=True))
    return True


def _part(
    program: core.Jaxpr,
    equations: list[core.JaxprEqn],
    made_by: dict[Any, int],
    output: Any,
    known: dict[Any, Any],
) -> core.Jaxpr:
    """The program of one output alone; `made_by` has the number of each variable's equation."""
    wanted, needed = [output], set[int]()
    while wanted:
        number = made_by.get(wanted.pop())
        if number is not None and number not in needed:
            needed.add(number)
            wanted += _read(equations[number])
    chosen = [equations[number] for number in sorted(needed)]
    read = dict.fromkeys(variable for equation in chosen for variable in _read(equation))
    inputs = [variable for variable in read if variable in known]
    return program.replace(constvars=(), invars=inputs, outvars=[output], eqns=chosen)


def _read(equation: core.JaxprEqn) -> list[Any]:
    """The variables that an equation reads."""
    return [x for x in equation.invars if not isinstance(x, core.Literal)]


def _holds_arrays(program: core.Jaxpr) -> bool:
    literals = [x for e in program.eqns for x in e.invars if isinstance(x, core.Literal)]
    if any(np.ndim(literal.val) for literal in literals):  # as a setting of jax has it
        return True
    settings = [value for equation in program.eqns for value in equation.params.values()]
    values = [x for value in settings for x in (value if isinstance(value, tuple) else (value,))]
    inner = [value for value in values if isinstance(value, core.ClosedJaxpr)]
    return any(value.consts or _holds_arrays(value.jaxpr) for value in inner)
