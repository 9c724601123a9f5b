"""What the names of folders and the rows of an index.csv say, and what they do not."""

import contextlib
import os
import shutil
import unicodedata
import warnings
from pathlib import Path

import pytest
from errors import user_error
from hypothesis import given
from hypothesis import strategies as st

from mgr_jax.data.fma_names import fma_track
from mgr_jax.data.folder_index import describe_files, read_folder
from mgr_jax.data.genre_folders import find_doubt, place_files
from mgr_jax.data.index_table import read_index_table
from mgr_jax.errors import UserError

NFC, NFD = (unicodedata.normalize(form, "Música") for form in ("NFC", "NFD"))
GENRES = ("rock", "jazz")
PATHS = [f"{genre}/{number}.wav" for genre in GENRES for number in range(3)]


def put(folder: Path, *names: str) -> Path:
    """Makes empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def music(tmp_path) -> Path:
    """Two genres of three files."""
    return put(tmp_path / "music", *PATHS)


def genres(folder: Path) -> dict[str, str]:
    return {entry.path: entry.genre for entry in read_folder(folder)}


def quiet(folder: Path) -> dict[str, str]:
    """The genres by path, without a warning, which fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return genres(folder)


OF_FOLDERS = {path: path.split("/")[0] for path in PATHS}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("Training", "DEV", "Testing"), ("train", "valid", "test")],
)
def test_folders_called_after_splits_are_given_splits(tmp_path, train, validation, test):
    folders = {train: "train", validation: "validation", test: "test"}
    put(tmp_path, *[f"{folder}/{path}" for folder in folders for path in PATHS])
    entries = read_folder(tmp_path)
    assert len(entries) == 3 * len(PATHS)
    for entry in entries:
        folder, genre, _ = entry.path.split("/")
        assert (entry.split, entry.genre) == (folders[folder], genre)


def test_several_folders_may_make_a_split_and_strays_are_told(tmp_path):
    put(tmp_path, *[f"{s}/{p}" for s in ("train", "Train", "val", "dev", "test") for p in PATHS])
    put(tmp_path, "train/stray.wav")
    with pytest.warns(UserWarning, match=r"1 outside a genre folder \(train/stray\.wav\)"):
        entries = read_folder(tmp_path)
    assert [entry.split for entry in entries].count("train") == 2 * len(PATHS)


def of_splits(*splits: str) -> list[str]:
    return [f"{split}/{path}" for split in splits for path in PATHS]


@pytest.mark.parametrize(
    ("names", "code", "named"),
    [
        (of_splits("train", "test"), "split.empty", ["test, train", "none for validation"]),
        (of_splits("test", "val"), "split.empty", ["none for train"]),
        ([*of_splits("train", "val"), "test/a.wav"], "folder.splits", ["/test is called after"]),
        (["train/a.wav", "test/a.wav"], "folder.splits", ["/<genre>/<file>", "index.csv"]),
        ([*PATHS, "test/a.wav"], "folder.splits", ["(test)", "(jazz, rock)", "index.csv"]),
        ([*PATHS, *of_splits("Train")], "folder.splits", ["(Train)"]),
        (of_splits("train"), "data.one_genre", ["/train"]),
        (of_splits("Data/genres_original"), "data.one_genre", ["give that folder", "Data/genres_"]),
        (of_splits("Data/train", "Data/val", "Data/test"), "data.one_genre", ["/Data,"]),
        (["000/a.mp3", "001/b.mp3"], "folder.no_genres", ["fma/small"]),
        (["000/000002.mp3"], "folder.no_genres", ["fma/small"]),
        (["fma_large/000/a.mp3", "fma_large/001/b.mp3"], "folder.no_genres", ["fma/small"]),
        (["fma_small/000/a.mp3", "fma_medium/001/b.mp3"], "folder.no_genres", ["fma/small"]),
        ([f"fold{n}/{n}.wav" for n in range(1, 11)], "folder.no_genres", ["fold1"]),
        (of_splits("fold_1", "fold_2"), "folder.no_genres", ["fold_1, fold_2"]),
        (of_splits("train_set", "test set"), "folder.no_genres", ["train, validation and test"]),
        (["a.wav", "b.wav"], "folder.no_audio", ["<genre>/<file>", "2 outside a genre folder"]),
        (["rock/a.txt"], "folder.no_audio", ["1 .txt"]),
    ],
)
def test_folders_that_are_surely_no_genres_are_refused_with_a_proposal(
    tmp_path, names, code, named
):
    put(tmp_path, *names)
    with user_error(code, *named):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["1/a.wav", "2/a.wav"], "are called 1, 2"),
        (["rock/train/a.wav", "rock/test/a.wav", "pop/Val/a.wav"], r"not read.*<split>/<genre>"),
        (["1990/a.wav", "1991/a.wav"], "are called 1990, 1991"),
        (of_splits("mp3", "wav"), r"\(mp3, wav\) holds the same folders \(jazz, rock\)"),
    ],
)
def test_folders_that_may_be_genres_are_asked_about(tmp_path, names, says):
    put(tmp_path, *names)
    with pytest.warns(UserWarning, match=says):
        assert genres(tmp_path) == {name: name.split("/")[0] for name in names}


