"""Pictures of the timelines of files, in one call or one after the other."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.writers import place_below, place_beside
from mgr_jax.runs.timeline_pictures import PictureWriter

RATE = 12_000


@pytest.fixture(scope="module")
def predictor(trained_run):
    return mgr_jax.load(trained_run)


@pytest.fixture
def song(tmp_path):
    time = np.arange(3 * RATE) / RATE
    hiss = np.random.default_rng(0).standard_normal(3 * RATE)
    path = tmp_path / "hum then hiss.wav"
    soundfile.write(path, 0.05 * np.concatenate([np.sin(2 * np.pi * 250 * time), hiss]), RATE)
    return path


def test_a_song_in_one_call(predictor, song, tmp_path):
    figure = mgr_jax.draw_timeline(
        predictor, song, tmp_path / "song.png", timeline={"hop": 0.25, "min_length": 1.0}
    )
    assert [text.get_text() for text in figure.axes[0].texts] == ["hum", "hiss"]
    boundary = figure.axes[0].patches[1].get_xy()[0]
    assert boundary == pytest.approx(3, abs=0.3)
    assert figure.get_suptitle() == song.name
    assert len(figure.axes) == 4
    assert (tmp_path / "song.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_cannot_be_read(predictor, tmp_path):
    (tmp_path / "bad.mp3").write_bytes(b"no sound")
    with pytest.raises(mgr_jax.UserError, match=r"bad\.mp3"):
        mgr_jax.draw_timeline(predictor, tmp_path / "bad.mp3")


def test_a_picture_that_cannot_be_written_costs_no_other_file_its_own(trained_run, song, tmp_path):
    long = song.with_name(f"{'a' * 250}.wav")  # comes first; with .png it is no name
    long.write_bytes(song.read_bytes())
    out = tmp_path / "genres"
    for _ in range(2):  # it is tried again
        found = mgr_jax.predict_files(trained_run, [long, song], out=out, formats=["png"])
        with user_error("results.not_written", "1 files", long.name):
            dict(found)
    rows = mgr_jax.read_results(tmp_path / "genres.jsonl")
    assert {row.file for row in rows} == {str(long), str(song)}
    assert [path.name for path in tmp_path.rglob("*.png")] == [f"{song.name}.png"]


def test_pictures_are_a_format_of_results(trained_run, song, tmp_path):
    (tmp_path / "bad.mp3").write_bytes(b"no sound")
    files, out = [song, tmp_path / "bad.mp3"], tmp_path / "genres"
    pictures = tmp_path / "genres.timelines"
    picture = pictures / Path(*song.parts[1:-1]) / f"{song.name}.png"

    def predict(**options):
        found = mgr_jax.predict_files(
            trained_run, files, out=out, formats=["png"], workers=0, **options
        )
        dict(found)
        return [one.status for one in found.plan]

    assert predict() == ["new", "new"]
    assert [path for path in pictures.rglob("*") if path.is_file()] == [picture]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert predict(dry_run=True) == ["done", "broken"]
    picture.unlink()  # the record does not hold what is drawn
    assert predict() == ["again", "broken"]
    assert picture.exists()


def test_features_have_no_sound_to_draw(trained_run, tmp_path):
    with user_error("argument.not_applicable", "pictures"):
        mgr_jax.predict_files(
            trained_run, features="mel.npz", out=tmp_path / "genres", formats=["png"]
        )


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.mp3", "out/a/b.mp3.png"),
        ("/music/b.mp3", "out/music/b.mp3.png"),
        ("/music/x/../b.mp3", "out/music/b.mp3.png"),
    ],
)
def test_nothing_lies_outside_its_folder(name, path):
    assert place_below(Path("out"), ".png")(name) == Path(path)
    assert place_beside(".png")("a/b.mp3") == Path("a/b.mp3.mgr-jax.png")


def test_without_a_timeline_there_is_nothing_to_draw(predictor, tmp_path):
    hiss = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    found = predictor.predict(hiss, RATE)
    with user_error("predict.no_timeline"):
        PictureWriter(place_below(tmp_path, ".png")).add(FilePrediction("a.wav", found))
