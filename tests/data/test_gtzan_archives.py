"""GTZAN is found in any archive and any folder around it; what is nearly GTZAN is named."""

import shutil
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
from errors import user_error

from mgr_jax.data.gtzan.files import Found, find_tracks
from mgr_jax.data.gtzan.names import GENRES

NAMES = [f"{genre}/{genre}.{number:05d}.wav" for genre in GENRES for number in range(2)]
TRACKS = {name.split("/")[1].removesuffix(".wav") for name in NAMES}


@pytest.fixture
def folder(tmp_path) -> Path:
    """The manual_dir."""
    (tmp_path / "gtzan").mkdir()
    return tmp_path / "gtzan"


def find(folder: Path) -> Found:
    return find_tracks(folder, folder.parent / "unpacked")


def write(folder: Path, names=NAMES, below: str = "") -> None:
    for name in names:
        path = folder / below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.stem)


def pack(path: Path, names=NAMES, below: str = "genres/") -> None:
    """A zip archive, or a tar archive as its name says."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are there twice
            for name in names:
                archive.writestr(below + name, Path(name).stem)
        return
    write(path.parent / "tree", names, below)
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        archive.add(path.parent / "tree", ".")
    shutil.rmtree(path.parent / "tree")


@pytest.mark.parametrize(
    "name",
    [
        *("genres.tgz", "genres.tar", "Genres.tar.gz", "genres (1).tar.gz", "x.TGZ"),
        *("a.ZIP", "genres.zip"),
    ],
)
def test_archives_of_any_name_are_read(folder, name):
    pack(folder / name)
    found = find(folder)
    assert (found.shown, found.names.keys()) == (folder / name, TRACKS)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["a/b/genres/", "a/b/Data/genres_original/", "a/b/"])
def test_two_folders_may_be_around_the_tree(folder, below, packed):
    if packed:
        pack(folder / "a.zip", below=below)
    else:
        write(folder, below=below)
    assert find(folder).names == {name[:-4].split("/")[1]: below + name for name in NAMES}


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
@pytest.mark.parametrize("below", ["", "wavs/"])
def test_files_in_one_folder_are_read(folder, below, form):
    names = [name.split("/")[1] for name in NAMES] + ["rock.0001.wav"]
    if form == "folder":
        write(folder, names, below)
    else:
        pack(folder / f"a.{form}", names, below)
    with pytest.warns(UserWarning, match="left out of|GTZAN calls") as told:
        assert find(folder).names == {n[:-4]: below + n for n in names[:-1]}
    told = sorted(str(warning.message) for warning in told)
    assert len(told) == 2
    assert "1 not called <genre>.<5 digits> (rock.0001.wav)" in told[1]
    assert "read blues.00000.wav as track blues.00000, and 19 more" in told[0]


def test_backslashes_in_a_zip_part_folders(folder):
    pack(folder / "a.zip", [name.replace("/", "\\") for name in NAMES], "genres\\")
    found = find(folder)
    assert found.names["rock.00001"] == "genres/rock/rock.00001.wav"
    assert found.sizes["genres/rock/rock.00001.wav"] == len("rock.00001") + len("rock\\")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("genres/rock/rock.0000.wav", "has a number of 4 digits instead of 5"),
        ("genres/rock/rock.000000.wav", "has a number of 6 digits instead of 5"),
        ("genres/rock/song.wav", "is not called rock.<5 digits>"),
        ("genres/rock/pop.00000.wav", "is called pop and lies in rock"),
        ("images_original/rock/rock00000.png", "is no audio file"),
        ("a/b/c/genres/rock/rock.00000.wav", "too deep"),
    ],
)
@pytest.mark.parametrize("form", ["folder", "zip", "tgz"])
def test_what_is_nearly_gtzan_is_named_with_the_reason(folder, name, why, form):
    if form == "folder":
        write(folder, [name])
    else:
        pack(folder / f"a.{form}", [name], "")
    place = folder if form == "folder" else folder / f"a.{form}"
    with user_error("dataset.incomplete", f"{place}/{name} ", why, "<genre>.<5 digits>.au"):
        find(folder)
    assert not (folder.parent / "unpacked").exists()


@pytest.mark.parametrize("bad", ["a.zip", "b.zip", "c.tar", "genres.tar.gz"])
@pytest.mark.parametrize("good", ["x.zip", "x.tgz"])
def test_what_is_broken_or_unrelated_is_told_and_passed_over(folder, bad, good):
    pack(folder / good)
    if bad[0] in "ag":
        (folder / bad).write_bytes(b"no archive")
    else:
        pack(folder / bad, ["a.txt"])
    if bad.endswith(".zip") or good.endswith(".tgz"):
        with pytest.warns(UserWarning, match=f"passed over {bad}: ") as told:
            assert find(folder).names.keys() == TRACKS
        assert len(told) == 1
    else:  # no tar archive is tried where a zip archive is good
        assert find(folder).names.keys() == TRACKS


def test_a_folder_that_is_nearly_gtzan_is_told_beside_a_good_archive(folder):
    write(folder, ["genres/rock/rock.0000.wav"])
    pack(folder / "a.zip")
    with pytest.warns(UserWarning, match=r"read .*zip, since .*rock\.0000\.wav has a number of 4"):
        assert find(folder).names.keys() == TRACKS


def test_archives_that_are_no_use_are_named(folder):
    (folder / "z.tar.gz.crdownload").write_bytes(b"x")
    with user_error("dataset.incomplete", "z.tar.gz.crdownload is not yet wholly downloaded"):
        find(folder)
    (folder / "genres.rar").write_bytes(b"x")
    with user_error("dataset.incomplete", folder / "genres.rar", "unpack it"):
        find(folder)
    pack(folder / "b.tar", ["a.txt"])
    with user_error("dataset.incomplete", f"{folder / 'b.tar'} holds no track of GTZAN"):
        find(folder)
    (folder / "a.zip").write_bytes(b"no zip")
    with user_error("archive.damaged", folder / "a.zip"):
        find(folder)


def test_members_of_a_zip_that_are_left_out_are_told(folder):
    outside = ["/genres/jazz/jazz.00005.wav", "genres/../genres/pop/pop.00005.wav", "/docs/x.txt"]
    pack(folder / "a.zip", [f"genres/{n}" for n in [*NAMES, NAMES[0]]] + outside, below="")
    link = zipfile.ZipInfo("genres/rock/rock.00007.wav")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "a.zip", "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.warns(UserWarning, match="left out of") as told:
        assert find(folder).names.keys() == TRACKS
    (message,) = [str(warning.message) for warning in told]
    for part in (
        "whose names lead out of the archive (/docs/x.txt, /genres/jazz/jazz.00005.wav, ../genres",
        "1 links in an archive (rock/rock.00007.wav)",
        f"1 that the archive holds again under the same name, of which the last one is read "
        f"({NAMES[0]})",
    ):
        assert part in message


def test_a_zip_of_names_that_lead_out_is_explained(folder):
    pack(folder / "a.zip", below="/genres/")
    with user_error(
        "dataset.incomplete", "/genres/blues/blues.00000.wav, one of 20 whose names lead out"
    ):
        find(folder)
