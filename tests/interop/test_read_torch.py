"""PyTorch's files without PyTorch: what tensors may be, and what a pickle may not ask for.

The files are written by hand (tests/helpers/torch_files.py); PyTorch reads them alike.
"""

import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
from errors import user_error
from torch_files import (
    KINDS,
    Steps,
    call,
    named,
    pickled,
    state_dict,
    steps,
    storage,
    tensor,
    write_legacy,
    write_state_dict,
    write_zip,
)

from mgr_jax.errors import UserError
from mgr_jax.interop.read import read_tensors

NUMBERS = np.arange(12, dtype=np.float32)
KEPT = storage("0", "FloatStorage", 12)
# What a pickle of a test would leave behind, had it run.
RAN = "MGR_JAX_TEST_PICKLE_RAN"
SET = f"__import__('os').environ.setdefault('{RAN}', '1')"


def read(path, tree, stored=None):
    return read_tensors(
        write_zip(path / "x.pt", tree, {"0": NUMBERS} if stored is None else stored)
    )


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_every_type_and_shape(legacy, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {name: (5 * rng.standard_normal((3, 2))).astype(name) for name in KINDS}
    arrays |= {"0-d": np.full((), 3, np.float32), "empty": np.zeros((0, 4), np.float32)}
    found = read_tensors(write_state_dict(tmp_path / "x.pt", arrays, legacy))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_views_share_a_storage(tmp_path):
    tree = {
        "transposed": tensor(KEPT, (3, 4), (1, 3)),
        "from 1, every other": tensor(KEPT, (2, 2), (4, 2), first=1),
        "expanded": tensor(KEPT, (5, 3), (0, 1), first=2),
    }
    found = read(tmp_path, tree)
    np.testing.assert_array_equal(found["transposed"], NUMBERS.reshape(4, 3).T)
    np.testing.assert_array_equal(found["from 1, every other"], [[1, 3], [5, 7]])
    np.testing.assert_array_equal(found["expanded"], np.tile([2, 3, 4], (5, 1)))
    found["expanded"][0] = 0  # arrays of their own
    np.testing.assert_array_equal(found["expanded"][1], [2, 3, 4])


def test_old_views_of_storages(tmp_path):
    """Before 0.4, a storage could be a part of another one."""
    kept = storage("0", "FloatStorage", 12, ("1", 4, 6), module="torch.cuda")
    tree = {"w": call("torch._utils", "_rebuild_tensor", kept, 1, (2, 2), (2, 1))}
    found = read_tensors(write_legacy(tmp_path / "x.pth", tree, {"0": NUMBERS}))
    np.testing.assert_array_equal(found["w"], [[5, 6], [7, 8]])


def test_types_that_storages_do_not_tell(tmp_path):
    values = np.float32([1.5, -2, 1e20, 0])
    upper = (values.view(np.uint32) >> 16).astype("<u2")
    untyped = storage("1", "UntypedStorage", 8, module="torch.storage")
    hooks = call("collections", "OrderedDict")
    arguments = (untyped, 1, (3,), (1,), False, hooks, named("torch", "uint16"))
    tree = {
        "bfloat16": tensor(storage("0", "BFloat16Storage", 4), (4,)),
        "uint16": call("torch._utils", "_rebuild_tensor_v3", *arguments),
        "parameter": call(
            "torch._utils", "_rebuild_parameter", tensor(storage("1", "CharStorage", 8), (8,)), True
        ),
    }
    found = read(tmp_path, tree, {"0": upper, "1": np.arange(8, dtype=np.uint8)})
    np.testing.assert_allclose(found["bfloat16"], values, rtol=2**-7)
    np.testing.assert_array_equal(found["uint16"], np.uint16([0x0302, 0x0504, 0x0706]), strict=True)
    np.testing.assert_array_equal(found["parameter"], np.arange(8, dtype=np.int8), strict=True)


def test_the_order_of_bytes_is_told_by_the_file(tmp_path):
    path = write_zip(
        tmp_path / "x.pt", {"w": tensor(KEPT, (12,))}, {"0": NUMBERS.astype(">f4")}, order="big"
    )
    np.testing.assert_array_equal(read_tensors(path)["w"], NUMBERS, strict=True)


@pytest.mark.parametrize("key", ["state_dict", "model", "net", "my_network"])
def test_the_network_is_found_in_a_checkpoint(key, tmp_path):
    tree, stored = state_dict({"module.conv.weight": NUMBERS, "module.bn.bias": NUMBERS[:2]})
    slots = {"state": {0: {"exp_avg": tensor(KEPT, (12,))}}, "param_groups": [{"lr": 0.1}]}
    found = read(
        tmp_path, {"epoch": 3, key: tree, "optimizer": slots, "best": tensor(KEPT, ())}, stored
    )
    assert set(found) == {"conv.weight", "bn.bias"}
    told = " ".join(found.notes)
    assert all(word in told for word in (key, "epoch", "optimizer", "best", "module."))


def test_nested_dicts_without_a_usual_name_are_joined(tmp_path):
    tree = {
        "encoder": {"w": tensor(KEPT, (2,))},
        "decoder": {"w": tensor(KEPT, (3,))},
        "step": 3,
    }
    found = read(tmp_path, tree)
    assert {name: array.shape for name, array in found.items()} == {
        "encoder.w": (2,),
        "decoder.w": (3,),
    }
    assert "step" in found.notes[0]


@pytest.mark.parametrize(
    "view",
    [
        {"shape": (13,)},
        {"shape": (2,), "first": 11},
        {"shape": (2, 2), "strides": (11, 1)},
        {"shape": (2,), "strides": (2**62,)},
        {"shape": (2,), "strides": (-1,), "first": 5},
        {"shape": (-1,)},
        {"shape": (2,), "first": -1},
        {"shape": (2, 2), "strides": (1,)},
        {"shape": (1,) * 40},
        {"shape": (2.0,), "strides": (1,)},
        {"shape": ("2",), "strides": (1,)},
    ],
)
def test_tensors_beyond_their_storage_are_refused(view, tmp_path):
    with user_error("weights.damaged", "x.pt"):
        read(tmp_path, {"w": tensor(KEPT, **view)})


def test_claims_are_checked_before_memory_is_taken(tmp_path):
    with user_error("weights.too_large", "x.pt"):
        read(tmp_path, {"w": tensor(KEPT, (2**40, 12), (0, 1))})
    with user_error("weights.damaged", "x.pt"):
        read(tmp_path, {"w": tensor(storage("0", "FloatStorage", 2**50), (2**50,))})
    zeros = bytes(17 * 2**24)
    tree = {"w": tensor(storage("0", "FloatStorage", len(zeros) // 4), (4,))}
    bomb = write_zip(tmp_path / "b.pt", tree, {"0": zeros}, compression=zipfile.ZIP_DEFLATED)
    with user_error("weights.too_large", bomb):
        read_tensors(bomb)
    with user_error("weights.damaged", "y.pth"):
        path = write_legacy(tmp_path / "y.pth", *state_dict({"w": NUMBERS}, legacy=True))
        path.write_bytes(path.read_bytes()[:-56] + (2**60).to_bytes(8, "little") + bytes(48))
        read_tensors(path)


def test_trees_without_end_are_refused(tmp_path):
    itself = Steps(b"}q\x00X\x05\0\0\0modelh\x00s")
    with user_error("weights.damaged", "without end"):
        read(tmp_path, itself)
    deep = b"}" + b"X\x01\0\0\0a}" * 5000 + b"s" * 5000  # {"a": {"a": …}}
    with user_error("weights.damaged", "without end"):
        read(tmp_path, b"\x80\x02" + deep + b".")
    # Each dict holds the one before twice: 2 to the 40th ways.
    laughs = b"}q\x00" + b"".join(
        b"}(X\x01\0\0\0ah" + bytes([n]) + b"X\x01\0\0\0bh" + bytes([n]) + b"uq" + bytes([n + 1])
        for n in range(40)
    )
    with user_error("weights.damaged", "without end"):
        read(tmp_path, b"\x80\x02" + laughs + b".")
    # One key holds many, and many hold it.
    many = steps(dict.fromkeys(map(str, range(3000)))) + b"q\x00"
    with user_error("weights.damaged", "without end"):
        read(tmp_path, Steps(steps({"a": Steps(many)})[:-1] + _again(3000) + b"u"))
    with user_error("weights.damaged", "longer"):
        read(tmp_path, {"a" * 2000: tensor(KEPT, (2,))})
    calls = call("collections", "OrderedDict", [("a", 1)] * 3000)[:-1] + b"q\x00"
    again = named("collections", "OrderedDict") + b"h\x00R"
    with user_error("weights.damaged", "more steps"):
        read(tmp_path, b"\x80\x02](" + calls + b"R" + again * 2000 + b"e.")
    nested = b")" + b"\x85" * 200_000  # a tuple that to hash would exhaust the stack
    with user_error("weights.damaged", "x.pt"):
        read(tmp_path, b"\x80\x02}" + nested + b"Ns.")


def _again(count):
    """Items of a dict that all hold the first thing remembered."""
    return b"".join(steps(f"again {number}") + b"h\x00" for number in range(count))


class Planted:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


class Stated:
    def __setstate__(self, state):
        os.environ[RAN] = "1"


def python(value, protocol):
    return pickle.dumps({"w": value}, protocol)


PICKLES = {
    "os.system": python(Planted(os.system, f"export {RAN}=1"), 2),
    "eval": python(Planted(eval, SET), 2),
    "eval, protocol 4": python(Planted(eval, SET), 4),
    "eval, text": python(Planted(eval, SET), 0),
    "exec, in a key": pickled({"a": 1})[:-1] + b"cbuiltins\nexec\nX\x01\0\0\0a\x85RNs.",
    "getattr": pickled(call("builtins", "getattr", named("torch", "Tensor"), "__class__")),
    "dotted": b"\x80\x04\x8c\x05torch\x8c\x10_utils.os.system\x93\x8c\x02ls\x85R.",
    "dotted within": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__base__\x93.",
    "torch.load": pickled(call("torch", "load", "other.pt")),
    "torch.hub": pickled(call("torch.hub", "load", "a/b", "c")),
    "a function within rebuilding": pickled(
        call("torch._tensor", "_rebuild_from_type_v2", named("os", "system"), None, ("ls",), {})
    ),
    "a class called": pickled(call("torch", "FloatStorage", 3)),
    "a type called": pickled(call("torch", "float32")),
    "a text called": b"\x80\x02X\x02\0\0\0os)R.",
    "setstate": python(Stated(), 2),
    "numpy's objects": pickle.dumps(np.array([Planted(eval, SET)], dtype=object), 2),
    "numpy's numbers": pickle.dumps({"w": np.float64(3)}, 2),
    "state of a tensor": b"\x80\x02" + tensor(KEPT, (2,)) + b"}X\x01\0\0\0aNsb.",
    "state of a list": b"\x80\x02]Nb.",
    "new": b"\x80\x02" + named("collections", "OrderedDict") + b")\x81.",
    "instance": b"(ios\nsystem\n.",
    "object": b"\x80\x02(" + named("os", "system") + b"o.",
    "extension": b"\x80\x02\x82\x01.",
    "extension of 4": b"\x80\x02\x84\x01\0\0\0.",
    "id that is text": b"\x80\x02X\x02\0\0\0osQ.",
    "id in text": b"Pos.system\n.",
    "id of a module": pickled(Steps(steps(("module", named("torch", "Tensor"), "a", "b")) + b"Q")),
    "buffers": b"\x80\x05\x97\x98.",
    "Lightning's settings": pickled(
        {"hyper_parameters": call("pytorch_lightning.utilities.parsing", "AttributeDict")}
    ),
    "argparse": pickled({"args": call("argparse", "Namespace")}),
    "a whole model": pickled(Steps(named("model", "FCN") + b")\x81}b")),
}


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("planted", PICKLES.values(), ids=PICKLES)
def test_whatever_asks_for_more_than_tensors_is_refused(planted, form, tmp_path, monkeypatch):
    monkeypatch.delenv(RAN, raising=False)
    write = write_zip if form == "zip" else write_legacy
    path = write(tmp_path / "x.pt", planted, {"0": NUMBERS})
    with user_error("weights.not_tensors", path, "not run"):
        read_tensors(path)
    path.write_bytes(planted)  # the pickle alone
    with pytest.raises(UserError), warnings.catch_warnings():
        read_tensors(path)
    assert RAN not in os.environ


def test_attributes_of_state_dicts_are_not_set(tmp_path):
    """As PyTorch writes `_metadata`."""
    tree = call("collections", "OrderedDict")
    tree = Steps(tree + steps("w") + tensor(KEPT, (2,)) + b"s" + steps({"update": 1}) + b"b")
    np.testing.assert_array_equal(read(tmp_path, tree)["w"], [0, 1])


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        (tensor(KEPT, (2,)), "a Tensor"),
        ([tensor(KEPT, (2,))], "a list"),
        ({"epoch": 3}, "without tensors"),
    ],
)
def test_without_a_state_dict_it_says_what_there_is(tree, told, tmp_path):
    with user_error("weights.not_tensors", told):
        read(tmp_path, tree)


def test_programs_and_other_pickles_are_named(tmp_path):
    path = write_zip(tmp_path / "script.pt", {"w": tensor(KEPT, (2,))}, {"0": NUMBERS})
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr("archive/constants.pkl", b"")
    with user_error("weights.not_tensors", "TorchScript"):
        read_tensors(path)
    path.write_bytes(pickled({"a": 1}))
    with user_error("weights.unknown_form", "none of PyTorch"):
        read_tensors(path)
