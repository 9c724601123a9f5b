"""The nine networks of Won et al. 2020 in PyTorch, as functions of a state dict.

Written from the published tables and from the names that the authors' modules give their arrays
(github.com/minzwon/sota-music-tagging-models), not from our networks. Each network is a pair:
names and shapes of its arrays, and the logits of waveforms [batch, samples] at 16 kHz.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

State = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]

CLIPS = {
    "fcn": 464_000, "crnn": 464_000, "musicnn": 48_000, "sample_cnn": 59_049,
    "sample_cnn_se": 59_049, "short_chunk": 59_049, "short_chunk_res": 59_049,
    "harmonic_cnn": 80_000, "cnn_sa": 240_000,
}  # fmt: skip


# Names and shapes.


def norm_shapes(name: str, width: int) -> Shapes:
    arrays = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{array}": (width,) for array in arrays}


def layer_shapes(name: str, *weight: int) -> Shapes:
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def conv_shapes(name: str, out: int, into: int, *kernel: int) -> Shapes:
    return layer_shapes(f"{name}.conv", out, into, *kernel) | norm_shapes(f"{name}.bn", out)


def residual_shapes(name: str, out: int, into: int, *kernel: int, project: bool) -> Shapes:
    shapes: Shapes = {}
    for number, width in ((1, into), (2, out), *(((3, into),) if project else ())):
        shapes |= layer_shapes(f"{name}.conv_{number}", out, width, *kernel)
        shapes |= norm_shapes(f"{name}.bn_{number}", out)
    return shapes


def stacked(widths, shapes_of, into=1):
    shapes: Shapes = {}
    for number, width in enumerate(widths, start=1):
        shapes |= shapes_of(f"layer{number}", width, into)
        into = width
    return shapes


def image_shapes(widths) -> Shapes:
    return norm_shapes("spec_bn", 1) | stacked(
        widths, lambda name, out, into: conv_shapes(name, out, into, 3, 3)
    )


def residual_image_shapes(widths) -> Shapes:
    return norm_shapes("spec_bn", 1) | stacked(
        widths, lambda name, out, into: residual_shapes(name, out, into, 3, 3, project=True)
    )


def two_dense_shapes(into: int, units: int, classes: int) -> Shapes:
    return (
        layer_shapes("dense1", units, into)
        | norm_shapes("bn", units)
        | layer_shapes("dense2", classes, units)
    )


def fcn_shapes(widths=(64, 128, 128, 128, 64), classes=50) -> Shapes:
    return image_shapes(widths) | layer_shapes("dense", classes, widths[-1])


def crnn_shapes(widths=(64, 128, 128, 128), units=32, layers=2, classes=50) -> Shapes:
    shapes = image_shapes(widths)
    into = widths[-1]
    for layer in range(layers):
        shapes |= {
            f"layer5.weight_ih_l{layer}": (3 * units, into),
            f"layer5.weight_hh_l{layer}": (3 * units, units),
            f"layer5.bias_ih_l{layer}": (3 * units,),
            f"layer5.bias_hh_l{layer}": (3 * units,),
        }
        into = units
    return shapes | layer_shapes("dense", classes, units)


def musicnn_shapes(
    timbre=204, heights=(67, 38), tempo=51, lengths=(129, 65, 33), midend=64, dense=200, classes=50
) -> Shapes:
    shapes = norm_shapes("spec_bn", 1)
    for number, height in enumerate(heights):
        shapes |= conv_shapes(f"layers.{number}", timbre, 1, height, 7)
    for number, length in enumerate(lengths, start=len(heights)):
        shapes |= conv_shapes(f"layers.{number}", tempo, 1, length)
    first = timbre * len(heights) + tempo * len(lengths)
    for layer, into in enumerate((first, midend, midend), start=1):
        shapes |= conv_shapes(f"layer{layer}", midend, into, 7)
    return shapes | two_dense_shapes(2 * (first + 3 * midend), dense, classes)


SAMPLE_WIDTHS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)


def sample_cnn_shapes(widths=SAMPLE_WIDTHS, classes=50) -> Shapes:
    kernels = {f"layer{len(widths)}": 1}
    shapes = stacked(
        widths, lambda name, out, into: conv_shapes(name, out, into, kernels.get(name, 3))
    )
    return shapes | layer_shapes("dense", classes, widths[-1])


def sample_cnn_se_shapes(widths=SAMPLE_WIDTHS, dense=512, classes=50) -> Shapes:
    kernels = {f"layer{len(widths)}": 1}

    def gated(name, out, into):
        project = name == "layer1" or out != into
        shapes = residual_shapes(name, out, into, kernels.get(name, 3), project=project)
        for number in (1, 2):
            shapes |= layer_shapes(f"{name}.dense{number}", out, out)
        return shapes

    return stacked(widths, gated) | two_dense_shapes(widths[-1], dense, classes)


def chunk_widths(channels: int) -> tuple[int, ...]:
    return tuple(channels * factor for factor in (1, 1, 2, 2, 2, 2, 4))


def short_chunk_shapes(channels=128, classes=50) -> Shapes:
    return image_shapes(chunk_widths(channels)) | two_dense_shapes(
        4 * channels, 4 * channels, classes
    )


def short_chunk_res_shapes(channels=128, classes=50) -> Shapes:
    return residual_image_shapes(chunk_widths(channels)) | two_dense_shapes(
        4 * channels, 4 * channels, classes
    )


def harmonic_cnn_shapes(channels=128, harmonics=6, classes=50) -> Shapes:
    shapes: Shapes = {"hstft.bw_Q": (1,)} | norm_shapes("hstft_bn", harmonics)
    shapes |= conv_shapes("layer1", channels, harmonics, 3, 3)
    for number in (2, 3, 4):
        shapes |= residual_shapes(f"layer{number}", channels, channels, 3, 3, project=False)
    shapes |= conv_shapes("layer5", 2 * channels, channels, 3, 3)
    for number in (6, 7):
        shapes |= residual_shapes(f"layer{number}", 2 * channels, 2 * channels, 3, 3, project=False)
    return shapes | two_dense_shapes(2 * channels, 2 * channels, classes)


def cnn_sa_shapes(channels=128, layers=2, hidden=1024, classes=50) -> Shapes:
    width = 2 * channels
    shapes = residual_image_shapes((channels, channels, *(width,) * 5))
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            shapes |= layer_shapes(f"{layer}.attention.self.{part}", width, width)
        shapes |= layer_shapes(f"{layer}.attention.output.dense", width, width)
        shapes |= layer_shapes(f"{layer}.attention.output.LayerNorm", width)
        shapes |= layer_shapes(f"{layer}.intermediate.dense", hidden, width)
        shapes |= layer_shapes(f"{layer}.output.dense", width, hidden)
        shapes |= layer_shapes(f"{layer}.output.LayerNorm", width)
    shapes |= layer_shapes("pooler.dense", width, width)
    return shapes | layer_shapes("dense", classes, width)


# Front ends.


def power_spectrum(waveforms: torch.Tensor) -> torch.Tensor:
    """[batch, 257, frames] of 512 samples, every 256, reflected at both ends."""
    window = torch.hann_window(512, periodic=True)
    spectra = torch.stft(waveforms, 512, 256, window=window, center=True, return_complex=True)
    return spectra.abs() ** 2


def decibels(power: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(power.clamp(min=1e-10))


def mel_filters(mels: int) -> torch.Tensor:
    """[257, mels]: triangles of height 1 between equal steps of HTK's mel from 0 to 8 kHz."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), mels + 2) / 2595) - 1)
    bins = np.linspace(0, 8000, 257)
    columns = [np.interp(bins, edges[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(mels)]
    return torch.tensor(np.stack(columns, axis=1), dtype=torch.float32)


def normed_mels(state: State, waveforms: torch.Tensor, mels: int) -> torch.Tensor:
    """[batch, 1, mels, frames]."""
    power = torch.einsum("bft,fm->bmt", power_spectrum(waveforms), mel_filters(mels))
    return norm(state, "spec_bn", decibels(power)[:, None])


def harmonics(state: State, waveforms: torch.Tensor, count: int) -> torch.Tensor:
    """[batch, harmonics, bands, frames]: triangles as wide as an ear's band over Q."""
    nearest = round(69 + 12 * math.log2(16_000 / (2 * count) / 440))
    notes = torch.arange(2 * (nearest - 24), dtype=torch.float64) / 2 + 24
    fundamentals = 440 * 2 ** ((notes - 69) / 12)
    centres = torch.cat([fundamentals * number for number in range(1, count + 1)])
    widths = (0.1079 * centres + 24.7) / state["hstft.bw_Q"].double()
    bins = torch.linspace(0, 8000, 257, dtype=torch.float64)[:, None]
    filters = (1 - 2 * (bins - centres).abs() / widths).clamp(min=0).float()
    bands = torch.einsum("bft,fc->bct", power_spectrum(waveforms), filters)
    return decibels(bands.unflatten(1, (count, len(fundamentals))))


# Layers.


def norm(state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    arrays = (state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *arrays, training=False, eps=1e-5)


def dense(state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def convolved(state: State, name: str, x: torch.Tensor, stride=1, padding=None) -> torch.Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    convolve = F.conv1d if weight.ndim == 3 else F.conv2d
    if padding is None:
        padding = tuple(size // 2 for size in weight.shape[2:])
    return convolve(x, weight, bias, stride=stride, padding=padding)


def pooled(x: torch.Tensor, window) -> torch.Tensor:
    return (F.max_pool1d if x.ndim == 3 else F.max_pool2d)(x, window)


def block(state: State, name: str, x: torch.Tensor, stride=1, padding=None) -> torch.Tensor:
    return norm(state, f"{name}.bn", convolved(state, f"{name}.conv", x, stride, padding)).relu()


def residual(state: State, name: str, x: torch.Tensor, stride=1) -> torch.Tensor:
    main = norm(state, f"{name}.bn_1", convolved(state, f"{name}.conv_1", x, stride)).relu()
    main = norm(state, f"{name}.bn_2", convolved(state, f"{name}.conv_2", main))
    if f"{name}.dense1.weight" in state:
        gates = dense(state, f"{name}.dense1", main.mean(dim=-1)).relu()
        main = main * dense(state, f"{name}.dense2", gates).sigmoid()[..., None]
    if f"{name}.conv_3.weight" in state:
        x = norm(state, f"{name}.bn_3", convolved(state, f"{name}.conv_3", x, stride))
    return (main + x).relu()


def two_dense(state: State, x: torch.Tensor) -> torch.Tensor:
    return dense(state, "dense2", norm(state, "bn", dense(state, "dense1", x)).relu())


# Networks.


def fcn(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = normed_mels(state, waveforms, 96)
    for number, window in enumerate([(2, 4), (2, 4), (2, 4), (3, 5), (4, 4)], start=1):
        x = pooled(block(state, f"layer{number}", x), window)
    return dense(state, "dense", x.flatten(1))


def crnn(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = normed_mels(state, waveforms, 96)
    for number, size in enumerate([2, 3, 4, 4], start=1):
        x = pooled(block(state, f"layer{number}", x), size)
    steps = x[:, :, 0].transpose(1, 2)
    layers = sum("weight_hh" in name for name in state)
    units = state["layer5.weight_hh_l0"].shape[1]
    gru = torch.nn.GRU(steps.shape[-1], units, layers, batch_first=True)
    gru.load_state_dict({name: state[f"layer5.{name}"] for name in gru.state_dict()})
    return dense(state, "dense", gru(steps)[0][:, -1])


def musicnn(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = normed_mels(state, waveforms, 96)
    found, number = [], 0
    while f"layers.{number}.conv.weight" in state:
        if state[f"layers.{number}.conv.weight"].ndim == 4:
            found.append(block(state, f"layers.{number}", x, padding=(0, 3)).amax(dim=2))
        else:
            found.append(block(state, f"layers.{number}", x.mean(dim=2)))
        number += 1
    first = torch.cat(found, dim=1)
    second = block(state, "layer1", first)
    third = second + block(state, "layer2", second)
    fourth = third + block(state, "layer3", third)
    every = torch.cat([first, second, third, fourth], dim=1)
    return two_dense(state, torch.cat([every.amax(dim=2), every.mean(dim=2)], dim=1))


def sample_cnn(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = block(state, "layer1", waveforms[:, None], stride=3)
    last = sum(name.endswith(".conv.weight") for name in state)
    for number in range(2, last):
        x = pooled(block(state, f"layer{number}", x), 3)
    return dense(state, "dense", block(state, f"layer{last}", x)[..., 0])


def sample_cnn_se(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = residual(state, "layer1", waveforms[:, None], stride=3)
    last = sum(name.endswith(".conv_1.weight") for name in state)
    for number in range(2, last):
        x = pooled(residual(state, f"layer{number}", x), 3)
    return two_dense(state, residual(state, f"layer{last}", x)[..., 0])


def short_chunk(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = normed_mels(state, waveforms, 128)
    for number in range(1, 8):
        x = pooled(block(state, f"layer{number}", x), 2)
    return two_dense(state, x[:, :, 0].amax(dim=-1))


def short_chunk_res(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = normed_mels(state, waveforms, 128)
    for number in range(1, 8):
        x = residual(state, f"layer{number}", x, stride=2)
    return two_dense(state, x[:, :, 0].amax(dim=-1))


def harmonic_cnn(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    count = len(state["hstft_bn.weight"])
    x = norm(state, "hstft_bn", harmonics(state, waveforms, count))
    for number, window in enumerate([2, 2, 2, 2, 2, (2, 3), (2, 3)], start=1):
        layer = block if number in (1, 5) else residual
        x = pooled(layer(state, f"layer{number}", x), window)
    return two_dense(state, x[:, :, 0].amax(dim=-1))


def cnn_sa(state: State, waveforms: torch.Tensor) -> torch.Tensor:
    x = normed_mels(state, waveforms, 128)
    for number in range(1, 8):
        x = residual(state, f"layer{number}", x, stride=2 if number < 4 else (2, 1))
    steps = x[:, :, 0].transpose(1, 2)
    batch, _, width = steps.shape
    token = torch.tensor(np.random.RandomState(0).random_sample(width), dtype=torch.float32)
    x = torch.cat([token.expand(batch, 1, width), steps], dim=1)
    number = 0
    while f"encoder.layer.{number}.output.dense.weight" in state:
        x = bert_layer(state, f"encoder.layer.{number}", x)
        number += 1
    return dense(state, "dense", dense(state, "pooler.dense", x[:, 0]).tanh())


def bert_layer(state: State, name: str, x: torch.Tensor, heads: int = 8) -> torch.Tensor:
    query, key, value = (
        dense(state, f"{name}.attention.self.{part}", x).unflatten(-1, (heads, -1)).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    x = layer_norm(state, f"{name}.attention.output", x, mixed)
    return layer_norm(
        state, f"{name}.output", x, F.gelu(dense(state, f"{name}.intermediate.dense", x))
    )


def layer_norm(state: State, name: str, x: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Norm of x and the dense layer of what was made of it."""
    arrays = (state[f"{name}.LayerNorm.{array}"] for array in ("weight", "bias"))
    return F.layer_norm(x + dense(state, f"{name}.dense", inner), x.shape[-1:], *arrays, 1e-12)


# Of every network a small one, with other widths, layers and classes than the released ones, and
# noise as loud as music.
LOUDNESS = 0.05
_SAMPLES = (8, 12, 12, 16, 16, 20, 20, 24, 24, 28, 28)


def case(shapes: Shapes, inputs: tuple[int, ...], network):
    """Shapes of arrays and of waveforms of noise, and their logits."""
    return shapes, inputs, lambda state, noise: network(state, LOUDNESS * noise)


CASES = {
    "won2020_fcn": case(fcn_shapes((4, 6, 6, 8, 10), 8), (1, 464_000), fcn),
    "won2020_crnn": case(crnn_shapes((4, 6, 6, 8), 5, 3, 10), (1, 464_000), crnn),
    "won2020_musicnn": case(
        musicnn_shapes(6, (60, 38, 20), 4, (65, 33), 8, 12, 56), (2, 48_000), musicnn
    ),
    "won2020_sample_cnn": case(sample_cnn_shapes(_SAMPLES, 9), (2, 59_049), sample_cnn),
    "won2020_sample_cnn@shallow": case(sample_cnn_shapes((4, 6, 8, 8), 3), (2, 27), sample_cnn),
    "won2020_sample_cnn_se": case(
        sample_cnn_se_shapes(_SAMPLES, 20, 9), (2, 59_049), sample_cnn_se
    ),
    "won2020_short_chunk": case(short_chunk_shapes(4, 8), (2, 59_049), short_chunk),
    "won2020_short_chunk_res": case(short_chunk_res_shapes(4, 8), (2, 59_049), short_chunk_res),
    "won2020_harmonic_cnn": case(harmonic_cnn_shapes(4, 5, 8), (1, 80_000), harmonic_cnn),
    "won2020_cnn_sa": case(cnn_sa_shapes(8, 3, 20, 8), (1, 240_000), cnn_sa),
}
