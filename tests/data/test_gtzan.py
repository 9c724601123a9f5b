"""GTZAN in each of its forms: published splits, splits of its own, and what is wrong with it."""

import json
import shutil
import tarfile
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
from errors import user_error

from mgr_jax.audio.io import decode_flac
from mgr_jax.data.artists import find_artists, read_artists
from mgr_jax.data.gtzan.gtzan_dataset_builder import Builder, GtzanConfig
from mgr_jax.data.gtzan.names import GENRES
from mgr_jax.data.named_splits import split_tracks
from mgr_jax.data.published import read_list

RATE = 22_050
FRACTIONS = (0.6, 0.2, 0.2)


LISTS = read_list("fault_filtered")


def some_tracks() -> list[str]:
    """Per genre, three tracks of the train list, one of each other list, and one of none."""
    tracks = []
    for genre in GENRES:
        of = defaultdict(list)
        for track in (f"{genre}.{number:05d}" for number in range(100)):
            of[LISTS.get(track, "")].append(track)
        tracks += [*of["train"][:3], of["validation"][0], of["test"][0], *of[""][:1]]
    return tracks


TRACKS = some_tracks()
UNLISTED = [track for track in TRACKS if track not in LISTS]


def write_tree(folder: Path, suffix: str) -> None:
    for seed, track in enumerate(TRACKS):
        path = folder / track.split(".")[0] / f"{track}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 2205), RATE)


@pytest.fixture(scope="session")
def forms(tmp_path_factory) -> dict[str, Path]:
    """A manual_dir for each form in which GTZAN is found; all hold the same audio."""
    root = tmp_path_factory.mktemp("gtzan")
    forms = {name: root / name for name in ("au", "kaggle", "bare", "tar", "zip")}
    write_tree(forms["au"] / "genres", ".au")
    write_tree(forms["kaggle"] / "Data/genres_original", ".wav")
    (forms["kaggle"] / "Data/features_30_sec.csv").write_text("filename,length\n")
    write_tree(forms["bare"], ".flac")
    for name in ("tar", "zip"):
        forms[name].mkdir()
    with tarfile.open(forms["tar"] / "genres.tar.gz", "w:gz") as tar:
        tar.add(forms["au"] / "genres", "genres")
    with zipfile.ZipFile(forms["zip"] / "archive.zip", "w") as archive:
        for path in sorted(forms["kaggle"].rglob("*")):
            archive.write(path, path.relative_to(forms["kaggle"]))
    return forms


@pytest.fixture
def copy(forms, tmp_path) -> Path:
    """A copy of the Kaggle form that a test may spoil."""
    return shutil.copytree(forms["kaggle"], tmp_path / "copy")


def make_builder(data_dir: Path, **config) -> Builder:
    settings = GtzanConfig(name="gtzan", description="GTZAN.", sample_rate=RATE, **config)
    builder = Builder(config=settings, data_dir=str(data_dir))
    builder.num_workers = 0
    return builder


def plan(manual_dir: Path, data_dir: Path, **config) -> tuple[dict[str, str], dict]:
    """The split of every track, and the protocol."""
    planned = make_builder(data_dir, **config).plan(manual_dir)
    splits = {t.track_id: split for split, tracks in planned.tracks.items() for t in tracks}
    assert len(splits) == sum(map(len, planned.tracks.values()))  # no track is in two splits
    return splits, dict(planned.account)


def build(manual_dir: Path, data_dir: Path, **config) -> tuple[dict[str, list], Path]:
    """The records of every split, and the dataset's folder."""
    builder = make_builder(data_dir, **config)
    builder.planned = builder.plan(manual_dir)
    builder.download_and_prepare(
        file_format="array_record",
        download_config=tfds.download.DownloadConfig(manual_dir=str(manual_dir)),
    )
    folder = Path(builder.data_path)
    return {name: list(builder.as_data_source(name)) for name in builder.info.splits}, folder


def write_artists(path: Path, artist_of: dict[str, str]) -> Path:
    rows = [f"{track},{artist},a title" for track, artist in artist_of.items()]
    path.write_text("\n".join(["track,artist,title", *rows]) + "\n")
    return path


