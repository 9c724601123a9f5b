"""The benchmark of training steps, of tiny networks; no test looks at a speed."""

import json
import math
import sys
import types

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.benchmark import train
from mgr_jax.benchmark.roofline import PARTS, operations_by_part, share_time, where_time_goes
from mgr_jax.benchmark.steps import start_steps
from mgr_jax.benchmark.train import BEST, compare_networks, flops_of_step, time_network
from mgr_jax.benchmark.train_cases import (
    CASES,
    TINY_CASES,
    OwnSteps,
    count_parameters,
    own_logits,
)
from mgr_jax.benchmark.train_report import format_report

CASE = TINY_CASES["sample_cnn"]
RATES = {"float32": 2e9, "bfloat16": 4e9, "bytes": 1e9}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.train.CASES", TINY_CASES)
    monkeypatch.setattr("mgr_jax.benchmark.train.measure_device", lambda device: RATES)


def test_the_command_prints_tables_and_says_what_is_not_compared(
    tiny, monkeypatch, capsys, tmp_path
):
    monkeypatch.setitem(sys.modules, "torch", None)
    targets = {"json": tmp_path / "train.json", "markdown": tmp_path / "train.md"}
    argv = ["benchmark", "train", "sample_cnn", "--batch=8", "--rounds=2", "--noprogress"]
    code = cli.main(argv + [f"--{name}={path}" for name, path in targets.items()])
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    content = json.loads(targets["json"].read_text(encoding="utf-8"))
    page = targets["markdown"].read_text(encoding="utf-8")
    assert page == format_report(content)
    assert page in captured.out
    assert "PyTorch: not compared, as it cannot be imported" in page
    assert (content["suite"], content["rows"]) == ("train", [])
    network = content["networks"]["sample_cnn"]
    assert list(network["seconds"]) == ["mgr_jax float32", "mgr_jax bfloat16"]
    assert network["parts"].keys() == {"float32", "bfloat16"}
    for parts in network["parts"].values():
        assert set(parts) == {*PARTS, "in all"}
        assert sum(parts[name] for name in PARTS) > 0


