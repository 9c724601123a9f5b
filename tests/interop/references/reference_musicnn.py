"""The networks of Pons and Serra in NumPy, as musicnn/models.py lays them down, by hand.

    PYTHONPATH=. python tests/interop/references/reference_musicnn.py musicnn-0.1.0-….whl

compares the networks of the wheel, with its own weights, with what the importer makes of them. The
tests compare random weights.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

Arrays = Mapping[str, np.ndarray]


def random_musicnn(
    rng: np.random.Generator,
    *,
    timbre: int = 5,
    heights: tuple[int, ...] = (38, 67),
    tempo: int = 3,
    lengths: tuple[int, ...] = (128, 64, 32),
    midend: int = 4,
    units: int = 6,
    classes: int = 7,
) -> dict[str, np.ndarray]:
    """Arrays with the names and shapes of a checkpoint of musicnn, slots of Adam among them."""
    front = len(heights) * timbre + len(lengths) * tempo
    pooled = 2 * (front + 3 * midend)
    kernels = [(7, height, 1, timbre) for height in heights]
    kernels += [(length, 1, 1, tempo) for length in lengths]
    kernels += [(7, front, 1, midend), (7, midend, 1, midend), (7, midend, 1, midend)]
    layers = [(_numbered("conv2d", n), shape) for n, shape in enumerate(kernels)]
    layers += [("dense", (pooled, units)), ("dense_1", (units, classes))]
    norms = [1, *(shape[-1] for shape in kernels), pooled, units]
    return _random(rng, layers, norms)


def random_vgg(
    rng: np.random.Generator, *, width: int = 8, classes: int = 7, steps: int = 2
) -> dict[str, np.ndarray]:
    """Arrays with the names and shapes of a checkpoint of the VGG."""
    layers = [(f"{n}CNN", (3, 3, 1 if n == 1 else width, width)) for n in range(1, 6)]
    layers.append(("dense", (steps * width, classes)))
    return _random(rng, layers, [1, *[width] * 5])


def musicnn_logits(arrays: Arrays, patches: np.ndarray) -> np.ndarray:
    """[batch, frames, bins] → [batch, classes] float64."""
    layers = sum(name.startswith("conv2d") and name.endswith("kernel") for name in arrays)
    image = _norm(arrays, 0, patches[..., None].astype(np.float64))
    branches = []
    for n in range(layers - 3):
        kernel, bias = _weights(arrays, _numbered("conv2d", n))
        # Frames are padded to as many as there are, bins not at all.
        before = (len(kernel) - 1) // 2
        widths = ((0, 0), (before, len(kernel) - 1 - before), (0, 0), (0, 0))
        x = _norm(arrays, n + 1, np.maximum(_correlate(np.pad(image, widths), kernel) + bias, 0))
        branches.append(x.max(axis=2))
    x = np.concatenate(branches, axis=-1)
    found = [x]
    for n in range(layers - 3, layers):
        kernel, bias = _weights(arrays, _numbered("conv2d", n))
        padded = np.pad(x, ((0, 0), (3, 3), (0, 0)))[..., None]  # channels are bins here
        added = np.maximum(_correlate(padded, kernel)[:, :, 0] + bias, 0)
        added = _norm(arrays, n + 1, added)
        x = added if n == layers - 3 else x + added
        found.append(x)
    x = np.concatenate(found, axis=-1)
    x = np.stack([x.max(axis=1), x.mean(axis=1)], axis=-1).reshape(len(x), -1)
    x = _norm(arrays, layers + 1, x)
    kernel, bias = _weights(arrays, "dense")
    x = _norm(arrays, layers + 2, np.maximum(x @ kernel + bias, 0))
    kernel, bias = _weights(arrays, "dense_1")
    return x @ kernel + bias


def vgg_logits(arrays: Arrays, patches: np.ndarray) -> np.ndarray:
    """[batch, frames, bins] → [batch, classes] float64."""
    x = _norm(arrays, 0, patches[..., None].astype(np.float64))
    pools = [((4, 1), (2, 2)), *[((2, 2), (2, 2))] * 3, ((4, 4), (4, 4))]  # window, stride
    for n, (window, stride) in enumerate(pools, start=1):
        kernel, bias = _weights(arrays, f"{n}CNN")
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = _norm(arrays, n, np.maximum(_correlate(x, kernel) + bias, 0))
        cut = np.lib.stride_tricks.sliding_window_view(x, window, axis=(1, 2))
        x = cut[:, :: stride[0], :: stride[1]].max(axis=(-2, -1))
    kernel, bias = _weights(arrays, "dense")
    return x.reshape(len(x), -1) @ kernel + bias


def _random(rng, layers, norms) -> dict[str, np.ndarray]:
    arrays = {"beta1_power": np.float32(0.9), "beta2_power": np.float32(0.99)}
    for name, shape in layers:
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        arrays[f"{name}/kernel"] = (spread * rng.standard_normal(shape)).astype(np.float32)
        arrays[f"{name}/bias"] = rng.uniform(-0.2, 0.2, shape[-1]).astype(np.float32)
    for n, width in enumerate(norms):
        name = _numbered("batch_normalization", n)
        # Signs of both kinds tell a norm after ReLU from one before it.
        arrays[f"{name}/gamma"] = rng.uniform(-1.5, 1.5, width).astype(np.float32)
        arrays[f"{name}/beta"] = rng.uniform(-0.5, 0.5, width).astype(np.float32)
        arrays[f"{name}/moving_mean"] = rng.uniform(-0.5, 0.5, width).astype(np.float32)
        arrays[f"{name}/moving_variance"] = rng.uniform(0.5, 1.5, width).astype(np.float32)
    return arrays | {f"{name}/Adam": array for name, array in arrays.items() if "/k" in name}


def _numbered(kind: str, number: int) -> str:
    return f"{kind}_{number}" if number else kind


def _weights(arrays: Arrays, name: str) -> tuple[np.ndarray, np.ndarray]:
    return arrays[f"{name}/kernel"].astype(np.float64), arrays[f"{name}/bias"].astype(np.float64)


def _norm(arrays: Arrays, number: int, x: np.ndarray) -> np.ndarray:
    name = _numbered("batch_normalization", number)
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    gamma, beta, mean, variance = (arrays[f"{name}/{part}"].astype(np.float64) for part in parts)
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def _correlate(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """[batch, frames, bins, in] with [frames, bins, in, out], where both overlap wholly."""
    frames, bins = x.shape[1] - kernel.shape[0] + 1, x.shape[2] - kernel.shape[1] + 1
    total = np.zeros((len(x), frames, bins, kernel.shape[-1]))
    for frame in range(kernel.shape[0]):
        for bin_ in range(kernel.shape[1]):
            total += x[:, frame : frame + frames, bin_ : bin_ + bins] @ kernel[frame, bin_]
    return total


def imported_logits(folder: Path, patches: np.ndarray) -> np.ndarray:
    """Those of a model folder, of features [batch, frames, bins]."""
    import jax

    from mgr_jax.classifier import abstract_variables
    from mgr_jax.model_folder import read_model
    from mgr_jax.training.checkpoint import load_variables

    classifier, description = read_model(folder)
    stored = load_variables(folder, abstract_variables(classifier, description.spec), "best")
    variables = {name: tree["model"] for name, tree in stored.items() if tree}
    apply = jax.jit(lambda x: classifier.model.apply(variables, x, train=False)[0])
    return np.asarray(apply(patches))


def main(wheel: Path) -> None:
    from mgr_jax.interop.import_weights import import_weights
    from mgr_jax.interop.read import read_tensors

    rng = np.random.default_rng(0)
    # Energies of noise, as the front end scales them.
    patches = np.log10(1 + 10_000 * rng.exponential(0.01, (3, 187, 96))).astype(np.float32)
    for source, checkpoint, reference in (
        ("musicnn", "MTT_musicnn", musicnn_logits),
        ("musicnn", "MSD_musicnn", musicnn_logits),
        ("musicnn_vgg", "MTT_vgg", vgg_logits),
        ("musicnn_vgg", "MSD_vgg", vgg_logits),
    ):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "model"
            import_weights(source, wheel, out, checkpoint=checkpoint)
            found = imported_logits(out, patches)
        difference = np.abs(found - reference(read_tensors(wheel, checkpoint), patches)).max()
        print(f"{checkpoint}: logits differ by up to {difference:.1e} of {np.abs(found).max():.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