def cut_tar(path: Path) -> None:
    """Writes the first half of a tar archive."""
    with tarfile.open(path, "w:gz") as tar:
        tar.add(__file__, "genres/blues/blues.00000.au")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_the_published_lists_have_the_published_sizes():
    assert Counter(LISTS.values()) == {"train": 443, "validation": 197, "test": 290}
    of_genre = Counter(track.split(".")[0] for track, split in LISTS.items() if split == "test")
    assert set(of_genre) == set(GENRES)
    assert min(of_genre.values()) == 26
    assert max(of_genre.values()) == 32


@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
def test_every_form_gives_the_same_dataset(forms, tmp_path):
    expected = {track: LISTS[track] for track in TRACKS if track in LISTS}
    sources = set()
    for name, manual_dir in forms.items():
        found, folder = build(manual_dir, tmp_path / name)
        assert {
            row["track_id"].decode(): split for split, rows in found.items() for row in rows
        } == expected
        protocol = json.loads((folder / "protocol.json").read_text())
        assert protocol["classes"] == list(GENRES)
        assert protocol["given"]
        assert protocol["unlisted"] == len(UNLISTED)
        for row in found["test"]:
            track = row["track_id"].decode()
            assert track.split(".")[0] == GENRES[row["label"]]
            seed = TRACKS.index(track)
            samples = np.random.default_rng(seed).normal(0, 0.1, 2205)
            np.testing.assert_allclose(decode_flac(row["audio"]) / 32768, samples, atol=4e-5)
        sources.add((name == "bare", protocol["source"]))
    # The source tells names and sizes: au and wav have headers of different lengths.
    assert len(sources) == 3


@pytest.mark.parametrize("splits", ["fault_filtered", "stratified", "artist"])
@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks", "ignore:.* artists stand")
def test_splits_are_disjoint_and_say_how_they_were_made(forms, tmp_path, splits):
    artist_of = {t: f"{t.split('.')[0]} band {i % 5}" for i, t in enumerate(TRACKS) if t in LISTS}
    index = write_artists(tmp_path / "artists.csv", artist_of)
    options = {"splits": splits, "artists": index, "fractions": FRACTIONS}
    found, protocol = plan(forms["kaggle"], tmp_path, seed=1, **options)
    assert set(found.values()) == {"train", "validation", "test"}
    homes = defaultdict(set)
    for track, split in found.items():
        if track in artist_of:
            homes[artist_of[track]].add(split)
    crossing = sum(len(splits) > 1 for splits in homes.values())
    assert protocol["artists_in_several_splits"] == crossing
    assert protocol["unknown"] == {"artist": len(UNLISTED)}
    assert protocol["split_by"] == ["artist" if splits == "artist" else "track"]
    if splits == "artist":
        assert not crossing
    if splits == "fault_filtered":
        assert found.items() <= LISTS.items()
    else:
        assert sorted(found) == sorted(TRACKS)
        again, _ = plan(forms["kaggle"], tmp_path, seed=1, **options)
        other, _ = plan(forms["kaggle"], tmp_path, seed=2, **options)
        assert found == again != other
        of_genre = Counter((track.split(".")[0], split) for track, split in found.items())
        assert len(of_genre) == 30


def test_without_an_index_nothing_is_said_of_artists(forms, tmp_path):
    _, protocol = plan(forms["kaggle"], tmp_path, splits="stratified")
    assert protocol["artists_in_several_splits"] is None
    assert protocol["unknown"] == {}


def test_both_forms_of_the_index_are_read(tmp_path):
    public = tmp_path / "index.txt"
    public.write_text(
        "## a comment\n\nblues.00000.wav ::: A, B & C ::: One: Two\nblues.00001.wav ::: :::\n"
    )
    table = tmp_path / "index.csv"
    table.write_text('track,artist,title\nblues.00000,"A, B & C",One: Two\nblues.00001,,\n')
    assert (
        read_artists(public)
        == read_artists(table)
        == {
            "blues.00000": "A, B & C",
            "blues.00001": "",
        }
    )


