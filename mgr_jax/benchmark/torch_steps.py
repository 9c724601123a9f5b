"""PyTorch's training step of the networks in `torch_networks`. Importing this imports torch."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from mgr_jax.benchmark.torch_networks import NETWORKS, count_parameters


def prepare(threads: int) -> None:
    """Gives PyTorch what JAX has by itself, in the whole process from now on.

    Args:
      threads: on the CPU.
    """
    torch.set_num_threads(threads)
    # XLA multiplies float32 in TF32 and tries several algorithms of each convolution.
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True


def parameters(case: Any) -> int:
    """Trainable values of a case's network, as `count_parameters` counts them."""
    return count_parameters(NETWORKS[case.model](case.create(), case.shape[1]))


def make_steps(case: Any, dtype: str, steps: int, *, compiled: bool) -> Callable[[], float]:
    """Forward pass, backward pass and fused Adam, with the channels last; see `train_step`.

    Args:
      case: the network and its batch, a `train_step.Case`.
      dtype: "float32", or "bfloat16" by autocast.
      steps: made in a call.
      compiled: by torch.compile.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    network = NETWORKS[case.model](case.create(), case.shape[1])
    network = network.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    features, targets = (torch.from_numpy(array).to(device) for array in case.examples())
    images = features[:, None].to(memory_format=torch.channels_last)
    targets = targets.long()
    forward = torch.compile(network) if compiled else network

    def make() -> float:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
                logits = forward(images)
            loss = functional.cross_entropy(logits.float(), targets)
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return loss.item()

    return make
