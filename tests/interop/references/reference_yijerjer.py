"""Networks for FMA small in PyTorch, with the names of a published project.

github.com/yijerjer/music_genre_classification: cnn_models.py, crnn_models.py and bbnn_models.py say
what the layers are called.
"""

import torch
from torch import nn

CQT, MEL = 84, 128


class _Block(nn.Module):
    def __init__(self, kind: str, before: int, width: int, kernel: tuple[int, int], pad=None):
        super().__init__()
        pad = pad or (kernel[0] // 2, kernel[1] // 2)
        self.kind = kind
        self.conv1, self.bn1 = nn.Conv2d(before, width, kernel, padding=pad), nn.BatchNorm2d(width)
        if kind == "resnet":
            self.conv2 = nn.Conv2d(width, width, kernel, padding=pad)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv_sc = nn.Conv2d(before, width, 1)
        if kind == "densenet":
            both = before + width
            self.conv2, self.bn2 = nn.Conv2d(both, both, kernel, padding=pad), nn.BatchNorm2d(both)
            self.conv3, self.bn3 = nn.Conv2d(2 * both, width, 1), nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = torch.relu(self.bn1(self.conv1(x)))
        if self.kind == "resnet":
            return torch.relu(self.bn2(self.conv2(first)) + self.conv_sc(x))
        if self.kind == "densenet":
            seen = torch.cat([x, first], 1)
            second = torch.relu(self.bn2(self.conv2(seen)))
            return torch.relu(self.bn3(self.conv3(torch.cat([seen, second], 1))))
        return first


class CNN(nn.Module):
    """Four blocks with pooling, and dense layers unless there are none."""

    def __init__(self, widths, kernels, pools, kinds=("basic",) * 4, dense=(), inner="", rows=1):
        super().__init__()
        before, self.inner = 1, inner
        for number, (width, kernel) in enumerate(zip(widths, kernels, strict=True), start=1):
            pad = (0, kernel[1] // 2) if kernel[0] > 3 else None
            block = _Block(kinds[number - 1], before, width, kernel, pad)
            self.add_module(f"conv{number}", block)
            before = width
        self.pools = [nn.MaxPool2d(pool) for pool in pools]
        self.count = len(dense)
        for number, (size, after) in enumerate(
            zip((before * rows, *dense), dense, strict=False), start=1
        ):
            self.add_module(f"fc{number}", nn.Linear(size, after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[:, None]
        for number, pool in enumerate(self.pools, start=1):
            x = pool(getattr(self, f"conv{number}")(x))
        if self.inner == "steps":  # channels and bins beside each other, [batch, steps, dim]
            return x.flatten(1, 2).transpose(1, 2)
        x = x.flatten(1)
        if self.inner == "flat":
            return x
        if self.inner == "first":
            return torch.relu(self.fc1(x))
        return _dense(self, x, self.count)


def _dense(net: nn.Module, x: torch.Tensor, count: int) -> torch.Tensor:
    for number in range(1, count):
        x = torch.relu(getattr(net, f"fc{number}")(x))
    return getattr(net, f"fc{count}")(x)


class CRNN(nn.Module):
    """A CNN, then or beside it (with `average`) a recurrent layer; three dense layers."""

    def __init__(self, cnn, cell, size, units, both, dense, average=0, beside=0):
        super().__init__()
        self.cnn, self.units, self.both, self.average = cnn, units, both, average
        kind = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.rnn = kind(size, units, batch_first=True, bidirectional=both)
        sizes = (units * (1 + both) + beside, *dense)
        for number in range(1, len(sizes)):
            self.add_module(f"fc{number}", nn.Linear(sizes[number - 1], sizes[number]))
        self.count = len(dense)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = nn.AvgPool1d(self.average)(x).transpose(1, 2) if self.average else self.cnn(x)
        states, _ = self.rnn(steps)
        last = states[:, -1, : self.units]
        if self.both:
            last = torch.cat([last, states[:, 0, self.units :]], 1)
        if self.average:
            last = torch.cat([self.cnn(x), last], 1)
        return _dense(self, last, self.count)


class _Inception(nn.Module):
    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        for name in ("2_1", "3_1", "4_1", "1_2"):
            self.add_module(f"conv{name}", nn.Conv2d(before, width, 1))
            self.add_module(f"bn{name}", nn.BatchNorm2d(before))
        for name, size in (("2_2", 3), ("3_2", 5)):
            self.add_module(f"conv{name}", nn.Conv2d(width, width, size, padding=size // 2))
            self.add_module(f"bn{name}", nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def pre(x: torch.Tensor, name: str) -> torch.Tensor:
            return getattr(self, f"conv{name}")(torch.relu(getattr(self, f"bn{name}")(x)))

        pooled = nn.functional.max_pool2d(x, 3, 1, 1)
        parts = (
            pre(pooled, "1_2"), pre(pre(x, "2_1"), "2_2"), pre(pre(x, "3_1"), "3_2"), pre(x, "4_1")
        )  # fmt: skip
        return torch.cat([x, *parts], 1)


class BBNN(nn.Module):
    """A convolution without padding, inception blocks, transition, mean."""

    def __init__(self, width: int, blocks: int, transition: int, classes: int) -> None:
        super().__init__()
        self.conv1, self.bnI = nn.Conv2d(1, width, 3), nn.BatchNorm2d(width)
        channels, self.blocks = width, blocks
        for number in range(1, blocks + 1):
            self.add_module(f"inception{number}", _Inception(channels, width))
            channels += 4 * width
        self.bnT, self.convT = nn.BatchNorm2d(channels), nn.Conv2d(channels, transition, 1)
        self.bnF, self.fc = nn.BatchNorm2d(transition), nn.Linear(transition, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.bnI(self.conv1(x[:, None]))), (1, 4))
        for number in range(1, self.blocks + 1):
            x = getattr(self, f"inception{number}")(x)
        x = nn.functional.avg_pool2d(self.convT(torch.relu(self.bnT(x))), 2)
        return self.fc(torch.relu(self.bnF(x)).mean((2, 3)))


def _case(net: nn.Module, rows: int, frames: int = 640):
    def forward(state: dict[str, torch.Tensor], features: torch.Tensor) -> torch.Tensor:
        net.load_state_dict(state)
        return net.eval()(features.transpose(1, 2))

    shapes = {name: tuple(array.shape) for name, array in net.state_dict().items()}
    return shapes, (2, frames, rows), forward


_TIME = ((1, 5),) * 4
_TIME_POOLS = ((1, 4), (1, 4), (1, 4), (1, 6))
_SQUARE = ((3, 3),) * 4
_SQUARE_POOLS = ((2, 4), (2, 4), (3, 4), (5, 6))


def _square(inner: str = "", dense: tuple[int, ...] = (7, 6, 5), mel: bool = False) -> CNN:
    pools = (*_SQUARE_POOLS[:3], (6, 6)) if mel else _SQUARE_POOLS
    return CNN((3, 4, 5, 6), _SQUARE, pools, dense=dense, inner=inner)


CASES = {
    "yijerjer_cnn@freq": _case(
        CNN((3, 4, 5, 4), _TIME, _TIME_POOLS, dense=(9, 7, 6, 8), rows=CQT), CQT
    ),
    "yijerjer_cnn@freq_mel": _case(
        CNN((2, 3, 4, 3), _TIME, _TIME_POOLS, dense=(5, 4), rows=MEL), MEL
    ),
    "yijerjer_cnn@blocks": _case(
        CNN(
            (3, 4, 5, 4),
            _TIME,
            _TIME_POOLS,
            ("basic", "densenet", "resnet", "basic"),
            (9, 8, 7),
            rows=CQT,
        ),
        CQT,
    ),
    "yijerjer_cnn@temporal": _case(
        CNN((4, 5, 6, 7), ((MEL, 5), *_TIME[1:]), _TIME_POOLS, dense=(6, 5, 9)), MEL
    ),
    "yijerjer_cnn@cqt": _case(_square(), CQT),
    "yijerjer_cnn@mel": _case(_square(mel=True), MEL),
    "yijerjer_cnn@chroma": _case(
        CNN(
            (3, 4, 5, 6),
            (*_SQUARE[:3], (1, 5)),
            ((2, 4), (2, 4), (2, 4), (1, 6)),
            dense=(5, 4, 8),
        ),
        12,
    ),
    "yijerjer_crnn@gru": _case(
        CRNN(
            CNN((3, 4, 5, 6), _SQUARE, ((2, 2), (2, 2), (3, 2), (4, 4)), inner="steps"),
            "gru", 6, 5, False, (6, 4, 8),
        ),
        CQT,
    ),
    "yijerjer_crnn@lstm": _case(
        CRNN(
            CNN((2, 2, 3, 3), _TIME, ((1, 2), (1, 2), (1, 2), (1, 4)), inner="steps"),
            "lstm", 3 * CQT, 4, True, (6, 4, 7),
        ),
        CQT,
    ),
    "yijerjer_crnn_parallel@square": _case(
        CRNN(_square("flat"), "lstm", CQT, 5, True, (7, 6, 8), 20, 6), CQT
    ),
    "yijerjer_crnn_parallel@freq": _case(
        CRNN(
            CNN(
                (2, 3, 4, 3), _TIME, _TIME_POOLS, ("densenet",) * 4, (9, 5, 4), "first", CQT
            ),
            "gru", CQT, 4, False, (6, 5), 20, 9,
        ),
        CQT,
    ),
    "yijerjer_bbnn": _case(BBNN(4, 3, 6, 8), CQT, 60),
    "yijerjer_bbnn@other": _case(BBNN(3, 2, 5, 11), CQT, 60),
}  # fmt: skip
