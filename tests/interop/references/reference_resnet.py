"""ResNets in PyTorch, with torchvision's names: torchvision/models/resnet.py."""

import torch
from torch import nn


class _Block(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or before != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet(nn.Module):
    """Stem, stages of blocks, mean, and a dense layer unless there are no classes."""

    def __init__(self, blocks: tuple[int, ...], width: int, colours: int, fc: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(colours, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = width
        self.stages = []
        for stage, count in enumerate(blocks):
            after, layers = width * 2**stage, []
            for number in range(count):
                layers.append(_Block(before, after, 2 if stage and not number else 1))
                before = after
            self.stages.append(f"layer{stage + 1}")
            self.add_module(self.stages[-1], nn.Sequential(*layers))
        self.fc = fc

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of images [batch, colours, bins, frames]."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(x.mean((2, 3)))


def _case(net: ResNet, colours: int, prefix: str = "", scale: float = 1.0):
    """The mel bins are every colour; scale: of what they are."""

    def forward(state: dict[str, torch.Tensor], features: torch.Tensor) -> torch.Tensor:
        net.load_state_dict({name.removeprefix(prefix): array for name, array in state.items()})
        image = scale * features.transpose(1, 2)[:, None]
        return net.eval()(image.expand(-1, colours, -1, -1))

    shapes = {prefix + name: tuple(array.shape) for name, array in net.state_dict().items()}
    return shapes, (2, 50, 40), forward


CASES = {
    "torchvision_resnet18": _case(ResNet((2, 2, 2, 2), 4, 1, nn.Linear(32, 10)), 1),
    "torchvision_resnet18@summed": _case(ResNet((2, 1, 1), 6, 3, nn.Linear(24, 5)), 3),
    "torchvision_resnet18@mean": _case(
        ResNet((1, 2), 6, 3, nn.Sequential(nn.Dropout(), nn.Linear(12, 3))), 3, "module.", 1 / 3
    ),
    "torchvision_resnet34": _case(ResNet((3, 4, 6, 3), 4, 3, nn.Identity()), 3),
}