def test_identical_files_stay_on_one_side_where_the_split_is_ours(copy, tmp_path):
    tree = copy / "Data/genres_original"
    twins = sorted((tree / "pop").iterdir())[:4]
    for path in twins[1:]:
        shutil.copy(twins[0], path)
    found, folder = build(copy, tmp_path / "tfds", splits="stratified", fractions=FRACTIONS)
    marks = {
        (split, json.loads(row["groups"])["identical"])
        for split, rows in found.items()
        for row in rows
        if b"identical" in row["groups"]
    }
    assert len(marks) == 1
    protocol = json.loads((folder / "protocol.json").read_text())
    assert protocol["identical"] == [[path.stem for path in twins]]
    assert protocol["identical_files"] == 4
    assert not protocol["identical_across"]


@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
def test_identical_files_on_two_published_lists_are_listed(copy, tmp_path):
    pop = [track for track in TRACKS if track.startswith("pop")]
    a = next(track for track in pop if LISTS.get(track) == "train")
    b = next(track for track in pop if LISTS.get(track) == "test")
    tree = copy / "Data/genres_original/pop"
    shutil.copy(tree / f"{a}.wav", tree / f"{b}.wav")
    with pytest.warns(UserWarning, match="part identical files"):
        found, protocol = plan(copy, tmp_path)
    assert protocol["identical_across"] == [sorted([a, b])]
    assert (found[a], found[b]) == ("train", "test")


@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
@pytest.mark.parametrize("zipped", [False, True])
def test_unreadable_tracks_are_skipped_and_listed(copy, tmp_path, zipped):
    broken, empty = "jazz.00054", TRACKS[-4]  # the former is the one of Kaggle's copy
    tree = copy / "Data/genres_original"
    (tree / f"jazz/{broken}.wav").write_bytes(b"\x00\xff" * 500)
    (tree / f"rock/{empty}.wav").write_bytes(b"")
    if zipped:
        shutil.make_archive(str(copy / "archive"), "zip", copy, "Data")
        shutil.rmtree(copy / "Data")
    found, folder = build(copy, tmp_path / "tfds")
    skipped = json.loads((folder / "skipped.json").read_text())
    assert set(skipped) == {broken, empty}
    within = "archive.zip/" if zipped else ""
    assert f"copy/{within}Data/genres_original/jazz/{broken}.wav cannot be" in skipped[broken]
    assert "is empty" in skipped[empty]
    stored = {row["track_id"].decode() for rows in found.values() for row in rows}
    assert stored == {track for track in TRACKS if track in LISTS} - {empty}


@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
def test_one_recording_under_two_genres_is_told(copy, tmp_path):
    tree = copy / "Data/genres_original"
    pop = next(track for track in TRACKS if track.startswith("pop"))
    shutil.copy(tree / f"pop/{pop}.wav", tree / f"rock/{TRACKS[-1]}.wav")
    with pytest.warns(UserWarning, match=rf"pop/{pop}\.wav \(pop\) and .*\(rock\)"):
        plan(copy, tmp_path)


def test_strange_files_and_missing_tracks_are_counted(copy, tmp_path):
    tree = copy / "Data/genres_original"
    for name in ("blues/notes.txt", "blues/jazz.00001.wav", "blues/blues.1.wav"):
        (tree / name).write_text("strange")
    for track, split in LISTS.items():
        if split == "test":
            (tree / track.split(".")[0] / f"{track}.wav").unlink(missing_ok=True)
    with (
        pytest.warns(
            UserWarning, match=r"1 \.txt, 2 not called <genre>\.<5 digits> \(blues/blues\.1\.wav"
        ),
        pytest.warns(UserWarning, match="30 of 443 train, 10 of 197 validation, 0 of 290 test"),
    ):
        found, protocol = plan(copy, tmp_path)
    assert set(found.values()) == {"train", "validation"}
    assert not protocol["complete"]


