"""What FMA is read from: what is missing, damaged, elsewhere or there in part."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from errors import user_error
from fma_miniature import RATE, builder, mp3_path, write_metadata, write_mp3, zip_folder

from mgr_jax import cli
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.fma import published
from mgr_jax.data.fma.metadata import Row, read_tracks
from mgr_jax.data.fma.sources import check_sha1, find_clips, find_sources
from mgr_jax.data.prepare import prepare
from mgr_jax.data.track_builder import Plan


@pytest.fixture
def plan(tmp_path) -> Callable[..., Plan]:
    def make(manual_dir: Path, subset: str = "medium", **options) -> Plan:
        return builder(subset, tmp_path / "tfds", **options).plan(manual_dir)

    return make


@pytest.mark.parametrize("there", ["nothing", "metadata", "audio", "empty audio"])
def test_missing_files_are_named_with_the_tree_address_and_sum(plan, tmp_path, there):
    folder = tmp_path / "manual"
    if "metadata" in there or "empty" in there:
        write_metadata(folder / "fma_metadata")
    if "audio" in there:
        (folder / "fma_small").mkdir(parents=True)
    lacks = {"metadata": "the audio", "empty audio": "19 of the 19 clips"}
    with user_error(
        "dataset.incomplete",
        f"{folder} lacks {lacks.get(there, 'the metadata')} of FMA small",
        "fma_metadata.zip (https://os.unil.cloud.switch.ch/fma/fma_metadata.zip, SHA-1 "
        "f0df49ffe5f2a6008d7dc83c6915b31835dfe733)",
        "fma_small.zip (https://os.unil.cloud.switch.ch/fma/fma_small.zip, SHA-1 "
        "ade154f733639d52e35e32f5593efe5be76c6d70)",
        "fma_metadata/tracks.csv",
        "fma_small/000/000002.mp3",
        "https://github.com/mdeff/fma",
    ):
        plan(folder, "small")


def change(name: str, old: str, new: str) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return apply


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda folder: (folder / "tracks.csv").write_text(""), "tracks.csv in"),
        (lambda folder: (folder / "genres.csv").write_bytes(b"\xff\xfe"), "genres.csv in"),
        (lambda folder: (folder / "tracks.csv").write_bytes(b'"\xff'), "tracks.csv in"),
        (change("tracks.csv", "genres_all", "genres_some"), "genres_all"),
        (change("tracks.csv", "\ntrack_id,", "\n2,"), "third line"),
        (change("tracks.csv", "\n1001,", "\n1001,7,"), "54 fields instead of 53"),
        (change("tracks.csv", "\n1000,", "\n1002,"), "a track twice"),
        (change("tracks.csv", ",medium,", ",huge,"), "subset 'huge'"),
        (change("tracks.csv", ",training,", ",learning,"), "split 'learning'"),
        (change("tracks.csv", "[12]", "[12"), "tracks.csv in"),
        (change("tracks.csv", "[12]", "[13]"), "genre 13"),
        (change("tracks.csv", "\n1000,", '\n"1000,'), "tracks.csv in"),
        (change("tracks.csv", ",small,", ",large,"), "subset small"),
        (change("genres.csv", "parent", "mother"), "genres.csv in"),
        (change("genres.csv", ",12,Punk", ",Rock,Punk"), "genres.csv in"),
    ],
)
def test_a_damaged_table_is_one_sentence(plan, tmp_path, spoil, named):
    write_metadata(tmp_path / "fma_metadata")
    (tmp_path / "fma_small").mkdir()
    spoil(tmp_path / "fma_metadata")
    with user_error("metadata.damaged", named, f"{published.URL}/fma_metadata.zip"):
        plan(tmp_path, "small")


@pytest.mark.parametrize("name", ["tracks.csv", "genres.csv"])
def test_a_missing_table_is_named(plan, tmp_path, name):
    write_metadata(tmp_path / "fma_metadata")
    (tmp_path / "fma_small").mkdir()
    (tmp_path / "fma_metadata" / name).unlink()
    with user_error("archive.missing_file", name, f"{published.URL}/fma_metadata.zip"):
        plan(tmp_path, "small")


def test_an_unknown_subset_is_named(plan, tmp_path):
    with user_error("unknown_name", "FMA subset 'smal'", "small"):
        plan(tmp_path, "smal")


def test_splits_without_a_clip_are_left_out_by_consent(tmp_path):
    write_metadata(tmp_path / "fma_metadata")
    write_mp3(mp3_path(tmp_path / "fma_small", 1_000), 1_000, 300)
    options = {"data_dir": tmp_path / "tfds", "sample_rate": RATE, "num_workers": 0}
    for subset, tracks in (("small", 19), ("medium", 35), ("large", 37)):
        with user_error("dataset.incomplete", f"FMA {subset}", "`allow_missing`"):
            prepare(f"fma/{subset}", manual_dir=tmp_path, **options)
        with (
            pytest.warns(UserWarning, match="holds no clip of the test split"),
            pytest.warns(UserWarning, match=r"the 1 clips in .* of one genre \(Rock\)"),
        ):
            found = prepare(f"fma/{subset}", manual_dir=tmp_path, allow_missing=True, **options)
        assert found.tracks == {"train": {"Rock": 1}}
        assert len(found.skipped) == tracks - 1


def test_the_command_line_takes_the_consent(tmp_path, capsys):
    write_metadata(tmp_path / "fma_metadata")
    write_mp3(mp3_path(tmp_path / "fma_small", 1_000), 1_000, 300)
    argv = ["prepare_data", "--dataset=fma/small", f"--manual_dir={tmp_path}", "--workers=0"]
    argv += [f"--data_dir={tmp_path / 'tfds'}", f"--sample_rate={RATE}"]
    assert cli.main(argv) == 1
    assert "`allow_missing`" in capsys.readouterr().err
    assert cli.main([*argv, "--allow_missing"]) == 0
    assert "1 train tracks (18 skipped)" in capsys.readouterr().out


def test_genuine_files_are_read_and_prepared_by_consent(shared_dir, tmp_path):
    """Pieces of FMA's own tracks.csv and genres.csv, and one of its clips."""
    real = shared_dir / "data/fma_real"
    counts = {"small": 58, "medium": 58 + 136, "large": 58 + 136 + 488}
    for subset, tracks in counts.items():
        rows = read_tracks(real / "fma_metadata", subset)
        assert len(rows) == tracks
        assert rows[0] == Row(2, "train", "small", "Hip-Hop", (21,), "1", "1")
        found = prepare(
            f"fma/{subset}",
            manual_dir=real,
            data_dir=tmp_path,
            sample_rate=RATE,
            num_workers=0,
            allow_missing=True,
        )
        assert found.tracks == {"train": {"Hip-Hop": 1}}
        assert len(found.skipped) == tracks - 1
        (clip,) = np.unique(open_tracks(found.folder, "train").length)
        assert abs(clip / RATE - 30) < 0.1