def test_an_unknown_network_is_told_before_any_is_timed(tiny, monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.train.time_network", pytest.fail)
    with user_error("unknown_name", "'resnet81'", "resnet18"):
        mgr_jax.benchmark_train(["sample_cnn", "resnet81"])


def stand_in(monkeypatch, **changes) -> None:
    """In PyTorch's place: our own logits, and steps that take no time; or others."""
    other = types.SimpleNamespace(
        prepare=lambda threads: None,
        parameters=count_parameters,
        logits=lambda case, variables: own_logits(case, "float32", variables),
        make_steps=Instant,
    )
    vars(other).update(changes)
    monkeypatch.setitem(sys.modules, "mgr_jax.benchmark.torch_steps", other)
    monkeypatch.setattr("mgr_jax.benchmark.torch_steps", other, raising=False)


class Instant:
    """Steps that take no time, and whose loss falls."""

    program = ""

    def __init__(self, case, dtype, variables, *, compiled=False) -> None:
        self.loss = 4.0

    def __call__(self, steps: int) -> float:
        self.loss /= 2
        return self.loss


def test_a_peer_that_agrees_is_timed(monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.train.OwnSteps", Instant)
    stand_in(monkeypatch, make_steps=Instant)
    kept = []
    report = time_network(
        CASE,
        rounds=2,
        steps=1,
        compiled=True,
        keep=lambda report: kept.append(list(report["seconds"])),
    )
    assert report["failures"] == {}
    assert report["agreement"] == {"logits": 0.0, "losses": [[2.0, 2.0], [1.0, 1.0]]}
    names = [f"{who} {dtype}" for who in ("mgr_jax", "PyTorch") for dtype in train.DTYPES]
    assert kept == [names] * 2  # before the profile, and before what takes long to compile
    assert list(report["seconds"]) == [*names, "PyTorch compiled bfloat16"]


@pytest.mark.parametrize("what", ["logits", "losses of the first step"])
def test_a_peer_that_computes_something_else_is_not_timed(monkeypatch, what):
    monkeypatch.setattr("mgr_jax.benchmark.train.time_steps", pytest.fail)
    if what == "logits":
        stand_in(monkeypatch, logits=lambda case, _: np.zeros((8, 50), np.float32))
    else:
        monkeypatch.setattr("mgr_jax.benchmark.train.OwnSteps", lambda *_: lambda steps: 4.0)
        stand_in(monkeypatch, make_steps=lambda *_: lambda steps: 4.1)
    with user_error("benchmark.differs", "sample_cnn", what):
        time_network(CASE, rounds=1, steps=1)


def test_our_bfloat16_must_have_the_loss_of_our_float32(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("mgr_jax.benchmark.train.time_steps", pytest.fail)
    losses = {"float32": 4.0, "bfloat16": 4.5}
    make = lambda case, dtype, variables: lambda steps: losses[dtype]  # noqa: E731
    monkeypatch.setattr("mgr_jax.benchmark.train.OwnSteps", make)
    with user_error("benchmark.differs", "4 and 4.5"):
        time_network(CASE, rounds=1, steps=1)


def test_what_fails_or_is_not_finite_is_told_and_costs_no_other():
    def broken():
        raise RuntimeError("no such kernel\nand more")

    report = {}
    makers = {"a": broken, "b": lambda: lambda steps: math.nan, "c": lambda: lambda steps: 1.5}
    assert list(start_steps(makers, report)) == ["c"]
    assert report["failures"] == {"a": "RuntimeError: no such kernel", "b": "the loss is nan"}
    assert report["first_loss"] == {"c": 1.5}


def seconds(own, own_low, other, other_low) -> dict:
    names = ("mgr_jax float32", "mgr_jax bfloat16", "PyTorch float32", "PyTorch bfloat16")
    return dict(zip(names, (own, own_low, other, other_low), strict=True))


def test_rows_are_ratios_of_rounds_and_their_geometric_means():
    networks = {
        "a": {"seconds": seconds([1.0, 1.0], [3.0, 3.0], [2.0, 2.0], [1.0, 1.0])},
        "b": {"seconds": seconds([4.0, 2.0], [1.0, 1.0], [2.0, 1.0], [2.0, 2.0])},
        "not compared": {"seconds": {"mgr_jax float32": [1.0, 1.0]}},
    }
    rows = {(row["case"], row["peer"]): row["ratio"] for row in compare_networks(networks)}
    expected = {
        ("float32", "float32"): (2.0, 0.5, 1.0),
        ("bfloat16", "bfloat16"): (1 / 3, 2.0, math.sqrt(2 / 3)),
        (BEST, "bfloat16"): (1.0, 2.0, math.sqrt(2)),
    }
    assert rows == {
        (f"{case}, {own}", f"PyTorch {other}"): pytest.approx(ratio)
        for (own, other), ratios in expected.items()
        for case, ratio in zip(("a", "b", "geometric mean"), ratios, strict=True)
    }


def test_the_page_tells_what_share_of_the_matrix_products_a_step_reaches():
    network = {
        "model": "a",
        "batch": 16,
        "classes": 50,
        "rounds": 2,
        "flops": 10**9,
        "seconds": seconds([1.0, 1.0], [0.5, 0.5], [2.0, 2.0], [1.0, 1.0]),
        "parts": {"float32": dict.fromkeys((*PARTS, "in all"), 0.25)},
        "failures": {"PyTorch compiled bfloat16": "RuntimeError: no compiler"},
    }
    machine = {"processor": "CPU", "cores": 2, "devices": ["cpu"], "versions": {}}
    content = {
        "date": "2026-11-28",
        "machine": machine | {"environment": {}},
        "load_average": [0.5, 0.5],
        "rates": RATES,
        "networks": {"a": network},
        "rows": compare_networks({"a": network}),
    }
    page = format_report(content)
    assert "| a | 1.0 | 50% | 50% | 25% | 25% |" in page
    assert "| a, float32 | " + " | ".join(["250.0"] * 7) + " |" in page
    assert "| a, float32 | PyTorch float32 | 2.00 | 2.00 to 2.00 |" in page
    assert "PyTorch compiled bfloat16: RuntimeError: no compiler." in page


def test_operations_of_a_step_are_those_counted_by_hand():
    """27 samples, 8 clips: multiplications of stem, two blocks, last convolution and head."""
    each = 9 * 4 * 3 + 9 * 4 * (3 * 4) + 3 * 8 * (3 * 4) + 1 * 8 * 8 + 8 * 50
    assert flops_of_step(CASE) == 3 * 2 * 8 * each


def test_time_in_which_several_are_made_is_shared():
    spans = [(0, 10, "a"), (5, 15, "b"), (5, 5, "b"), (20, 24, "a"), (21, 23, "a")]
    assert share_time(spans) == {"a": pytest.approx(5 + 2.5 + 4), "b": pytest.approx(2.5 + 5)}


def test_operations_are_of_the_part_that_their_scope_or_their_use_tells():
    program = """
  %weights = f32[3,3,2,4]{3,2,1,0} parameter(0)
  %turned = f32[4,2,3,3]{3,2,1,0} fusion(%weights), kind=kLoop, calls=%computation
  %step = f32[8,16,16,4]{3,2,1,0} convolution(%x, %weights), metadata={op_name="f/jvp(C)/conv/c"}
  %norm = f32[4]{0} fusion(%step), metadata={op_name="f/jvp(C)/norm/reduce_sum"}
  %back = f32[4]{0} fusion(%norm), metadata={op_name="t(jvp(C))/norm/mul"}
  %down = f32[8,16,16,2]{3,2,1,0} convolution(%back, %turned), metadata={op_name="t(jvp(C))/conv/c"}
  %swapped = f32[4,3,3,2]{3,2,1,0} convolution(%back, %step), window={size=16x16}
  %kernel = f32[3,3,2,4]{3,2,1,0} fusion(%swapped), metadata={op_name="t(jvp(C))/conv/c"}
  ROOT %new = f32[3,3,2,4]{3,2,1,0} fusion(%kernel, %weights), metadata={op_name="f/add"}
""".replace("t(jvp", "f/transpose(jvp")
    variables = {"params": {"conv": {"kernel": np.zeros((3, 3, 2, 4)), "bias": np.zeros(4)}}}
    found = operations_by_part(program, variables)
    forward, inputs, weights, rest, rest_backward, update = PARTS
    assert found == {
        "x": forward,
        "weights": inputs,  # its first use is that of `turned`
        "turned": inputs,
        "step": forward,
        "norm": rest,
        "back": rest_backward,
        "down": inputs,
        "swapped": weights,
        "kernel": weights,
        "new": update,
        "computation": inputs,
    }


@pytest.mark.parametrize("name", CASES)
def test_networks_in_pytorch_have_as_many_parameters(name):
    pytest.importorskip("torch")
    from mgr_jax.benchmark import torch_steps

    for case in (CASES[name], TINY_CASES[name]):
        assert torch_steps.parameters(case) == count_parameters(case)


@pytest.mark.parametrize("name", CASES)
def test_networks_in_pytorch_compute_the_same(name):
    """Logits, and losses before and after an update; that of the GRU's reset gate differs."""
    pytest.importorskip("torch")
    from mgr_jax.benchmark import torch_steps

    case = TINY_CASES[name]
    variables = case.variables()
    logits = torch_steps.logits(case, variables)
    np.testing.assert_allclose(logits, own_logits(case, "float32", variables), atol=1e-5)
    undropped = case.without_dropout()
    ours = OwnSteps(undropped, "float32", variables)
    theirs = torch_steps.make_steps(undropped, "float32", variables)
    for _ in range(2):
        assert theirs(1) == pytest.approx(ours(1), rel=1e-4)


@pytest.mark.slow
def test_steps_of_pytorch_are_timed_beside_ours():
    pytest.importorskip("torch")
    report = time_network(CASE, rounds=2, steps=1)
    assert report["failures"] == {}
    rows = compare_networks({"sample_cnn": report})
    assert [row["peer"] for row in rows] == ["PyTorch float32", *["PyTorch bfloat16"] * 2]


def test_the_profiler_sees_a_step():
    variables = CASE.variables()
    step = OwnSteps(CASE, "float32", variables)
    step(1)
    assert set(operations_by_part(step.program, variables).values()) == set(PARTS)
    seen = where_time_goes(step.program, variables, lambda: step(1))
    assert seen["convolutions forward"] > 0
