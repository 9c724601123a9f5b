"""Archives are read like folders, and never write outside the folder they are unpacked into."""

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from errors import user_error

from mgr_jax.data import expansion
from mgr_jax.data.archives import (
    content_marks,
    file_sizes,
    open_file,
    read_bytes,
)
from mgr_jax.data.feature_files import read_features
from mgr_jax.data.tar import unpack_tar

FILES = {"a/one.mp3": b"one" * 1_000, "a/b/two.mp3": bytes(range(256)) * 40, "empty.txt": b""}
HIDDEN = {".DS_Store": b"x", "a/._one.mp3": b"x", "__MACOSX/a/one.mp3": b"x"}


@pytest.fixture(params=["folder", zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def source(request, tmp_path) -> Path:
    """FILES and HIDDEN as a folder, or as a zip archive of one of the usual compressions."""
    if request.param == "folder":
        for name, content in (FILES | HIDDEN).items():
            path = tmp_path / "source" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "source"
    with zipfile.ZipFile(tmp_path / "source.zip", "w", request.param) as archive:
        archive.mkdir("a")
        for name, content in (FILES | HIDDEN).items():
            archive.writestr(name, content)
    return tmp_path / "source.zip"


def test_folders_and_zip_archives_read_alike(source):
    assert file_sizes(source) == {name: len(FILES[name]) for name in sorted(FILES)}
    assert {name: read_bytes(source, name) for name in FILES} == FILES
    assert read_bytes(source, "a/b/two.mp3", 300) == FILES["a/b/two.mp3"][:300]
    with open_file(source, "a/one.mp3") as file:
        assert file.read(4) == b"oneo"


def test_marks_differ_where_a_zip_archive_knows_that_the_content_does(tmp_path):
    contents = {"a": b"12", "b": b"12", "c": b"34", "d": b""}
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    marks = content_marks(tmp_path / "z.zip")
    assert marks["a"] == marks["b"] != marks["c"]
    assert marks["a"] & 0xFFFFFFFF == zlib.crc32(b"12")
    assert marks["d"] == 0


def test_a_changed_archive_is_opened_anew(tmp_path):
    for content in (b"old", b"newer"):
        with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
            archive.writestr("a", content)
        assert read_bytes(tmp_path / "z.zip", "a") == content


def test_hostile_zip_names_are_left_out(tmp_path):
    link = zipfile.ZipInfo("link.mp3")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for name in ("../x.mp3", "/etc/x.mp3", "a/../../x.mp3", "good.mp3"):
            archive.writestr(name, b"x")
        archive.writestr(link, "/etc/passwd")
    assert file_sizes(tmp_path / "z.zip") == {"good.mp3": 1}


def test_what_cannot_be_read_is_one_sentence(source):
    with user_error("archive.missing_file", source, "a/three.mp3"):
        read_bytes(source, "a/three.mp3")
    with user_error("archive.unknown_kind", source.with_name("nowhere")):
        file_sizes(source.with_name("nowhere"))
    if source.is_file():
        content = source.read_bytes()
        start = content.index(b"a/b/two.mp3") + 60
        source.write_bytes(content[:start] + b"\xff" * 8 + content[start + 8 :])
        with user_error("file.unreadable", source, "a/b/two.mp3"):
            read_bytes(source, "a/b/two.mp3")
        source.write_bytes(content[: len(content) // 2])
        with user_error("archive.damaged", source):
            file_sizes(source)


def write_tar(path: Path, members: list[tarfile.TarInfo], packed: str = "gz") -> Path:
    with tarfile.open(path, f"w:{packed}") as tar:
        for member in members:
            content = b"music" * 20_000 if member.isfile() else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_tar_archive_is_unpacked_whole(tmp_path):
    members = [member("genres", tarfile.DIRTYPE), member("genres/a/1.au"), member("./genres/b.au")]
    unpack_tar(write_tar(tmp_path / "a.tar.gz", members), tmp_path / "out")
    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.au")}
    assert found == {"genres/a/1.au", "genres/b.au"}
    assert (tmp_path / "out/genres/b.au").read_bytes() == b"music" * 20_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "out"]


@pytest.mark.parametrize(
    ("hostile", "code"),
    [
        ([member("../outside.au")], "archive.unsafe_member"),
        ([member("good/../../outside.au")], "archive.unsafe_member"),
        ([member("/tmp/outside.au")], "archive.unsafe_member"),
        (
            [member("link", tarfile.SYMTYPE, ".."), member("link/outside.au")],
            "archive.unsafe_member",
        ),
        ([member("link.au", tarfile.LNKTYPE, "../../outside.au")], "archive.unsafe_member"),
        ([member("pipe", tarfile.FIFOTYPE)], "archive.unsafe_member"),
        ([member("a"), member("a/b")], "archive.damaged"),
    ],
    ids=["parent", "inner parent", "absolute", "symbolic link", "hard link", "pipe", "clash"],
)
def test_a_hostile_tar_archive_is_refused_and_leaves_nothing(tmp_path, hostile, code):
    archive = write_tar(tmp_path / "a.tar.gz", [member("good.au"), *hostile])
    with user_error(code, archive):
        unpack_tar(archive, tmp_path / "inner" / "out")
    assert [path.name for path in tmp_path.rglob("*")] in (
        ["a.tar.gz", "inner"],
        ["inner", "a.tar.gz"],
    )


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("kind", ["cut", "changed", "text"])
def test_a_damaged_tar_archive_is_one_sentence_and_leaves_nothing(tmp_path, kind, packed):
    archive = write_tar(tmp_path / "a.tar", [member(f"{i}.au") for i in range(30)], packed)
    content = archive.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "changed": content[:middle] + b"\x00" * 40 + content[middle + 40 :],
        "text": b"no archive",
    }
    archive.write_bytes(damaged[kind])
    with user_error("archive.damaged", archive):
        unpack_tar(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def peak_memory(call: str, *paths: Path) -> tuple[int, str]:
    """What a process of its own needs for a call, in bytes beyond its imports; what it raises."""
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import numpy as np, pyarrow.parquet\n"
        "from mgr_jax.data.archives import file_sizes, read_bytes\n"
        "from mgr_jax.data.feature_files import read_features\n"
        "from mgr_jax.data.tar import unpack_tar\n"
        "from mgr_jax.errors import UserError\n"
        "paths = [Path(path) for path in sys.argv[1:]]\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "code = ''\n"
        f"try: {call}\n"
        "except UserError as error: code = error.code\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, code)\n"
    )
    argv = [sys.executable, "-c", script, *map(str, paths)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    used, _, code = done.stdout.strip().partition(" ")
    return int(used), code


def write_zeros(path: Path, size: int, compression: int, name: str = "a.wav") -> Path:
    with (
        zipfile.ZipFile(path, "w", compression) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        for _ in range(size // 1_000_000):
            file.write(bytes(1_000_000))
    return path


PACKED = {
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_a_member_that_expands_without_end_is_refused(tmp_path, packed):
    archive = write_zeros(tmp_path / "a.zip", 150_000_000, packed)
    with user_error("archive.expands", archive, "a.wav", "200 times", "unpack"):
        read_bytes(archive, "a.wav")
    assert file_sizes(archive) == {"a.wav": 150_000_000}
    assert len(read_bytes(archive, "a.wav", max_expansion=1e9)) == 150_000_000


def test_what_is_small_may_expand_as_it_likes(tmp_path):
    archive = write_zeros(tmp_path / "a.zip", 50_000_000, zipfile.ZIP_DEFLATED)
    assert len(read_bytes(archive, "a.wav")) == 50_000_000


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_a_member_that_claims_to_be_small_costs_no_memory(tmp_path, packed):
    archive = write_zeros(tmp_path / "a.zip", 240_000_000, packed)
    content = archive.read_bytes()
    place = content.rindex(b"PK\x01\x02")  # the entry of the table of contents
    claim = (1_000_000).to_bytes(4, "little")
    archive.write_bytes(content[: place + 24] + claim + content[place + 28 :])
    assert file_sizes(archive) == {"a.wav": 1_000_000}
    used, code = peak_memory("read_bytes(paths[0], 'a.wav')", archive)
    assert code == "file.unreadable"  # its sum is another one
    assert used < 100_000_000


def write_member(tar: tarfile.TarFile, name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    with Path("/dev/zero").open("rb") as zeros:
        tar.addfile(info, zeros)


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz"])
def test_a_tar_archive_that_expands_without_end_is_refused_and_leaves_nothing(tmp_path, packed):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, f"w:{packed}") as tar:
        for number in range(3):
            write_member(tar, f"{number}.au", 50_000_000)
    with user_error("archive.expands", archive, "200 times", "unpack"):
        unpack_tar(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]
    unpack_tar(archive, tmp_path / "out", max_expansion=1e6)
    assert (tmp_path / "out/2.au").stat().st_size == 50_000_000


def test_a_tar_archive_of_headers_alone_is_refused(tmp_path, monkeypatch):
    """Thousands of folders, or a header that claims to be 10 GB long."""
    monkeypatch.setattr(expansion, "FREE", 1_000_000)
    header = tarfile.TarInfo("a")
    header.type = tarfile.DIRTYPE
    with gzip.open(tmp_path / "folders.tar.gz", "wb") as file:
        file.write(header.tobuf() * 4_000)
    with user_error("archive.expands", tmp_path / "folders.tar.gz"):
        unpack_tar(tmp_path / "folders.tar.gz", tmp_path / "out")
    header = tarfile.TarInfo("a")
    header.type, header.size = tarfile.XHDTYPE, 10**10
    with gzip.open(tmp_path / "long.tar.gz", "wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT) + bytes(1_000))
    with user_error("archive.damaged", tmp_path / "long.tar.gz"):
        unpack_tar(tmp_path / "long.tar.gz", tmp_path / "out")


def test_a_sparse_file_counts_as_large_as_it_becomes(tmp_path):
    with (tmp_path / "a.au").open("wb") as file:
        file.truncate(300_000_000)
    subprocess.run(["tar", "-cSf", "a.tar", "a.au"], cwd=tmp_path, check=True)
    with user_error("archive.expands", tmp_path / "a.tar"):
        unpack_tar(tmp_path / "a.tar", tmp_path / "out")


def write_header(path: Path, shape: tuple[int, ...], content: bytes = b"") -> None:
    """An .npz file with `track` and a `mel` of which the header claims a shape."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    track = io.BytesIO()
    np.save(track, np.array(["a.1"]))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mel.npy", header.getvalue() + content)
        archive.writestr("track.npy", track.getvalue())


@pytest.mark.parametrize("shape", [(10**12,), (1, 10**6, 10**7), (2**40, 2**40, 2**40)])
def test_an_array_that_claims_to_be_huge_is_damaged(tmp_path, shape):
    write_header(tmp_path / "a.npz", shape, bytes(1_000))
    with user_error("table.damaged", tmp_path / "a.npz"):
        read_features(tmp_path / "a.npz")
    used, _ = peak_memory("read_features(paths[0])", tmp_path / "a.npz")
    assert used < 50_000_000


def test_an_array_that_expands_without_end_is_refused(tmp_path):
    shape = (1, 1_000, 150_000)
    np.savez_compressed(tmp_path / "a.npz", mel=np.zeros(shape, np.uint8), track=["a.1"])
    with user_error("archive.expands", tmp_path / "a.npz", "mel.npy", "np.savez"):
        read_features(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", mel=np.zeros(shape, np.uint8), track=["a.1"])
    assert read_features(tmp_path / "a.npz").features[0].shape == shape[:0:-1]


def test_a_parquet_table_that_expands_without_end_is_refused(tmp_path):
    column = pa.array(np.zeros(30_000_000, np.float32))
    pq.write_table(pa.table({"track": column, "n": column}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    with user_error("archive.expands", tmp_path / "a.parquet", "200 times"):
        read_features(tmp_path / "a.parquet")


def test_names_and_nested_archives_of_a_zip_do_no_harm(tmp_path):
    inner = write_zeros(tmp_path / "inner.zip", 20_000_000, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "inner.zip")
        for number in range(3_000):
            archive.writestr("/".join(["deep"] * 50 + [f"{number}.mp3"]), b"x")
    assert len(file_sizes(tmp_path / "a.zip")) == 3_001
    assert read_bytes(tmp_path / "a.zip", "inner.zip") == inner.read_bytes()
