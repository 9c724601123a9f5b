"""FMA's table of features is read as it is published, with its tracks.csv."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from errors import user_error

from mgr_jax import cli
from mgr_jax.config import base_config
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.feature_files import read_features
from mgr_jax.data.prepare import prepare
from mgr_jax.training.train import train

COLUMNS = [
    (feature, statistic, f"{number:02d}")
    for feature, size in (("chroma_cens", 12), ("mfcc", 20), ("zcr", 1))
    for statistic in ("kurtosis", "max", "mean", "median", "min", "skew", "std")
    for number in range(1, size + 1)
]
GENRES = ("Electronic", "Hip-Hop", "Rock")
SPLITS = ("training", "training", "validation", "test")
# 24 tracks with a root genre (12 of them small, the rest medium) and two of large without one.
IDS = [2 + 3 * i for i in range(24)]
BARE = (134, 135)


def features() -> np.ndarray:
    """[tracks, columns] float64, bright in a third of the columns that tells the genre."""
    values = np.random.default_rng(0).normal(0, 100, (len(IDS) + 2, len(COLUMNS)))
    for row in range(len(IDS)):
        values[row, row % 3 :: 3] += 500
    return values


def write_features(path: Path, values: np.ndarray | None = None) -> None:
    """Writes features.csv as pandas does with three levels of columns and a named index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for level, name in enumerate(("feature", "statistics", "number")):
            writer.writerow([name, *(column[level] for column in COLUMNS)])
        writer.writerow(["track_id", *[""] * len(COLUMNS)])
        for track, row in zip([*IDS, *BARE], features() if values is None else values, strict=True):
            writer.writerow([track, *(f"{value:.10e}" for value in row)])


def write_tracks(path: Path) -> None:
    header = [
        ("album", "id"), ("artist", "id"), ("set", "split"), ("set", "subset"),
        ("track", "genre_top"), ("track", "genres_all"), ("track", "title"),
    ]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for level in zip(*header, strict=True):
            writer.writerow(["", *level])
        writer.writerow(["track_id", *[""] * len(header)])
        for row, track in enumerate(IDS):
            subset = "small" if row < 12 else "medium"
            about = [track // 2, f"9{row}", SPLITS[row // 3 % 4], subset, GENRES[row % 3], "[]"]
            writer.writerow([track, *about, "A, title\nof two lines"])
        for track in BARE:
            writer.writerow([track, -1, 7, "training", "large", "", "[]", ""])


@pytest.fixture(scope="module")
def metadata(tmp_path_factory) -> Path:
    """fma_metadata/ and fma_metadata.zip."""
    folder = tmp_path_factory.mktemp("fma") / "fma_metadata"
    write_features(folder / "features.csv")
    write_tracks(folder / "tracks.csv")
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_BZIP2) as archive:
        for path in folder.iterdir():
            archive.write(path, path.relative_to(folder.parent))
    return folder


def test_fmas_header_of_three_rows(metadata):
    table = read_features(metadata / "features.csv")
    assert table.columns == tuple(map(".".join, COLUMNS))
    assert list(table.track_id) == [str(track) for track in (*IDS, *BARE)]
    np.testing.assert_allclose(np.concatenate(table.features), features(), rtol=1e-7)
    assert not any(table.label)


