"""`mgr-jax extract_features` as a user types it: published columns, and what it refuses."""

import csv

import numpy as np
import pytest

from mgr_jax import cli
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.feature_files import read_features
from mgr_jax.data.locate import find_prepared
from mgr_jax.data.prepare import prepare


def call(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main(["extract_features", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_folder_of_music_becomes_a_dataset(capsys, music_folder, tmp_path):
    out = tmp_path / "table.csv"
    flags = ["--features=mfcc_statistics", f"--audio={music_folder}", f"--out={out}", "--workers=0"]
    code, said, err = call(capsys, *flags)
    assert code == 0, err
    assert f"Wrote {out}: 30 rows of 30 tracks, 80 features each (0 tracks skipped" in said
    table = read_features(out)
    assert set(table.label) == {"hum", "hiss", "beat"}
    data_dir = tmp_path / "tfds"
    prepare("feature_array", features=out, frame_rate=0.5, data_dir=data_dir, num_workers=0)
    folder = find_prepared("feature_array/table", sample_rate=0, data_dir=data_dir)
    assert set(open_tracks(folder, "train").classes) == {"hum", "hiss", "beat"}


def test_a_prepared_dataset_at_its_rate(capsys, data_dir, tmp_path):
    out = tmp_path / "table.parquet"
    code, _, err = call(
        capsys, "--features=mfcc_statistics", "--dataset=audio_folder/music", "--sample_rate=12000",
        f"--data_dir={data_dir}", f"--out={out}", "--workers=0", "--seconds=1",
    )  # fmt: skip
    assert code == 0, err
    table = read_features(out)
    assert {len(frames) for frames in table.features} == {2}
    assert all(table.artist)
    assert all(table.split)


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        ([], 1, "give --features, gtzan57"),
        (["--features=gtzan57"], 1, "give --out, the table to write"),
        (["--features=gtzan57", "--out=a.csv"], 1, "give one of `audio`, a folder"),
        (["--features=gtzan", "--audio=.", "--out=a.csv"], 1, "did you mean gtzan57"),
        (["--features=gtzan57", "--audio=.", "--out=a.xls"], 1, "must end in .csv or .parquet"),
        (["--features=gtzan57", "--audio=/no/where", "--out=a.csv"], 1, "is not a folder"),
        (["--features=fma518", "--dataset=rendered/demo", "--out=a.csv"], 1, "the corrected form"),
        (
            ["--features=gtzan57", "--corrected", "--audio=.", "--out=a.csv"],
            1,
            "nothing to correct",
        ),
        (["--features=gtzan57", "--audio=.", "--out=a.csv", "--seconds=-3"], 2, "seconds"),
        (
            ["--features=gtzan57", "--dataset=rendered/no", "--data_dir=/no", "--out=a.csv"],
            1,
            "make",
        ),
    ],
)
def test_mistakes_are_one_sentence(capsys, tmp_path, monkeypatch, flags, code, says):
    monkeypatch.chdir(tmp_path)
    found, _, err = call(capsys, *flags)
    assert found == code, err
    assert says in err
    assert err.count("\n") == 1, err
    assert not list(tmp_path.iterdir())


def test_the_row_of_kaggles_table_is_met(capsys, shared_dir, tmp_path):
    """The columns that do not depend on how a beat or a harmonic part is found; 1e-4 relative."""
    folder = tmp_path / "genres/country"
    folder.mkdir(parents=True)
    source = shared_dir / "data/gtzan_audio_dev/country/country.00000.flac"
    (folder / source.name).symlink_to(source)
    out = tmp_path / "table.csv"
    flags = ["--features=gtzan57", f"--audio={folder.parent}", f"--out={out}", "--workers=0"]
    code, _, err = call(capsys, *flags)
    assert code == 0, err
    with (shared_dir / "data/gtzan_features_30_sec_dev.csv").open() as file:
        header, *lines = csv.reader(file)
    with out.open() as file:
        own_header, own = csv.reader(file)
    assert own_header == header
    (published,) = [line for line in lines if line[0] == "country.00000.wav"]
    assert own[0] == "country.00000.flac"
    assert (own[1], own[-1]) == (published[1], published[-1]) == ("663300", "country")
    for name in ("rms", "spectral_centroid", "mfcc1", "mfcc20", "zero_crossing_rate"):
        column = header.index(f"{name}_mean")
        np.testing.assert_allclose(float(own[column]), float(published[column]), rtol=1e-4)
