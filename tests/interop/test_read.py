"""read_tensors: every form of weights, told by its content, and what it refuses."""

import zipfile

import h5py
import numpy as np
import pytest
import weight_files
from errors import user_error
from weight_files import ARRAYS

from mgr_jax.errors import UserError
from mgr_jax.interop.crc32c import crc32c
from mgr_jax.interop.read import read_tensors

FORMS = ("zip", "legacy", "hdf5", "keras", "npz", "safetensors", "tensorflow")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return weight_files.write_all(tmp_path_factory.mktemp("weights"))


def require_arrays(found, names=lambda name: name, dtypes=True):
    assert set(found) == {names(name) for name in ARRAYS}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[names(name)], array, strict=True)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_arrays(form, files):
    in_folders = form in ("hdf5", "keras")  # Keras's names are paths
    names = (lambda name: name.replace(".", "/")) if in_folders else str
    require_arrays(read_tensors(files[form]), names)


@pytest.mark.parametrize("form", FORMS)
def test_the_content_decides_not_the_name(form, files, tmp_path):
    data = files[form].read_bytes()
    other = tmp_path / "weights.bin"
    other.write_bytes(data)
    if form == "tensorflow":  # whose name leads to the other file
        with user_error("weights.unknown_form", other):
            read_tensors(other)
    else:
        assert set(read_tensors(other)) == set(read_tensors(files[form]))


@pytest.mark.parametrize(
    "name", ["model-10", "model-10.index", "model-10.data-00000-of-00001", "model-10.meta", ""]
)
def test_a_checkpoint_is_found_by_any_of_its_names(name, tmp_path):
    weight_files.write_checkpoint(f"{tmp_path}/model-10")
    (tmp_path / "model-10.meta").write_bytes(b"graph")
    require_arrays(read_tensors(tmp_path / name))


def test_one_of_several_checkpoints_is_asked_for(tmp_path):
    for step, value in ((10, 1.0), (20, 2.0)):
        weight_files.write_checkpoint(f"{tmp_path}/model-{step}", {"w": np.float32([value])})
    with user_error("weights.several_checkpoints", "model-10", "model-20"):
        read_tensors(tmp_path)
    assert read_tensors(tmp_path, "model-20")["w"] == 2.0
    with user_error("unknown_name", "model-30", "model-20"):
        read_tensors(tmp_path, "model-30")


def test_checkpoints_of_one_name_are_told_by_their_folders(tmp_path):
    for folder, value in (("a", 1.0), ("b", 2.0)):
        (tmp_path / folder).mkdir()
        weight_files.write_checkpoint(f"{tmp_path}/{folder}/net", {"w": np.float32([value])})
    with user_error("weights.several_checkpoints", tmp_path / "a/net", tmp_path / "b/net"):
        read_tensors(tmp_path)
    assert read_tensors(tmp_path, f"{tmp_path}/b/net")["w"] == 2.0


def test_where_there_is_one_none_is_chosen(files):
    with user_error("weights.no_checkpoints", files["npz"]):
        read_tensors(files["npz"], "model-10")


def test_an_archive_of_checkpoints_names_its_outputs_by_their_data(tmp_path):
    """As the wheel of musicnn does: a folder for each, the tags in its configuration."""
    for name, value in (("MTT_net", 1.0), ("MSD_net", 2.0)):
        (tmp_path / name).mkdir()
        weight_files.write_checkpoint(f"{tmp_path}/{name}/", {"w": np.float32([value])})
    ran = tmp_path / "ran"
    (tmp_path / "configuration.py").write_text(
        f"open({str(ran)!r}, 'w')\nMTT_LABELS = ['rock', 'pop']\nMSD_LABELS = ['slow', 'loud']\n"
    )
    wheel = tmp_path / "net.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in tmp_path.rglob("*"):
            if path.is_file() and path != wheel:
                zipped.write(path, f"net/{path.relative_to(tmp_path)}")
    with user_error("weights.several_checkpoints", "MSD_net, MTT_net"):
        read_tensors(wheel)
    found = read_tensors(wheel, "MSD_net")
    assert found["w"] == 2.0
    assert found.labels == ("slow", "loud")
    assert read_tensors(tmp_path / "MTT_net").labels == ("rock", "pop")  # unpacked
    assert not ran.exists()