def lay(folder: Path, *names: str) -> Path:
    """Files that find_sources takes for FMA's: archives where the names say so."""
    for name in names:
        own = folder / name.removesuffix(".zip")
        inner = "tracks.csv" if "metadata" in name.lower() else "000/000002.mp3"
        (own / inner).parent.mkdir(parents=True)
        (own / inner).write_bytes(b"x")
        if name.endswith(".zip"):
            zip_folder(own)
            shutil.rmtree(own)
    return folder


@pytest.mark.parametrize(
    ("place", "given", "names"),
    [
        ("", "", ("FMA_metadata", "fma_SMALL")),
        ("x", "", ("fma_metadata.zip", "FMA_Small")),
        ("x", "", ("Fma_Metadata.zip", "FMA_Small.zip")),
        ("", "fma_metadata", ("fma_metadata", "fma_small")),
        ("", "FMA_Small", ("fma_metadata.zip", "FMA_Small")),
    ],
)
def test_sources_are_found_around_the_folder_that_is_given(tmp_path, place, given, names):
    lay(tmp_path / place, *names)
    metadata, audio = find_sources(tmp_path / given, "small")
    assert (metadata, audio) == tuple(tmp_path / place / name for name in names)
    assert list(find_clips(audio)) == [2]


def test_sources_above_a_folder_of_another_name_are_not_looked_for(tmp_path):
    lay(tmp_path, "fma_metadata", "fma_small")
    (tmp_path / "music").mkdir()
    with user_error("dataset.incomplete", f"{tmp_path / 'music'} lacks the metadata"):
        find_sources(tmp_path / "music", "small")


def test_an_archive_that_cannot_be_read_gives_way_to_its_folder(tmp_path):
    lay(tmp_path, "fma_metadata", "fma_small")
    archive = tmp_path / "fma_small.zip"
    archive.write_bytes(b"cut short")
    with pytest.warns(UserWarning, match=f"read {tmp_path}/fma_small, since .*is no zip archive"):
        assert find_sources(tmp_path, "small")[1] == tmp_path / "fma_small"
    (tmp_path / "fma_small/000/000002.mp3").unlink()  # nothing was unpacked
    assert find_sources(tmp_path, "small")[1] == archive


def test_another_checksum_is_refused_with_a_word_of_the_folder(tmp_path):
    lay(tmp_path, "FMA_Small.zip", "fma_small")
    archive = tmp_path / "FMA_Small.zip"
    with user_error("file.wrong_checksum", f"remove it to use {tmp_path / 'fma_small'}"):
        check_sha1(archive, allow_other=False, progress=False)
    assert check_sha1(archive, allow_other=True, progress=False) == (
        hashlib.sha1(archive.read_bytes()).hexdigest()
    )
