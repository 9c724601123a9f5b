"""The pictures of a clip: all of them, at the right second and the right frequency."""

import importlib.util

import librosa
import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.audio.augment import AUGMENTATIONS
from mgr_jax.audio.frontends import list_frontends, list_presets
from mgr_jax.reports.gallery import load_pages
from mgr_jax.runs import frontend_gallery

RATE = 44_100
START, ONSET, HZ = 12.0, 0.6, 1000.0


def tone(hz: float) -> np.ndarray:
    """1 s that is silent until ONSET."""
    time = np.arange(RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * hz * time) * (time >= ONSET)).astype(np.float32)


@pytest.fixture(scope="module")
def frontends():
    return {
        picture.name: picture
        for picture in frontend_gallery.frontend_gallery(tone(HZ), RATE, start=START)
    }


@pytest.fixture(scope="module")
def augmentations():
    return frontend_gallery.augment_gallery(tone(HZ), tone(4 * HZ), RATE, start=START)


def seconds(picture) -> np.ndarray:
    """The centre of every column."""
    return picture.start + picture.step * (0.5 + np.arange(len(picture.values)))


def test_every_front_end_and_preset_is_there(frontends):
    assert list(frontends) == sorted(set(list_frontends()) - {"precomputed"}) + list_presets()


def test_every_augmentation_is_there_beside_the_original(augmentations):
    names = [picture.name for picture in augmentations]
    assert names[::3] == ["original"] * len(AUGMENTATIONS)
    assert names[1::3] == sorted(AUGMENTATIONS)
    thirds = dict(zip(names[1::3], names[2::3], strict=True))
    assert thirds.pop("mixup") == thirds.pop("cutmix") == "other clip"
    assert thirds.pop("polarity") == "waveforms"
    assert set(thirds.values()) == {"change"}


def test_pictures_are_whole_and_small(frontends, augmentations):
    for picture in [*frontends.values(), *augmentations]:
        columns, bins, channels = picture.values.shape
        assert columns <= 2000, picture.name
        assert bins == len(picture.bin_values)
        assert channels == max(1, len(picture.channels))
        assert np.isfinite(picture.values).all()
        assert picture.limits[0] < picture.limits[1]
        assert picture.unit
        # From end to end, but for the half frames at either.
        edges = np.array([picture.start, picture.start + columns * picture.step])
        assert np.abs(edges - picture.span).max() < max(0.06, picture.step), picture.name


def test_the_onset_is_at_its_second(frontends):
    # The window of one is longer than the clip, and the filters of the other last a second.
    for name in set(frontends) - {"tempogram", "chroma_cqt"}:
        picture = frontends[name]
        values = picture.values[:, :1] if name == "mfcc" else picture.values
        if name == "waveform":
            values = np.abs(values)
        loudness = values.max(axis=(1, 2))
        loud = loudness > (loudness.min() + loudness.max()) / 2
        # Levels rise as soon as a frame, at most 93 ms long, touches the onset.
        assert -0.07 < seconds(picture)[loud.argmax()] - START - ONSET < 0.03, name


def test_the_tone_is_at_its_frequency(frontends):
    loudest = {
        name: picture.values[seconds(picture) > START + ONSET + 0.1, :, 0].mean(axis=0).argmax()
        for name, picture in frontends.items()
    }
    assert loudest["chroma_stft"] == 11  # the note next to 1000 Hz is B
    spectral = [name for name, picture in frontends.items() if picture.bin_label == "Hz"]
    assert len(spectral) > 15
    for name in spectral:
        nearest = np.abs(frontends[name].bin_values - HZ).argmin()
        assert abs(loudest[name] - nearest) <= 1, name


def test_log_mel_is_librosas(frontends):
    y = librosa.resample(tone(HZ), orig_sr=RATE, target_sr=22_050, res_type="soxr_hq")
    expected = librosa.power_to_db(librosa.feature.melspectrogram(y=y, pad_mode="constant")).T
    np.testing.assert_allclose(frontends["log_mel"].values[..., 0], expected, atol=0.01)
    assert frontends["log_mel"].unit == "dB"


def test_tempi_are_those_one_can_count(frontends):
    tempi = frontends["tempogram"].bin_values
    assert (np.diff(tempi) < 0).all()
    assert 30 <= tempi[-1] < 31
    assert 400 < tempi[0] <= 480
    assert "44 × 384" in frontends["tempogram"].detail


def test_lines_keep_the_extremes(frontends):
    waveform = frontends["waveform"]
    assert "22050 × 1" in waveform.detail
    assert waveform.values.max() == pytest.approx(0.3, abs=0.01)
    assert waveform.values.min() == pytest.approx(-0.3, abs=0.01)


