"""Choi's networks in PyTorch, with the arrays of Keras 1 on TensorFlow by name.

Of github.com/keunwoochoi/music-auto_tagging-keras: music_tagger_crnn.py, music_tagger_cnn.py.
"""

import torch
from torch.nn import functional

State = dict[str, torch.Tensor]


def _norm(state: State, layer: str, x: torch.Tensor, axis: int, std: bool) -> torch.Tensor:
    gamma, beta, mean, spread = (
        state[f"{layer}/{layer}_{name}:0"]
        for name in ("gamma", "beta", "running_mean", "running_std")
    )
    moved = x.movedim(axis, -1)
    variance = spread**2 if std else spread
    return ((moved - mean) / (variance + 1e-3).sqrt() * gamma + beta).movedim(-1, axis)


def _convolve(state: State, x: torch.Tensor, pools: list[tuple[int, int]], std: bool):
    for number, pool in enumerate(pools, start=1):
        kernel, bias = (state[f"conv{number}/conv{number}_{name}:0"] for name in "Wb")
        x = functional.conv2d(x, kernel, bias, padding=1)
        x = functional.elu(_norm(state, f"bn{number}", x, 1, std))
        x = functional.max_pool2d(x, pool)
    return x


def _gru(state: State, layer: str, x: torch.Tensor) -> torch.Tensor:
    def part(kind: str, gate: str) -> torch.Tensor:
        return state[f"{layer}/{layer}_{kind}_{gate}:0"]

    def gate(letter: str, step: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        return step @ part("W", letter) + hidden @ part("U", letter) + part("b", letter)

    hidden, states = torch.zeros(len(x), part("U", "z").shape[0]), []
    for step in x.unbind(1):
        update = (0.2 * gate("z", step, hidden) + 0.5).clamp(0, 1)
        reset = (0.2 * gate("r", step, hidden) + 0.5).clamp(0, 1)
        candidate = torch.tanh(gate("h", step, reset * hidden))
        hidden = update * hidden + (1 - update) * candidate
        states.append(hidden)
    return torch.stack(states, 1)


def _output(state: State, x: torch.Tensor) -> torch.Tensor:
    return x @ state["output/output_W:0"] + state["output/output_b:0"]


def crnn(state: State, features: torch.Tensor, *, std: bool = False, axis: int = 3) -> torch.Tensor:
    """Logits of [batch, frames, bins]; std: what is stored as running_std is one."""
    x = functional.pad(features.transpose(1, 2)[:, None], (37, 37))
    x = _norm(state, "bn_0_freq", x, axis, std)
    x = _convolve(state, x, [(2, 2), (3, 3), (4, 4), (4, 4)], std)
    x = x.permute(0, 3, 1, 2).flatten(2)
    for layer in ("gru1", "gru2"):
        x = _gru(state, layer, x)
    return _output(state, x[:, -1])


def cnn(state: State, features: torch.Tensor, *, std: bool = False) -> torch.Tensor:
    """Logits of [batch, frames, bins]; std: what is stored as running_std is one."""
    x = _norm(state, "bn_0_freq", features.transpose(1, 2)[:, None], 3, std)
    x = _convolve(state, x, [(2, 4), (2, 4), (2, 4), (3, 5), (4, 4)], std)
    return _output(state, x.flatten(1))


def shapes(widths: tuple[int, ...], inputs: int, classes: int, units: int = 0) -> dict:
    """Shapes of the arrays by name; units: of two GRUs, if any."""
    found = {f"bn_0_freq/bn_0_freq_{name}:0": (inputs,) for name in _NORM}
    for number, (before, width) in enumerate(zip((1, *widths), widths, strict=False), start=1):
        found[f"conv{number}/conv{number}_W:0"] = (width, before, 3, 3)
        found[f"conv{number}/conv{number}_b:0"] = (width,)
        found |= {f"bn{number}/bn{number}_{name}:0": (width,) for name in _NORM}
    last = widths[-1]
    for layer in ("gru1", "gru2") if units else ():
        for gate in "zrh":
            found[f"{layer}/{layer}_W_{gate}:0"] = (last, units)
            found[f"{layer}/{layer}_U_{gate}:0"] = (units, units)
            found[f"{layer}/{layer}_b_{gate}:0"] = (units,)
        last = units
    return found | {"output/output_W:0": (last, classes), "output/output_b:0": (classes,)}


_NORM = ("gamma", "beta", "running_mean", "running_std")
CASES = {
    "choi_crnn": (shapes((6, 8, 10, 12), 1440, 7, 5), (2, 1366, 96), crnn),
    "choi_crnn@standardised": (
        shapes((5, 5, 6, 7), 840, 3, 4),
        (2, 766, 96),
        lambda state, x: crnn(state, x, std=True),
    ),
    "choi_crnn@bins": (
        shapes((4, 5, 6, 7), 96, 9, 3),
        (1, 1366, 96),
        lambda state, x: crnn(state, x, axis=2),
    ),
    "choi_cnn": (shapes((3, 4, 5, 6, 7), 1366, 4), (2, 1366, 96), cnn),
    "choi_cnn@standardised": (
        shapes((4, 4, 5, 6, 8), 1400, 6),
        (1, 1400, 96),
        lambda state, x: cnn(state, x, std=True),
    ),
}