@pytest.mark.parametrize(
    "names",
    [
        PATHS,
        ["rock/live/a.wav", "rock/b.wav", "jazz/live/a.wav"],
        ["70s/a.wav", "80s/a.wav"],
        ["rock/a.wav", "training songs/a.wav"],
        ["trance/a.wav", "valse/a.wav", "testament/a.wav"],
        ["rock/1/a.wav", "jazz/2/a.wav"],
    ],
)
def test_other_folders_are_believed(tmp_path, names):
    put(tmp_path, *names)
    assert quiet(tmp_path) == {name: name.split("/")[0] for name in names}


FOLDERS = st.sampled_from(["train", "Val", "test", "rock", "1", "000", "fold1", "a b"])
NAMES = st.lists(
    st.builds("/".join, st.lists(FOLDERS, max_size=3).map(lambda folders: [*folders, "x.wav"])),
    unique=True,
    max_size=6,
)


@given(names=NAMES)
def test_of_any_folders_either_a_doubt_is_told_or_each_file_has_one_place(names):
    places = place_files(names)
    assert len(places) == len(names)
    doubt = find_doubt(Path("music"), names)
    assert doubt is None or "music" in str(doubt)
    for name, (genre, split) in zip(names, places, strict=True):
        folders = name.split("/")[:-1]
        assert genre in ("", *folders[:2])
        if split:
            assert genre == (folders[1] if len(folders) > 1 else "")
        else:
            assert genre == (folders[0] if folders else "")
        if not doubt and genre:  # no split is ever taken for a genre
            assert genre == folders[1] if split else genre.lower() not in ("train", "val", "test")


def test_genres_that_are_one_name_are_joined(tmp_path):
    folders = ["rock", "rock", "Rock", "rock ", NFC, NFD]
    put(tmp_path, *[f"{folder}/{number}.wav" for number, folder in enumerate(folders)])
    with pytest.warns(UserWarning, match="are one: .*'rock'"):
        assert set(genres(tmp_path).values()) == {"rock", NFC}


def test_what_is_left_out_is_told_by_reason(music):
    put(music, "loose.wav", "rock/cover.png", os.fsdecode(b"rock/x\xff.wav"), "rock/x.xyz")
    (music / "jazz/gone.wav").symlink_to("nowhere")
    (music / "jazz/up").symlink_to("..")
    says = (
        r"1 linked to nowhere \(jazz/gone\.wav\), 1 linked in a circle \(jazz/up\), 1 \.png, "
        r"1 \.xyz \(rock/x\.xyz\), 1 with a name that is not UTF-8, to be renamed "
        r"\(rock/x\udcff\.wav\), 1 outside a genre folder \(loose\.wav\)"
    )
    with pytest.warns(UserWarning, match=says) as caught:
        assert genres(music) == OF_FOLDERS
    assert len(caught) == 1


@pytest.mark.parametrize("suffix", ["mp3", "MP3"])
def test_files_of_fma_have_no_genre_whatever_their_folder(music, suffix):
    put(music, f"000/000002.{suffix}")
    assert fma_track(f"000/000002.{suffix}") == "2"
    with pytest.warns(UserWarning, match=rf"1 outside a genre folder \(000/000002\.{suffix}\)"):
        assert genres(music) == OF_FOLDERS
    assert described(music) == {f"000/000002.{suffix}": ""} | OF_FOLDERS


