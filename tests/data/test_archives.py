"""Archives are read like folders, and never write outside the folder they are unpacked into."""

import io
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from errors import user_error

from mgr_jax.data.archives import (
    content_marks,
    list_files,
    open_file,
    read_bytes,
    unpack_tar,
)

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
    assert list_files(source) == {name: len(FILES[name]) for name in sorted(FILES)}
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
    assert list_files(tmp_path / "z.zip") == {"good.mp3": 1}


def test_what_cannot_be_read_is_one_sentence(source):
    with user_error("archive.missing_file", source, "a/three.mp3"):
        read_bytes(source, "a/three.mp3")
    with user_error("archive.unknown_kind", source.with_name("nowhere")):
        list_files(source.with_name("nowhere"))
    if source.is_file():
        content = source.read_bytes()
        start = content.index(b"a/b/two.mp3") + 60
        source.write_bytes(content[:start] + b"\xff" * 8 + content[start + 8 :])
        with user_error("file.unreadable", source, "a/b/two.mp3"):
            read_bytes(source, "a/b/two.mp3")
        source.write_bytes(content[: len(content) // 2])
        with user_error("archive.damaged", source):
            list_files(source)


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
