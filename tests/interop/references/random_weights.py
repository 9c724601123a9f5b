"""Random state dicts for networks whose real weights are not at hand."""

import numpy as np


def random_state_dict(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Arrays of these names and shapes, float32, that a deep network passes signals through.

    Every array has its own stream of numbers, so that neither order nor neighbours matter. Names
    tell what an array is: variances are from 0.5 to 1.5, scales of norms (vectors named weight,
    gamma or scale) likewise, means and biases are small, a filter's Q is near 1, and kernels have
    the variance 2 over the number of inputs, as those of He et al. (arXiv 1502.01852), taking the
    smaller of both ways to count inputs, PyTorch's and Keras's, where they differ.

    Args:
      shapes: of the arrays by name.
      seed: of the numbers.
    """
    return {name: _array(name, tuple(shape), seed) for name, shape in shapes.items()}


def _array(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, *name.encode()])
    last = name.replace("/", ".").replace(":0", "").rpartition(".")[2]
    if any(word in last for word in ("var", "running_std")) or (
        len(shape) == 1 and any(word in last for word in ("weight", "gamma", "scale"))
    ):
        array = rng.uniform(0.5, 1.5, shape)
    elif last.endswith("Q"):
        array = 1 + 0.1 * rng.standard_normal(shape)
    elif len(shape) < 2:
        array = 0.1 * rng.standard_normal(shape)
    else:
        inputs = min(np.prod(shape[1:]), np.prod(shape[:-1]))
        array = rng.standard_normal(shape) * np.sqrt(2 / max(1, inputs))
    return np.asarray(array, np.float32)