def described(folder: Path) -> dict[str, str]:
    """The genres of all audio files by path, without a warning, which fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {entry.path: entry.genre for entry in describe_files(folder)}


def test_what_a_dataset_refuses_others_are_warned_of(music):
    put(music, "test/a.wav", "loose.wav")
    with user_error("folder.splits", "(test)"):
        read_folder(music)
    with pytest.warns(UserWarning, match=r"but .*called after splits \(test\)") as caught:
        found = {entry.path: entry.genre for entry in describe_files(music)}
    assert found == OF_FOLDERS | {"test/a.wav": "test", "loose.wav": ""}
    assert len(caught) == 1


def test_some_splits_only_are_enough_where_nobody_trains(tmp_path):
    put(tmp_path, *of_splits("train", "test"))
    assert described(tmp_path) == {p: p.split("/")[1] for p in of_splits("train", "test")}


def test_genres_are_joined_and_asked_about_for_all(tmp_path):
    put(tmp_path, "Rock/a.wav", "rock/b.wav", "rock/c.wav", "1/a.wav")
    with pytest.warns(UserWarning, match="are one: .*'rock'"):
        assert {entry.genre for entry in describe_files(tmp_path)} == {"rock", "1"}
    put(tmp_path / "numbers", "1/a.wav", "2/a.wav")
    with pytest.warns(UserWarning, match="are called 1, 2"):
        describe_files(tmp_path / "numbers")


# What follows is of index.csv.


def write_index(folder: Path, rows: list[str], encoding: str = "utf-8") -> Path:
    (folder / "index.csv").write_bytes("\r\n".join([*rows, ""]).encode(encoding))
    return folder


def rows_of(spelling: str, delimiter: str = ",") -> list[str]:
    """A row for every file, whose path is written in a way: g is the genre, n the number."""
    return [
        spelling.format(g=genre, G=genre.title(), n=number) + f"{delimiter}{genre}"
        for genre in GENRES
        for number in range(3)
    ]


@pytest.mark.parametrize(
    "spelling",
    [
        "{g}/{n}.wav", "./{g}/{n}.wav", "{g}//{n}.wav", "{g}\\{n}.wav", ".\\{g}\\{n}.wav",
        "{g}/./{n}.wav", "{G}/{n}.WAV", "{g}/{n}.Wav", " {g}/{n}.wav ", '"{g}/{n}.wav"',
    ],
)  # fmt: skip
def test_paths_are_found_however_they_are_spelled(music, spelling):
    write_index(music, ["path,genre", *rows_of(spelling)])
    assert quiet(music) == OF_FOLDERS


def test_absolute_paths_below_the_folder_are_its_own(music):
    write_index(music, ["path,genre", *rows_of(f"{music.resolve()}/{{g}}/{{n}}.wav")])
    assert quiet(music) == OF_FOLDERS


@pytest.mark.parametrize(("written", "on_disk"), [(NFC, NFD), (NFD, NFC)])
def test_paths_are_found_in_another_unicode_form(tmp_path, written, on_disk):
    put(tmp_path, f"{on_disk}/a.wav", "rock/a.wav")
    write_index(tmp_path, ["path", f"{written}/a.wav", "rock/a.wav"])
    assert quiet(tmp_path) == {f"{on_disk}/a.wav": NFC, "rock/a.wav": "rock"}


def test_a_path_that_could_be_two_files_is_none_of_them(tmp_path):
    put(tmp_path, "rock/a.wav", "Rock/a.wav", "jazz/a.wav", "jazz/A.wav")
    write_index(tmp_path, ["path,genre", "Rock/a.wav,x", "ROCK/a.wav,x", "jazz/a.wav,y"])
    with pytest.warns(UserWarning, match="2 that index.csv does not name"):
        assert set(genres(tmp_path)) == {"Rock/a.wav", "ROCK/a.wav", "jazz/a.wav"}


@pytest.mark.parametrize("again", ["rock/0.wav", "./rock/0.wav", "Rock\\0.wav", "rock//0.WAV"])
def test_a_file_named_twice_is_refused_however_it_is_spelled(music, again):
    write_index(music, ["path,genre", *rows_of("{g}/{n}.wav"), f"{again},jazz"])
    with user_error("table.duplicate_track", "rock/0.wav", "line 2", "line 8", again):
        read_folder(music)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "header", [("path", "genre"), ("File Name", "Class"), ("filepath", "LABEL"), ("file", "genre")]
)
def test_an_index_is_read_as_spreadsheets_write_it(music, delimiter, encoding, header):
    rows = [delimiter.join(header), *rows_of("{g}/{n}.wav", delimiter), "", delimiter]
    write_index(music, rows, encoding)
    assert quiet(music) == OF_FOLDERS
    if delimiter == ";":
        write_index(music, [f"sep={delimiter}", *rows], encoding)
        assert quiet(music) == OF_FOLDERS
        write_index(music, ["sep=|", *(row.replace(";", "|") for row in rows)], encoding)
        assert quiet(music) == OF_FOLDERS
        write_index(music, [f"sep={delimiter}", *rows, "rock/x.wav"], encoding)
        with user_error("table.ragged_row", f"line {len(rows) + 2},", "1 fields"):
            read_folder(music)


def test_rows_may_be_filled_up_and_columns_without_a_name_are_left_out(music):
    rows = [f"{number},{row},,," for number, row in enumerate(rows_of("{g}/{n}.wav"))]
    write_index(music, [",path,genre,,", *rows])
    entries = read_folder(music)
    assert {entry.path: entry.genre for entry in entries} == OF_FOLDERS
    assert all(entry.groups == {} for entry in entries)


def test_further_columns_are_kept_and_path_and_genre_come_before_their_aliases(music):
    rows = [f"{row},{number},x" for number, row in enumerate(rows_of("{g}/{n}.wav"))]
    write_index(music, ["path,genre,Label,my column", *rows])
    entry = read_folder(music)[-1]
    assert (entry.path, entry.genre) == ("rock/2.wav", "rock")
    assert entry.groups == {"label": "2", "my column": "x"}


@pytest.mark.parametrize("name", ["INDEX.CSV", "Index.csv"])
def test_an_index_is_found_in_any_case(music, name):
    write_index(music, ["path,genre", *rows_of("{g}/{n}.wav")]).joinpath("index.csv").rename(
        music / name
    )
    assert quiet(music) == OF_FOLDERS
    shutil.copy(music / name, music / "index.csv")
    with user_error("table.ambiguous", name, "index.csv"):
        read_folder(music)


def test_files_that_no_row_names_are_counted(music):
    put(music, "rock/x.xyz", "rock/cover.jpg")
    write_index(music, ["path,genre", *rows_of("{g}/{n}.wav")[:-1], "rock/x.xyz,rock"])
    says = r"1 \.jpg, 1 that index\.csv does not name \(jazz/2\.wav\)"
    with pytest.warns(UserWarning, match=says) as caught:
        assert genres(music).keys() == {*PATHS[:-1], "rock/x.xyz"}
    assert len(caught) == 1


def test_files_that_no_row_names_are_kept_and_told_where_all_are_asked_for(music):
    put(music, "rock/x.xyz")
    write_index(music, ["path,genre", *rows_of("{g}/{n}.wav")[:3], "rock/x.xyz,rock", "gone.wav,x"])
    says = r"index\.csv does not name 3 .*\(jazz/0\.wav, jazz/1\.wav, jazz/2\.wav\), which are used"
    with pytest.warns(UserWarning, match=says) as caught:
        found = {entry.path: entry.genre for entry in describe_files(music)}
    assert found == OF_FOLDERS | dict.fromkeys(PATHS[3:], "") | {
        "rock/x.xyz": "rock",
        "gone.wav": "x",
    }
    assert len(caught) == 1  # nor is index.csv itself told of


def test_an_index_that_leaves_genres_to_folders_is_asked_about(music):
    put(music, "loose.wav")
    write_index(music, ["path", *PATHS, "loose.wav"])
    with user_error("table.missing_genre", "line 8", "loose.wav"):
        read_folder(music)
    with pytest.warns(UserWarning, match=r"line 8: no genre for loose\.wav"):
        assert {e.path: e.genre for e in describe_files(music)} == OF_FOLDERS | {"loose.wav": ""}


def test_a_folder_without_audio_says_what_there_is(tmp_path):
    put(tmp_path, "a.txt")
    with user_error("audio.no_files", str(tmp_path), "left out: 1 .txt"):
        describe_files(tmp_path)
    with user_error("folder.not_found", "gone"):
        describe_files(tmp_path / "gone")


def test_an_index_can_say_that_folders_of_splits_are_no_genres(tmp_path):
    put(tmp_path, *of_splits("train", "test"))
    rows = [f"{name},{name.split('/')[1]}" for name in of_splits("train", "test")]
    write_index(tmp_path, ["path,genre", *rows])
    entries = read_folder(tmp_path)
    assert {entry.genre for entry in entries} == set(GENRES)
    assert {entry.split for entry in entries} == {""}
    # Without genres the folders speak again, and are not believed either.
    write_index(tmp_path, ["path", *of_splits("train", "test")])
    with user_error("split.empty", "validation"):
        read_folder(tmp_path)


def test_genres_of_an_index_are_joined(music):
    names = ["Rock", "rock", " ROCK", "Jazz", "jazz", "jazz"]
    rows = [f"{path},{name}" for path, name in zip(PATHS, names, strict=True)]
    write_index(music, ["path,genre", *rows])
    with pytest.warns(UserWarning, match=r"index\.csv: .*'jazz' \(also written 'Jazz'\)"):
        assert set(genres(music).values()) == {"Rock", "jazz"}


def test_an_artist_is_one_however_spelled(music):
    names = ["The Band", "the  band", NFC, NFD, "THE BAND ", ""]
    rows = [f"{path},{name}" for path, name in zip(PATHS, names, strict=True)]
    write_index(music, ["path,artist", *rows])
    artists = {entry.path: entry.artist for entry in read_folder(music)}
    one = ["The Band", "The Band", NFC, NFC, "The Band", ""]
    assert artists == dict(zip(PATHS, one, strict=True))


def test_artists_that_stand_for_nothing_are_told(music):
    write_index(music, ["path,artist", *(f"{path},NaN" for path in PATHS)])
    with pytest.warns(UserWarning, match="6 tracks are by 'NaN', such as rock/0.wav"):
        read_folder(music)


@pytest.mark.parametrize(
    ("rows", "code", "named"),
    [
        (["path,genre"], "folder.no_audio", ["names no file"]),
        ([], "table.wrong_columns", ["none"]),
        (["path,genre", "C:\\music\\a.wav,x"], "table.path_outside", ["line 2", "C:\\music"]),
        (["path,genre", "C:\\m\\Rock\\0.wav,x"], "table.path_outside", ["such as rock/0.wav"]),
        (["path,genre", "rock/0.wav,x", "rock/1.wav,nan"], "table.missing_genre", ["line 3"]),
        (["path,genre", "rock/0.wav,N/A"], "table.missing_genre", ["'N/A'", "leave it empty"]),
        (["path,genre", "\\\\nas\\a.wav,x"], "table.path_outside", ["line 2"]),
        (["path,genre", "rock\\..\\..\\a.wav,x"], "table.path_outside", ["line 2"]),
        (["path,genre", "/etc/a.wav,x"], "table.path_outside", ["line 2"]),
        (["path,genre", ",x"], "table.path_outside", ["line 2"]),
        (["path,genre", "", "", "rock/0.wav,a,b"], "table.ragged_row", ["line 4", "3 fields"]),
        (["path,genre", "rock/0.wav"], "table.ragged_row", ["line 2", "1 fields"]),
        (["path,genre", '"rock/"0.wav",x'], "table.not_csv", ["line 2"]),
        (
            ["path,genre", "music/rock/0.wav,x"],
            "table.no_match",
            ["music/rock", "jazz/0.wav"],
        ),
        (["path,genre", "0.wav,"], "table.no_match", ["0.wav"]),
        (["path,path", "rock/0.wav,x"], "table.wrong_columns", ["path, path"]),
        (["path,genre,split", "rock/0.wav,x,best"], "table.unknown_split", ["'best'"]),
    ],
)
def test_what_is_wrong_with_an_index_is_one_sentence(music, rows, code, named):
    write_index(music, rows)
    with user_error(code, "index.csv", *named):
        read_folder(music)


def test_an_index_of_another_encoding_says_the_line(music):
    write_index(music, ["path,genre", "rock/0.wav,rock", "jazz/0.wav,música"], "cp1252")
    with user_error("table.not_csv", "line 3", "UTF-8"):
        read_folder(music)


def test_an_index_that_cannot_be_read_is_not_passed_over(music):
    (music / "index.csv").symlink_to("nowhere")
    with user_error("file.unreadable", "index.csv"):
        read_folder(music)
    (music / "index.csv").unlink()
    (music / "index.csv").mkdir()
    with user_error("file.unreadable", "index.csv"):
        read_folder(music)


@given(
    rows=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=1),
        max_size=5,
    )
)
def test_any_text_is_read_or_refused(tmp_path_factory, rows):
    index = tmp_path_factory.getbasetemp() / "any.csv"
    index.write_text("path,genre\n" + "\n".join(map(",".join, rows)), encoding="utf-8", newline="")
    with contextlib.suppress(UserError):
        found = read_index_table(index)
        assert all(row.values.keys() == {"path", "genre"} for row in found)
