"""Sources of weights by Choi et al., Liu et al. (BBNN), torchvision and yijerjer."""

import numpy as np
import pytest
from imported import golden_cases, import_network
from random_weights import random_state_dict

from mgr_jax.interop.sources import find_source

SOURCES = (
    "bbnn", "choi_cnn", "choi_crnn", "torchvision_resnet18", "torchvision_resnet34",
    "yijerjer_bbnn", "yijerjer_cnn", "yijerjer_crnn", "yijerjer_crnn_parallel",
)  # fmt: skip
CASES = {f"{source}@{case}": source for source in SOURCES for case in golden_cases(source)}


def random_case(name: str):
    """Arrays, input, outputs and reading of a case."""
    source, case = name.split("@")
    shapes, inputs, outputs = golden_cases(source)[case]
    features = np.random.default_rng(0).standard_normal(inputs).astype(np.float32)
    reading = case if case in find_source(source).readings else ""
    return random_state_dict(shapes, 0), features, outputs, reading


@pytest.mark.parametrize("name", CASES)
def test_random_weights_give_what_a_reference_in_pytorch_gives(name):
    """Of various widths, classes, kinds of blocks and numbers of layers."""
    arrays, features, outputs, reading = random_case(name)
    network = import_network(CASES[name], arrays, reading)
    logits, intermediates = network.apply(features)
    got = logits if network.conversion.num_classes else intermediates["embedding"]
    assert got.shape == outputs.shape
    np.testing.assert_allclose(got, outputs, rtol=0, atol=1e-4 * max(1, np.abs(outputs).max()))
