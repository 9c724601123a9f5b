"""The pictures of a clip: all of them, at the right second and the right frequency."""

import librosa
import numpy as np
import pytest

from mgr_jax.audio.augment import AUGMENTATIONS
from mgr_jax.audio.frontends import list_frontends, list_presets
from mgr_jax.errors import UserError
from mgr_jax.runs.frontend_gallery import augment_gallery, frontend_gallery

RATE = 44_100
START, ONSET, HZ = 12.0, 0.6, 1000.0


def tone(hz: float) -> np.ndarray:
    """1 s that is silent until ONSET."""
    time = np.arange(RATE) / RATE
    return (0.3 * np.sin(2 * np.pi * hz * time) * (time >= ONSET)).astype(np.float32)


@pytest.fixture(scope="module")
def frontends():
    return {picture.name: picture for picture in frontend_gallery(tone(HZ), RATE, start=START)}


@pytest.fixture(scope="module")
def augmentations():
    return augment_gallery(tone(HZ), tone(4 * HZ), RATE, start=START)


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
    assert "inner=LogMel(sample_rate=16000" in frontends["resampled"].description
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
    with pytest.raises(UserError, match=r"the clip lasts 0.01 s, but .* needs 0.0.* s; choose"):
        frontend_gallery(np.zeros(441, np.float32), RATE)