def test_descriptions_say_settings_and_source(frontends):
    assert ", hop_length=512, " in frontends["log_mel"].description
    assert "43.0664 frames per second" in frontends["log_mel"].description
    assert "inner=log_mel(sample_rate=16000" in frontends["resampled"].description
    assert "Pons and Serra" in frontends["musicnn"].description
    assert "before training" in frontends["leaf"].detail
    assert "before training" not in frontends["log_mel"].detail


def test_augmentations_do_what_they_say(augmentations):
    drawn = dict(
        zip(
            [picture.name for picture in augmentations[1::3]],
            zip(augmentations[1::3], augmentations[2::3], strict=True),
            strict=True,
        )
    )
    np.testing.assert_allclose(drawn["gain"][1].values, 6, atol=0.01)
    louder = drawn["speed"][0].values[..., 0].max(axis=0).argmax()
    assert drawn["speed"][0].bin_values[louder] == pytest.approx(1.25 * HZ, rel=0.03)
    before, after = drawn["polarity"][1].values[:, 0].T
    np.testing.assert_array_equal(before, -after)
    assert "% of the original" in drawn["mixup"][0].detail


def test_a_clip_that_is_too_short_says_so():
    with user_error("audio.too_short", "0.01 s", "needs 0.0"):
        frontend_gallery.frontend_gallery(np.zeros(441, np.float32), RATE)


@pytest.fixture
def song(tmp_path):
    """2 s of stereo noise at 8 kHz."""
    path = tmp_path / "song.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (16_000, 2)), 8000)
    return path


@pytest.fixture
def few(monkeypatch):
    """One front end and one augmentation, so that it is quick."""
    monkeypatch.setattr(frontend_gallery, "list_frontends", lambda: ["stft"])
    monkeypatch.setattr(frontend_gallery, "list_presets", lambda: [])
    monkeypatch.setattr(frontend_gallery, "AUGMENTATIONS", {"gain": AUGMENTATIONS["gain"]})


def test_the_command_writes_pages_and_data(capsys, monkeypatch, few, tmp_path, song):
    monkeypatch.chdir(tmp_path)
    code = cli.main(["report", "frontends", f"--audio={song}", "--start=0.5", "--seconds=1"])
    assert code == 0, capsys.readouterr().err
    folder = tmp_path / "song_frontends"
    assert {path.name for path in folder.iterdir()} == {
        "report.md", "report_data.npz", "front_ends.png", "augmentations.png",
    }  # fmt: skip
    title, pages = load_pages(folder / "report_data.npz")
    assert title == "song.wav, 0.5 to 1.5 s"
    assert [one.name for one in pages["Front ends"]] == ["stft"]
    assert [one.name for one in pages["Augmentations"]] == ["original", "gain", "change"]
    assert pages["Front ends"][0].span == (0.5, 1.5)
    assert capsys.readouterr().out == "Wrote song_frontends/report.md\n"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "give --audio"),
        (["--audio=/no/where.mp3"], "is not a file"),
        (["--audio=TEXT"], "cannot be decoded"),
        (["--audio=SONG", "--seconds=0"], "cannot last 0 s"),
        (["--audio=SONG", "--seconds=0.001"], "choose a longer one"),
        (["--audio=SONG", "--start=-1"], "cannot start at -1 s"),
        (["--audio=SONG", "--start=2"], "lasts 2 s, but the clip is to start at 2 s"),
        (["--audio=SONG", "--out=TEXT"], "cannot be made a folder"),
    ],
)
def test_mistakes_are_one_sentence(capsys, monkeypatch, tmp_path, song, argv, says):
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text.mp3"
    text.write_text("no music " * 99)
    argv = [word.replace("SONG", str(song)).replace("TEXT", str(text)) for word in argv]
    assert cli.main(["report", "frontends", *argv]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("mgr-jax: ")
    assert says in error


def test_python_draws_them_in_one_call_without_a_word(capsys, few, tmp_path, song):
    path = mgr_jax.draw_frontends(song, tmp_path / "out", seconds=0.5, progress=False)
    assert path == tmp_path / "out" / "report.md"
    assert "song.wav, 0 to 0.5 s" in path.read_text(encoding="utf-8")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_missing_matplotlib_is_told_before_the_work(monkeypatch, tmp_path, song):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with user_error("package.missing", "pip install 'mgr-jax[report]'"):
        mgr_jax.draw_frontends(song, tmp_path / "out")
    assert not (tmp_path / "out").exists()
