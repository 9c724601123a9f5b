"""EfficientAT's MobileNetV3 in PyTorch, as functions of a state dict.

Written from tables of the layers and of the names that the authors' module gives its arrays
(github.com/fschmid56/EfficientAT), not from our network. Writes goldens/efficientat.npz:

    python tests/interop/references/reference_efficientat.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from random_weights import random_state_dict
from torch.nn import functional as F  # noqa: N812

SEED, LOUDNESS = 19, 0.05
State = dict[str, torch.Tensor]
# kernel, expansion, output, gate, ReLU, stride
TABLE = [
    (3, 16, 16, 0, 1, 1), (3, 64, 24, 0, 1, 2), (3, 72, 24, 0, 1, 1), (5, 72, 40, 1, 1, 2),
    (5, 120, 40, 1, 1, 1), (5, 120, 40, 1, 1, 1), (3, 240, 80, 0, 0, 2), (3, 200, 80, 0, 0, 1),
    (3, 184, 80, 0, 0, 1), (3, 184, 80, 0, 0, 1), (3, 480, 112, 1, 0, 1), (3, 672, 112, 1, 0, 1),
    (5, 672, 160, 1, 0, 2), (5, 960, 160, 1, 0, 1), (5, 960, 160, 1, 0, 1),
]  # fmt: skip


def eights(value: float) -> int:
    nearest = max(8, 8 * int((value + 4) / 8))
    return nearest + 8 * (nearest < 0.9 * value)


def table(reduced: bool) -> list[tuple[int, ...]]:
    if not reduced:
        return TABLE
    end = [(5, 672, 80, 1, 0, 2), (5, 480, 80, 1, 0, 1), (5, 480, 80, 1, 0, 1)]
    return TABLE[:12] + end


def shapes(
    width: float, classes: int, gates="c", reduced=False, mlp=True, bins=128
) -> dict[str, tuple]:
    """Names and shapes of the arrays."""
    found: dict[str, tuple[int, ...]] = {}

    def convolution(name, *shape):
        found[f"{name}.0.weight"] = shape
        for array in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.1.{array}"] = shape[:1]
        found[f"{name}.1.num_batches_tracked"] = ()

    def dense(name, out, into):
        found.update({f"{name}.weight": (out, into), f"{name}.bias": (out,)})

    now = eights(16 * width)
    convolution("features.0", now, 1, 3, 3)
    height = -(-bins // 2)
    for number, (kernel, expansion, output, gated, _, stride) in enumerate(table(reduced), 1):
        wide, out, layer = eights(expansion * width), eights(output * width), 0
        if wide != now:
            convolution(f"features.{number}.block.0", wide, now, 1, 1)
            layer = 1
        convolution(f"features.{number}.block.{layer}", wide, 1, kernel, kernel)
        height = -(-height // stride)
        if gated and gates:
            layer += 1
            for branch, axis in enumerate(gates):
                name = f"features.{number}.block.{layer}.conc_se_layers.{branch}"
                size = {"c": wide, "f": height}[axis]
                dense(f"{name}.fc1", eights(size // 4), size)
                dense(f"{name}.fc2", size, eights(size // 4))
        convolution(f"features.{number}.block.{layer + 1}", out, wide, 1, 1)
        now = out
    convolution("features.16", 6 * now, now, 1, 1)
    if not mlp:
        convolution("classifier", classes, 6 * now, 1, 1)
        return found
    hidden = eights((640 if reduced else 1280) * width)
    dense("classifier.2", hidden, 6 * now)
    dense("classifier.5", classes, hidden)
    return found


def log_mels(waveforms: torch.Tensor) -> torch.Tensor:
    """[batch, samples] at 32 kHz → [batch, 1, 128 bins, frames]."""
    y = waveforms[:, 1:] - 0.97 * waveforms[:, :-1]
    window = torch.hann_window(800, periodic=False)
    spectra = torch.stft(y, 1024, 320, 800, window, center=True, return_complex=True)
    power = spectra.real**2 + spectra.imag**2

    def mel(hertz):
        return 1127 * np.log(1 + np.asarray(hertz) / 700)

    step = mel(15_000) / 129
    left = step * np.arange(128)[:, None]
    at = mel(31.25 * np.arange(512))
    bank = np.maximum(0, np.minimum((at - left) / step, (left + 2 * step - at) / step))
    bank = torch.tensor(np.pad(bank, ((0, 0), (0, 1))), dtype=torch.float32)
    return (((bank @ power + 1e-5).log() + 4.5) / 5)[:, None]


def network(
    state: State, waveforms: torch.Tensor, gates="c", reduced=False
) -> dict[str, torch.Tensor]:
    """Logits, and what the mean over bins and frames is."""

    def convolution(name, x, act, stride=1, groups=1, eps=1e-3):
        kernel = state[f"{name}.0.weight"]
        x = F.conv2d(x, kernel, None, stride, (kernel.shape[-1] - 1) // 2, groups=groups)
        arrays = ("running_mean", "running_var", "weight", "bias")
        return act(F.batch_norm(x, *(state[f"{name}.1.{array}"] for array in arrays), eps=eps))

    def dense(name, x):
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def gate(name, x):
        scaled = []
        for branch, axis in enumerate(gates):
            axes, turn = ((2, 3), (0, 1, 2, 3)) if axis == "c" else ((1, 3), (0, 2, 1, 3))
            means = x.mean(axes)
            factor = dense(f"{name}.{branch}.fc2", dense(f"{name}.{branch}.fc1", means).relu())
            scaled.append(x * factor.sigmoid()[:, :, None, None].permute(turn))
        return torch.stack(scaled).amax(0)

    x = convolution("features.0", log_mels(waveforms), F.hardswish, 2)
    for number, (_, _, _, _, relu, stride) in enumerate(table(reduced), 1):
        act, before, name = F.relu if relu else F.hardswish, x, f"features.{number}.block"
        last = max(j for j in range(4) if f"{name}.{j}.0.weight" in state)
        for layer in range(last):
            if f"{name}.{layer}.0.weight" not in state:
                x = gate(f"{name}.{layer}.conc_se_layers", x)
                continue
            deep = state[f"{name}.{layer}.0.weight"].shape[1] == 1 and x.shape[1] > 1
            stepping = (stride, x.shape[1]) if deep else (1, 1)
            x = convolution(f"{name}.{layer}", x, act, *stepping)
        x = convolution(f"{name}.{last}", x, lambda x: x)
        if stride == 1 and x.shape == before.shape:
            x = x + before
    x = convolution("features.16", x, F.hardswish)
    embedding = x.mean((2, 3))
    if "classifier.5.weight" not in state:
        scores = convolution("classifier", x, lambda x: x, eps=1e-5)
        return {"logits": scores.mean((2, 3)), "embedding": embedding}
    logits = dense("classifier.5", F.hardswish(dense("classifier.2", embedding)))
    return {"logits": logits, "embedding": embedding}


CASES = {
    "convolutional": ({"width": 0.1, "classes": 4, "gates": "f", "mlp": False}, {"gates": "f"}),
    "mn01": ({"width": 0.1, "classes": 10}, {}),
    "ungated": ({"width": 0.15, "classes": 50, "gates": ""}, {}),
    "reduced": (
        {"width": 0.125, "classes": 3, "gates": "fc", "reduced": True},
        {"gates": "fc", "reduced": True},
    ),
}
SAMPLES = 20_011

if __name__ == "__main__":
    noise = np.random.default_rng(SEED).standard_normal((2, SAMPLES)).astype(np.float32)
    written = {}
    for case, (settings, options) in CASES.items():
        arrays = shapes(**settings)
        state = {n: torch.tensor(a) for n, a in random_state_dict(arrays, SEED).items()}
        with torch.no_grad():
            outputs = network(state, torch.tensor(LOUDNESS * noise), **options)
        written |= {f"{case}/{name}": array.numpy() for name, array in outputs.items()}
        written[f"{case}/shapes"] = np.array(json.dumps(arrays))
    path = Path(__file__).parents[1] / "goldens" / "efficientat.npz"
    np.savez_compressed(path, **written)
