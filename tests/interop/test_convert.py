"""What is wrong with a file of weights is told whole: every array, or which source it is of."""

import numpy as np
import pytest
from errors import user_error
from imported import golden_cases
from random_weights import random_state_dict

from mgr_jax.errors import UserError
from mgr_jax.interop.convert import convert_tensors
from mgr_jax.interop.import_weights import build_model
from mgr_jax.interop.source import Tensors
from mgr_jax.interop.sources import find_source, list_sources

SOURCES = [  # whose goldens have random weights
    *("won2020_fcn", "won2020_crnn", "won2020_musicnn", "won2020_sample_cnn"),
    *("won2020_sample_cnn_se", "won2020_short_chunk", "won2020_short_chunk_res"),
    *("won2020_harmonic_cnn", "won2020_cnn_sa", "clmr", "bbnn", "choi_cnn", "choi_crnn"),
    *("torchvision_resnet18", "torchvision_resnet34", "yijerjer_bbnn", "yijerjer_cnn"),
    *("yijerjer_crnn", "yijerjer_crnn_parallel"),
]


def convert(source: str, arrays: dict[str, np.ndarray]):
    kind = find_source(source)
    return convert_tensors(kind, Tensors(arrays, "some.pth"), next(iter(kind.readings), ""))


def state_of(source: str) -> dict[str, np.ndarray]:
    cases = golden_cases(source)
    shapes, *_ = cases.get("plain", next(iter(cases.values())))
    return random_state_dict(shapes, 0)


# By which the number of bins is told, of which only few are known to a source.
TELL_BINS = ("fc1.weight", "rnn.weight_ih_l0")


@pytest.mark.parametrize("source", SOURCES)
def test_arrays_that_are_missing_and_left_over_are_named_together(source):
    """Whatever the array: also those by which widths and numbers of layers are told."""
    state = state_of(source)
    kind = find_source(source)
    needed = [name for name in state if not kind.ignores(name) and name not in TELL_BINS]
    for name in (*needed[:: max(1, len(needed) // 12)], needed[-1]):
        rest = {key: array for key, array in state.items() if key != name}
        own = name.rpartition("/")[2].removesuffix(":0")  # Keras's may be in any group
        with user_error("weights.other_arrays", own, "teacher.bias"):
            convert(source, rest | {"teacher.bias": np.zeros(3)})


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_of_another_source_is_told_to_be_one(source):
    state = state_of(source)
    for other in set(list_sources()) - {source}:
        with pytest.raises(UserError, match=f"but of {source};"):
            convert(other, state)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 1j])
def test_values_that_no_network_has_are_refused(value):
    state = state_of("won2020_sample_cnn")
    bias = state["dense.bias"].astype(type(value))
    bias[1] = value
    tensors = Tensors(state | {"dense.bias": bias}, "some.pth")
    kind = find_source("won2020_sample_cnn")
    conversion, _ = convert_tensors(kind, tensors, "")
    with user_error("weights.not_finite", "some.pth", "dense.bias"):
        build_model(kind, tensors, conversion, ("a",) * conversion.num_classes, "")