@pytest.mark.parametrize("form", ["file and file", "file and zip", "zip", "folder"])
def test_features_join_tracks_in_every_form(metadata, form):
    archive = metadata.with_suffix(".zip")
    given = {
        "file and file": (metadata / "features.csv", metadata / "tracks.csv"),
        "file and zip": (metadata / "features.csv", archive),
        "zip": (archive,),
        "folder": (metadata,),
    }
    table = read_features(*given[form], subset="medium")
    assert list(table.track_id) == [str(track) for track in IDS]
    assert list(table.label) == [GENRES[row % 3] for row in range(24)]
    assert list(table.artist) == [f"9{row}" for row in range(24)]
    assert list(table.groups["album"]) == [str(track // 2) for track in IDS]
    assert set(table.split) == {"train", "validation", "test"}
    np.testing.assert_allclose(np.concatenate(table.features), features()[:24], rtol=1e-7)


def test_subsets_hold_each_other_and_large_has_tracks_without_a_genre(metadata):
    sizes = {s: len(read_features(metadata, subset=s).track_id) for s in ("small", "large", "full")}
    assert sizes == {"small": 12, "large": 26, "full": 26}
    table = read_features(metadata)
    assert table.label[-2:] == ["", ""]
    assert table.groups["album"][-1] == ""
    assert table.select([25, 0]).groups["album"] == ["", "1"]


def test_a_parquet_table_joins_by_number(metadata, tmp_path):
    columns = dict(zip(map(".".join, COLUMNS), features()[:12].T, strict=True))
    names = [f"00/{track:06d}.mp3" for track in IDS[:12]]
    pq.write_table(pa.table({"filename": names} | columns), tmp_path / "a.parquet")
    table = read_features(tmp_path / "a.parquet", metadata, subset="small")
    assert list(table.track_id) == [str(track) for track in IDS[:12]]
    assert table.columns == tuple(columns)
    assert table.label[1] == "Hip-Hop"
    with pytest.warns(UserWarning, match="lacks 12 of the 24 tracks of FMA medium"):
        read_features(tmp_path / "a.parquet", metadata, subset="medium")


def test_a_track_with_and_without_leading_zeros_is_refused(metadata, tmp_path):
    (tmp_path / "a.csv").write_text("track,n\n2,1\n000002,3\n")
    with user_error("table.duplicate_track", tmp_path / "a.csv", "track 2 2 times"):
        read_features(tmp_path / "a.csv", metadata)


def test_the_trainer_learns_from_fmas_table(metadata, tmp_path, capsys):
    flags = [f"--features={metadata}.zip", "--subset=medium", "--splits=given"]
    where = [f"--data_dir={tmp_path}", "--frame_rate=0.0333", "--workers=0"]
    assert cli.main(["prepare_data", "--dataset=feature_array", *flags, *where]) == 0
    assert "feature_array/fma_metadata_medium" in capsys.readouterr().out
    config = base_config()
    config.update(
        {
            "dataset": "feature_array/fma_metadata_medium",
            "data_dir": str(tmp_path),
            "sample_rate": 0,
            "frontend": {"name": "precomputed"},
            "clip_samples": 1,
            "batch_size": 4,
            "num_steps": 2,
            "eval_every": 2,
        }
    )
    config.model.update({"name": "mlp", "kwargs": {"units": (8,)}})
    train(config, tmp_path / "run", progress=False)
    assert list((tmp_path / "run/checkpoints").iterdir())


def test_large_keeps_tracks_without_a_genre_and_the_published_splits(metadata, tmp_path):
    folder = prepare(
        "feature_array", data_dir=tmp_path, num_workers=0, features=metadata, splits="given"
    ).folder
    protocol = json.loads((folder / "protocol.json").read_text())
    assert protocol["given"]
    assert protocol["split_by"] == ["artist"]
    assert sum(protocol["tracks"]["train"].values()) == 14
    tracks = open_tracks(folder, "train")
    row = tracks.track_id.tolist().index(str(IDS[0]))
    assert json.loads(tracks.groups[row])["album"] == "1"
    assert (tracks.label < 0).sum() == 2


def test_equal_features_in_published_splits_are_only_told_of(metadata, tmp_path):
    values = features()
    values[6] = values[0]  # a test track and a training track
    shutil.copytree(metadata, tmp_path / "fma")
    write_features(tmp_path / "fma/features.csv", values)
    options = {"data_dir": tmp_path, "num_workers": 0, "splits": "given", "subset": "small"}
    with pytest.warns(UserWarning, match=r"same features in several splits \(2, 20\)"):
        folder = prepare("feature_array", features=tmp_path / "fma", **options).folder
    twins = [
        json.loads(groups).get("identical")
        for tracks in (open_tracks(folder, "train"), open_tracks(folder, "validation"))
        for track, groups in zip(tracks.track_id, tracks.groups, strict=True)
        if track in ("2", "20")
    ]
    assert twins[0] == twins[1] is not None


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("track_id,", "track,", "feature, statistics, number, track_id"),
        ("statistics,", "statistic,", "feature, statistics, number, track_id"),
        ("\n5,", "\n5,1,", "232 columns, got 233"),
        ("\n5,", "\n5,many", "many"),
        ("mfcc,mfcc", "mfcc", ""),
        ("\n", "", ""),
    ],
)
def test_damaged_features_are_one_sentence(tmp_path, old, new, named):
    path = tmp_path / "features.csv"
    write_features(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with user_error("metadata.damaged", path, named):
        read_features(path)


def test_a_value_that_is_missing_is_found(tmp_path):
    values = features()
    values[1, 3] = np.nan
    write_features(tmp_path / "features.csv", values)
    column = "column 'chroma_cens.kurtosis.04'"
    with user_error("table.not_finite", "features.csv, track 5", column, "'nan'"):
        read_features(tmp_path / "features.csv")


def test_what_does_not_fit_together_is_one_sentence(metadata, tmp_path):
    header = (metadata / "features.csv").read_text().splitlines()[:4]
    (tmp_path / "features.csv").write_text("\n".join(header) + "\n")
    (tmp_path / "other.csv").write_text("track,rms\nblues.00000,1\n")
    (tmp_path / "empty").mkdir()
    for path, tracks, code, named in [
        (tmp_path / "features.csv", None, "table.empty", "features.csv"),
        (tmp_path / "other.csv", metadata, "table.no_match", "26 tracks"),
        (tmp_path / "empty", None, "archive.missing_file", "features.csv"),
        (tmp_path / "other.csv", tmp_path / "empty", "archive.missing_file", "tracks.csv"),
        (tmp_path / "none.zip", None, "archive.unknown_kind", "none.zip"),
    ]:
        with user_error(code, named):
            read_features(path, tracks)
    with user_error("unknown_name", "'smal'", "small"):
        read_features(metadata, subset="smal")
    with user_error("argument.missing", "'small'", "`tracks`"):
        read_features(metadata / "features.csv", subset="small")