@pytest.mark.parametrize(
    ("spoil", "config", "code", "named"),
    [
        (
            shutil.rmtree,
            {},
            "dataset.incomplete",
            ("GTZAN", "genres/<genre>", "24347e02", "kaggle.com"),
        ),
        (lambda f: shutil.rmtree(f / "Data"), {}, "dataset.incomplete", ("GTZAN",)),
        (
            lambda f: [shutil.rmtree(f / "Data"), cut_tar(f / "genres.tar.gz")],
            {},
            "archive.damaged",
            ("genres.tar.gz",),
        ),
        (
            lambda f: [shutil.rmtree(f / "Data"), (f / "archive.zip").write_bytes(b"no zip")],
            {},
            "archive.damaged",
            ("archive.zip",),
        ),
        (
            lambda f: shutil.copy(
                f / f"Data/genres_original/blues/{TRACKS[0]}.wav",
                f / f"Data/genres_original/blues/{TRACKS[0]}.au",
            ),
            {},
            "dataset.duplicate_track",
            (TRACKS[0],),
        ),
        (lambda f: None, {"splits": "random"}, "unknown_name", ("'random'",)),
        (lambda f: None, {"splits": "artist"}, "artists.unknown", ("github.com/boblsturm/GTZAN",)),
        (lambda f: None, {"artists": "missing.csv"}, "file.unreadable", ("missing.csv",)),
        (
            lambda f: (f / "i.csv").write_text("track,band\nx,y\n"),
            {"artists": "i.csv"},
            "table.missing_column",
            ("'artist'",),
        ),
        (
            lambda f: (f / "i.csv").write_text(""),
            {"artists": "i.csv"},
            "table.missing_column",
            ("'track'",),
        ),
        (
            lambda f: (f / "i.csv").write_bytes(b"\xff\xfe"),
            {"artists": "i.csv"},
            "table.not_csv",
            ("i.csv", "UTF-8"),
        ),
        (
            lambda f: (f / "i.csv").write_text("track,artist\n1,A\n"),
            {"artists": "i.csv"},
            "table.no_match",
            ("i.csv", f"{len(TRACKS)} tracks"),
        ),
        (
            lambda f: [
                path.unlink() for path in f.rglob("*.wav") if LISTS.get(path.stem) == "train"
            ],
            {},
            "protocol.missing_tracks",
            ("0 of 443 train",),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:of the fault-filtered tracks")
def test_what_is_wrong_is_one_sentence(copy, tmp_path, spoil, config, code, named):
    spoil(copy)
    if "artists" in config:
        config = config | {"artists": copy / config["artists"]}
    with user_error(code, *named):
        plan(copy, tmp_path / "tfds", **config)


def test_the_real_artists_stay_on_one_side(shared_dir):
    index = shared_dir / "data/gtzan_artists.csv"
    artist_of = read_artists(index)
    tracks = [f"{genre}.{number:05d}" for genre in GENRES for number in range(100)]
    genres = [track.split(".")[0] for track in tracks]
    artists = find_artists(index, tracks)
    options = {"artists": artists, "fractions": FRACTIONS, "seed": 0, "identical": [""] * 1000}
    splits, protocol = split_tracks(tracks, genres, splits="artist", **options)
    homes = defaultdict(set)
    for track, split in zip(tracks, splits, strict=True):
        if artist_of[track]:
            homes[artist_of[track]].add(split)
    assert all(len(found) == 1 for found in homes.values())
    assert protocol["unknown"] == {"artist": 17}
    assert 560 < splits.count("train") < 640

    with pytest.warns(UserWarning, match="10 artists are in several fault_filtered"):
        splits, protocol = split_tracks(tracks, genres, splits="fault_filtered", **options)
    assert Counter(splits) == {"train": 443, "validation": 197, "test": 290, "": 70}


def test_real_clips_stand_on_the_published_lists(shared_dir, tmp_path):
    with pytest.warns(UserWarning, match="46 of 443 train, 54 of 197 validation, 0 of 290 test"):
        found, protocol = plan(shared_dir / "data/gtzan_audio_dev", tmp_path)
    assert Counter(found.values()) == {"train": 46, "validation": 54}
    assert protocol["unlisted"] == 7
