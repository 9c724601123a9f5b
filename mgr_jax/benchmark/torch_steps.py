"""PyTorch's training step of the networks in `torch_networks`. Importing this imports torch."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mgr_jax.benchmark.steps import Steps
from mgr_jax.benchmark.torch_efficientat import EfficientAT
from mgr_jax.benchmark.torch_networks import (
    ChoiCRNN,
    ResNet18,
    SampleCNN,
    ShortChunk,
    count_parameters,
    load_variables,
)
from mgr_jax.benchmark.train_cases import LEARNING_RATE, Case

NETWORKS: dict[str, Callable[[Any, int], nn.Module]] = {
    "sample_cnn": SampleCNN,
    "choi_crnn": ChoiCRNN,
    "short_chunk": ShortChunk,
    "resnet18": ResNet18,
    "efficientat": EfficientAT,
}


def prepare(threads: int) -> None:
    """Configures PyTorch like JAX, in the whole process from now on.

    Args:
      threads: threads on the CPU.
    """
    torch.set_num_threads(threads)
    # XLA multiplies float32 in TF32 and tries several algorithms of each convolution.
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True


def device() -> str:
    """The device of PyTorch: "cuda" if it sees a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def parameters(case: Case) -> int:
    """Trainable values of a case's network, counted by `count_parameters`."""
    return count_parameters(NETWORKS[case.model](case.create(), case.shape[1]))


def make_network(case: Case, variables: Mapping[str, Any]) -> nn.Module:
    """A case's network with these variables, channels last."""
    network = NETWORKS[case.model](case.create(), case.shape[1])
    load_variables(network, variables)
    return network.to(device(), memory_format=torch.channels_last)


@torch.inference_mode()
def logits(case: Case, variables: Mapping[str, Any]) -> np.ndarray:
    """Logits [batch, classes] of the case's examples, not in training."""
    images, _ = _placed(case)
    return make_network(case, variables).eval()(images).cpu().numpy()


def make_steps(
    case: Case, dtype: str, variables: Mapping[str, Any], *, compiled: bool = False
) -> Steps:
    """Forward pass, backward pass and fused Adam, channels last.

    Args:
      case: the network and its batch, which lies on the device.
      dtype: "float32", or "bfloat16" by autocast.
      variables: initial variables.
      compiled: compile with torch.compile.

    Returns:
      The step function.
    """
    torch.manual_seed(0)
    network = make_network(case, variables).train()
    images, targets = _placed(case)
    forward = torch.compile(network) if compiled else network
    step = make_step(forward, network.parameters(), dtype)

    def make(steps: int) -> float:
        for _ in range(steps):
            loss = step(images, targets)
        return loss.item()

    return make


def make_step(
    forward: Callable[[torch.Tensor], torch.Tensor], values: Any, dtype: str
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A function that makes one step on a batch and its targets, and returns its loss.

    It does not wait for the device; reading the loss does.

    Args:
      forward: a network.
      values: its parameters.
      dtype: "float32", or "bfloat16" by autocast.
    """
    optimizer = torch.optim.Adam(values, lr=LEARNING_RATE, fused=True)

    def step(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device(), torch.bfloat16, enabled=dtype == "bfloat16"):
            found = forward(inputs)
        loss = functional.cross_entropy(found.float(), targets)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _placed(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    features, targets = (torch.from_numpy(array).to(device()) for array in case.examples())
    return features[:, None].to(memory_format=torch.channels_last), targets.long()