def test_an_archive_with_odd_names_ends(tmp_path):
    """The standard library's paths within archives never came to an end of some."""
    weight_files.write_checkpoint(f"{tmp_path}/model")
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as zipped:
        for path in tmp_path.glob("model.*"):
            zipped.write(path, f"//{path.name}")
        zipped.writestr("//", "")
    require_arrays(read_tensors(tmp_path / "odd.zip"))


def test_data_of_a_checkpoint_that_is_missing_or_changed_is_told(tmp_path):
    weight_files.write_checkpoint(f"{tmp_path}/model")
    data = tmp_path / "model.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[9] ^= 1
    data.write_bytes(content)
    with user_error("weights.damaged", "checksum", "conv."):
        read_tensors(tmp_path / "model")
    data.unlink()
    with user_error("file.not_found", data):
        read_tensors(tmp_path / "model")


def test_checksums_are_those_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    for size in (0, 1, 3, 4, 5, 31, 32, 33, 1000):
        data = np.random.default_rng(size).bytes(size)
        assert crc32c(data) == weight_files.crc32c(data)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"\x1c\0\0\0TFL3\x14\0", "TFLite"),
        (b"\x08\x07\x12\x07pytorch\x1a", "ONNX"),
        (b"\x1f\x8b\x08\0", "unpack"),
        (b"", "empty"),
        (b"\x93NUMPY\x01\0", "single array"),
        (b"something else altogether", ".safetensors"),
    ],
)
def test_what_is_something_else_is_named(content, told, tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with user_error("weights.unknown_form", path, told):
        read_tensors(path)


def test_folders_and_missing_files_are_told(tmp_path):
    with user_error("file.not_found", tmp_path / "none.pt"):
        read_tensors(tmp_path / "none.pt")
    with user_error("weights.unknown_form", "folder"):
        read_tensors(tmp_path)
    (tmp_path / "model.json").touch()
    with user_error("weights.unknown_form", "model folder"):
        read_tensors(tmp_path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as zipped:
        zipped.writestr("readme", "")
    with user_error("weights.unknown_form", "zip archive"):
        read_tensors(tmp_path / "x.zip")


def test_a_pickle_within_npz_is_not_read(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(2), b=np.array([{}], dtype=object))
    with user_error("weights.not_tensors", "pickle in b"):
        read_tensors(tmp_path / "x.npz")


def test_npz_of_tensorflows_variables(tmp_path):
    np.savez(tmp_path / "x.npz", **{"conv2d/kernel:0": np.ones(2), "conv2d/bias:0": np.ones(1)})
    found = read_tensors(tmp_path / "x.npz")
    assert set(found) == {"conv2d/kernel", "conv2d/bias"}
    assert ":0" in found.notes[0]


@pytest.mark.parametrize("header", [b"{'descr': '<f4', 'shape': (", b"(" * 5000, b"\xff{}", b"1"])
def test_headers_of_npz_that_cannot_be_parsed_are_damage(header, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as zipped:
        start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
        zipped.writestr("a.npy", start + header + bytes(8))
    with user_error("weights.damaged", "x.npz"):
        read_tensors(tmp_path / "x.npz")


def test_texts_beside_the_arrays_are_left_out_and_told(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(2), tags=np.array(["rock", "pop"]))
    found = read_tensors(tmp_path / "x.npz")
    assert set(found) == {"a"}
    assert "tags" in found.notes[0]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["tags"], file["nothing"] = np.ones(2), ["rock", "pop"], h5py.Empty("f4")
    found = read_tensors(tmp_path / "x.h5")
    assert set(found) == {"a"}
    assert "nothing, tags" in found.notes[0]


def test_compressed_zeros_do_not_fill_the_memory(tmp_path):
    path = tmp_path / "zeros.npz"
    with zipfile.ZipFile(path, "w", 8, compresslevel=1) as zipped, zipped.open("a.npy", "w") as a:
        np.lib.format.write_array_header_1_0(
            a, {"descr": "<f4", "fortran_order": False, "shape": (17 * 2**22,)}
        )
        for _ in range(17):
            a.write(bytes(2**24))
    with user_error("weights.too_large", path):
        read_tensors(path)


class TestKeras:
    def test_chunks_are_refused(self, tmp_path):
        """Keras does not write any, and of some that are damaged the library crashes."""
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset("a", data=np.ones((6, 10)), chunks=(4, 4), compression="gzip")
        with user_error("weights.in_chunks", "x.h5", "h5repack"):
            read_tensors(tmp_path / "x.h5")

    def test_the_order_of_bytes_is_ours(self, tmp_path):
        array = np.arange(60, dtype=">f8").reshape(6, 10)
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["a"] = array
        found = read_tensors(tmp_path / "x.h5")["a"]
        np.testing.assert_array_equal(found, array.astype("=f8"), strict=True)

    def test_of_a_whole_model_the_weights_are_read(self, tmp_path):
        path = tmp_path / "model.h5"
        with h5py.File(path, "w") as file:
            file["model_weights/conv/kernel:0"] = np.ones((2, 3), np.float32)
            file["optimizer_weights/adam/kernel:0"] = np.zeros((2, 3), np.float32)
        found = read_tensors(path)
        assert set(found) == {"conv/kernel:0"}
        assert "optimizer_weights/adam/kernel:0" in found.notes[0]

    @pytest.mark.parametrize("link", ["soft", "external", "storage", "virtual"])
    def test_nothing_outside_of_the_file_is_read(self, link, tmp_path):
        secret, path = tmp_path / "secret", tmp_path / "planted.h5"
        secret.write_bytes(bytes(64))
        with h5py.File(tmp_path / "other.h5", "w") as other:
            other["a"] = np.zeros(4)
        with h5py.File(path, "w") as file:
            file["conv/kernel"] = np.ones(4)
            if link == "soft":
                file["planted"] = h5py.SoftLink("/conv/kernel")
            elif link == "external":
                file["planted"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/a")
            elif link == "storage":
                file.create_dataset("planted", (8,), "u8", external=[(str(secret), 0, 64)])
            else:
                layout = h5py.VirtualLayout((4,), "f8")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "a", (4,))
                file.create_virtual_dataset("planted", layout)
        with user_error("weights.points_elsewhere", path, "planted"):
            read_tensors(path)

    def test_groups_in_a_circle_end(self, tmp_path):
        path = tmp_path / "circle.h5"
        with h5py.File(path, "w") as file:
            file["a/b/c"] = np.ones(1)
            file["a/b/again"] = file["a"]
        with user_error("weights.damaged", "a/b/again"):
            read_tensors(path)

    def test_claims_are_checked_before_memory_is_taken(self, tmp_path):
        path = tmp_path / "large.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("a", (2**40,), "f4")
        with user_error("weights.too_large", path):
            read_tensors(path)

    def test_without_h5py_it_says_what_to_install(self, files, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "h5py", None)
        with user_error("package.missing", "pip install 'mgr-jax[keras]'"):
            read_tensors(files["hdf5"])


@pytest.mark.parametrize("form", FORMS)
def test_damage_is_one_sentence(form, files, tmp_path):
    """Cut anywhere, and with bytes changed anywhere."""
    data = files[form].read_bytes()
    path = tmp_path / files[form].name
    if form == "tensorflow":
        weight_files.write_checkpoint(f"{tmp_path}/model-10")
    cuts = [data[: len(data) * part // 20] for part in range(20)]
    rng = np.random.default_rng(0)
    told = []
    for content in [*cuts, *(weight_files.mutate(data, rng) for _ in range(150))]:
        path.write_bytes(content)
        try:
            read_tensors(path)
        except UserError as error:
            told.append(str(error))
    assert len(told) > 100
    assert not any("\n" in sentence for sentence in told)
