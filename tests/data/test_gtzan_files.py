"""GTZAN's genres are read as they are spelled, in every form, and compared with the ten."""

import shutil
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
from errors import user_error

from mgr_jax.data.gtzan.files import find_tracks
from mgr_jax.data.gtzan.names import GENRES

TRACKS = {f"{genre}.{number:05d}" for genre in GENRES for number in range(2)}


@pytest.fixture
def tree(tmp_path) -> Path:
    """The genres' folder of a small GTZAN in <tmp_path>/gtzan."""
    folder = tmp_path / "gtzan/genres_original"
    for track in TRACKS:
        path = folder / track.split(".")[0] / f"{track}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(track)
    return folder


def pack(folder: Path, form: str) -> Path:
    """The same in a folder, a zip or a tar archive."""
    if form == "folder":
        return folder
    packed = folder.parent / form
    packed.mkdir()
    if form == "zip":
        with zipfile.ZipFile(packed / "archive.zip", "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
    else:
        with tarfile.open(packed / "genres.tar.gz", "w:gz") as archive:
            archive.add(folder / "genres_original", "genres")
    return packed


def find(folder: Path) -> dict[str, str]:
    """The names of the files by track; each of them is the file that was written for it."""
    found = find_tracks(folder, folder / "unpacked")
    assert set(found.names.values()) == set(found.sizes)
    if found.source.is_dir():
        for track, name in found.names.items():
            assert (found.source / name).read_text() == track
    return found.names


def rename(folder: Path, genre: str, *, to: str = "", files: str = "") -> None:
    """Calls a genre's folder or files otherwise, or both."""
    for path in (folder / genre).iterdir():
        path.rename(path.with_name(path.name.replace(f"{genre}.", files or f"{genre}.")))
    (folder / genre).rename(folder / (to or genre))


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
@pytest.mark.parametrize(
    ("genre", "folder", "files"),
    [
        ("hiphop", "hip-hop", ""),
        ("blues", "Blues", ""),
        ("hiphop", "Hip Hop", "Hip Hop."),
        ("hiphop", "", "Hip_Hop."),
        ("jazz", "jazz ", ""),
        ("pop", "", "pop"),
        ("rock", "ROCK", "rock_"),
    ],
)
def test_other_spellings_are_read_as_what_they_surely_are(tree, genre, folder, files, form):
    rename(tree, genre, to=folder, files=files)
    packed = pack(tree.parent, form)
    with pytest.warns(UserWarning, match=r"read .* as track .*, and 1 more such names") as caught:
        assert find(packed).keys() == TRACKS
    assert len(caught) == 1


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_suffixes_are_read_in_any_case_without_a_word(tree, form):
    for path in (tree / "rock").iterdir():
        path.rename(path.with_suffix(".WAV"))
    folder = pack(tree.parent, form)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find(folder).keys() == TRACKS


@pytest.mark.parametrize("place", ["genres", "Data/genres_original", "x/Data/genres_original", "x"])
def test_the_tree_may_lie_in_a_folder(tree, tmp_path, place):
    (tmp_path / "other" / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(tree, tmp_path / "other" / place)
    assert find(tmp_path / "other").keys() == TRACKS


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_a_missing_genre_is_named(tree, form):
    shutil.rmtree(tree / "rock")
    shutil.rmtree(tree / "pop")
    with pytest.warns(UserWarning, match="no track of pop, rock; GTZAN has 100 of each of 10"):
        found = find(pack(tree.parent, form))
    assert found.keys() == {t for t in TRACKS if t.split(".")[0] not in ("pop", "rock")}


@pytest.mark.parametrize(
    ("folder", "files"),
    [("HH", ""), ("classic", "classic."), ("clasical", "clasical.")],  # of the first the files tell
)
@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_what_is_probably_a_missing_genre_is_proposed(tree, folder, files, form):
    rename(tree, "classical", to=folder, files=files)
    with user_error("dataset.incomplete", "is probably classical", "rename the folder"):
        find(pack(tree.parent, form))


def test_other_folders_are_no_genres_of_gtzan(tree):
    (tree / "classic").mkdir()  # no genre is missing
    (tree / "classic/classic.00000.wav").touch()
    (tree / "classic/notes.txt").touch()
    with pytest.warns(UserWarning, match="1 in folders that are none of GTZAN's genres"):
        assert find(tree.parent).keys() == TRACKS


def test_what_lies_beside_the_genres_of_a_bare_tree_is_nobodys_concern(tree):
    (tree / "private").mkdir()
    (tree / "private/song.mp3").touch()
    (tree / "rock/rock.wav").touch()
    with pytest.warns(UserWarning, match=r"1 not called <genre>.*\(rock/rock\.wav\)$") as caught:
        assert find(tree).keys() == TRACKS
    assert len(caught) == 1


def test_one_track_under_two_spellings_is_refused(tree):
    shutil.copytree(tree / "blues", tree / "Blues")
    with user_error("dataset.duplicate_track", "blues.0000", "Blues/blues", " blues/blues"):
        find(tree.parent)


def test_links_are_followed_and_what_leads_nowhere_is_told(tree, tmp_path):
    shutil.move(tree / "jazz", tmp_path / "elsewhere")
    (tree / "jazz").symlink_to(tmp_path / "elsewhere")
    (tree / "rock/rock.00009.wav").symlink_to("nowhere")
    with pytest.warns(UserWarning, match=r"1 linked to nowhere \(rock/rock\.00009\.wav\)"):
        assert find(tree.parent).keys() == TRACKS


def test_counts_other_than_100_are_logged(tree, caplog):
    (tree / "rock/rock.00000.wav").unlink()
    with caplog.at_level("INFO", "mgr_jax"):
        find(tree.parent)
    assert "1 of rock" in caplog.text
