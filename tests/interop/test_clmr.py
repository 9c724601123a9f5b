"""Files of CLMR: taggers, and encoders that were trained by contrast (see also test_won2020.py)."""

import numpy as np
import pytest
from errors import user_error
from imported import golden_cases
from random_weights import random_state_dict

import mgr_jax
from mgr_jax.interop.import_weights import import_weights
from mgr_jax.interop.source import Tensors
from mgr_jax.interop.sources import find_source

CLMR = find_source("clmr")


def state_of(case: str, prefix: str = "") -> dict[str, np.ndarray]:
    arrays = random_state_dict(golden_cases("clmr")[case][0], 0)
    return {f"{prefix}{name}": array for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("case", "prefix", "others"),
    [
        ("contrast", "", ["projector.0.weight", "projector.2.weight"]),
        ("contrast", "state_dict.model.", ["state_dict.model.projector.0.weight"]),
        ("plain", "model.", []),
    ],
)
def test_what_surrounds_the_encoder_is_told_or_left_out(case, prefix, others, tmp_path):
    state = state_of(case, prefix) | {name: np.ones((4, 4), np.float32) for name in others}
    np.savez(tmp_path / "clmr.npz", **state)
    made = import_weights("clmr", tmp_path / "clmr.npz", tmp_path / "clmr")
    assert {*made.ignored} == {*others}
    assert len(made.classes) == (3 if case == "plain" else 0)
    sizes = {name: array.size for name, array in state_of(case).items() if "running" not in name}
    assert made.parameters == sum(sizes.values())


def test_genres_exclude_one_another_if_asked(tmp_path):
    np.savez(tmp_path / "clmr.npz", **state_of("plain"))
    for reading, task in (("tags", "multi_label"), ("genres", "single_label")):
        import_weights("clmr", tmp_path / "clmr.npz", tmp_path / reading, reading=reading)
        model = mgr_jax.load(tmp_path / reading)
        assert model.spec.task == task
        assert model.spec.clip_samples == 27
        assert model.spec.sample_rate == 22_050


def test_other_kernels_are_refused():
    state = state_of("plain") | {"sequential.1.0.weight": np.zeros((6, 4, 5), np.float32)}
    with user_error("weights.other_source", "3, 5, 3, 3", "clmr.pt"):
        CLMR.convert(Tensors(state, "clmr.pt"), "tags")
