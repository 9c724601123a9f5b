"""Live: each window says what the same clip of the whole sound says, however blocks arrive."""

import dataclasses
import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from errors import user_error
from untrained import CLASSES, CLIP, RATE, make_predictor

import mgr_jax
from mgr_jax.audio.clips import Crop, cut_clip
from mgr_jax.audio.gate import AudioError, AudioWarning, pass_gate
from mgr_jax.audio.io import convert_waveform
from mgr_jax.decisions import Decisions, Rules
from mgr_jax.input_spec import InputSpec
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.prediction.live import LiveStream

CROPS = {
    "alone": Crop(),
    "zeros around": Crop(256, 128),
    "reflected": Crop(300, 128, "reflect"),
}


def song(seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng([int(seconds * 10), channels])
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.2 * np.sin(2 * np.pi * 300 * time * (1 + time / 9)) * (1 + np.sin(7 * time))
    return (sound[:, None] + 0.05 * rng.standard_normal((len(time), channels))).astype(np.float32)


def blocks_of(samples, size, seed=1):
    """Cuts samples into blocks of a size, or of random ones up to it where that is negative."""
    rng, start = np.random.default_rng(seed), 0
    while start < len(samples):
        step = size if size > 0 else int(rng.integers(0, -size))
        yield samples[start : start + step]
        start += step


def listen(stream, samples, size=1000):
    found = [p for block in blocks_of(samples, size) for p in stream.push(block)]
    return found + stream.close()


class Recorder:
    """Stands for an engine: the answers are the clips themselves."""

    def __init__(self, spec):
        self._spec = spec

    def with_batch_size(self, batch_size):
        assert batch_size == 1
        return self

    def __call__(self, tracks):
        spec = self._spec
        for clips in tracks:
            (start,) = clips.starts
            clip = cut_clip(
                clips.track, start, spec.clip_samples, short_clip="zero_pad", crop=spec.crop
            )
            ones = np.full((1, len(CLASSES)), 1 / len(CLASSES), np.float32)
            yield clips.key, {"probabilities": ones, "embedding": clip[None].copy()}


def recording(crop=CROPS["alone"], rate=RATE):
    clip = rate // 2
    spec = InputSpec(
        kind="waveform",
        shape=(clip + 2 * crop.context,),
        dtype="int16",
        sample_rate=rate,
        task="single_label",
        clip_samples=clip,
        eval_segments=0,
        short_clip="zero_pad",
        min_samples=100,
        mask_filling=True,
        crop=crop,
    )
    return SimpleNamespace(
        spec=spec,
        classes=CLASSES,
        engine=Recorder(spec),
        description=SimpleNamespace(decisions=Decisions()),
        audio_rate=lambda: rate,
        ask=lambda samples, name: None,
    )


def expected_starts(length, hop, crop):
    """Multiples of the hop, and one that ends with the sound."""
    last = max(0, length - CLIP)
    starts = np.append(np.arange(0, last + 1, hop), last)
    return np.unique(starts - starts % crop.step)


@pytest.mark.parametrize("size", [64, 1000, 50_000, -3000], ids="blocks of {}".format)
@pytest.mark.parametrize(
    ("rate", "to_rate"), [(12_000, 12_000), (44_100, 12_000), (8_000, 12_000), (48_000, 12_000)]
)
@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
def test_windows_are_those_of_the_whole_sound(size, rate, to_rate, crop):
    predictor = recording(crop)
    for seconds, hop in ((3.21, 0.25), (2.0, 0.5), (1.7, 0.11)):
        sound = song(seconds, rate, channels=2)
        found = listen(LiveStream(predictor, rate, hop=hop), sound, size)
        whole = convert_waveform(sound, rate, to_rate, dtype=np.int16)
        starts = expected_starts(len(whole), int(hop * to_rate), crop)
        np.testing.assert_array_equal([round(p.start * to_rate) for p in found], starts)
        wanted = np.array(
            [cut_clip(whole, s, CLIP, short_clip="zero_pad", crop=crop) for s in starts]
        )
        difference = np.array([p.embedding for p in found]).astype(int) - wanted
        assert np.abs(difference).max() <= (0 if rate == to_rate else 1)


@pytest.fixture(scope="module")
def predictors():
    """Networks with weights of no training, by front end."""
    mel = {"n_fft": 512, "hop_length": 256, "n_mels": 16}
    frontends = {
        "clips": ("log_mel", mel | {"ref": "max"}),
        "whole tracks": ("log_mel", mel | {"whole_track": True}),
        "whole tracks, reflected": (
            "mfcc",
            mel | {"n_mfcc": 8, "whole_track": True, "pad_mode": "reflect"},
        ),
        "samples": ("waveform", {}),
    }
    return {name: make_predictor(*given) for name, given in frontends.items()}


@pytest.mark.parametrize("frontend", ["clips", "whole tracks", "whole tracks, reflected"])
@pytest.mark.parametrize("hop", [0.5, 0.2])
def test_live_says_what_the_engine_says_of_the_whole(predictors, frontend, hop):
    predictor = predictors[frontend]
    sound = song(3.3, channels=2)
    found = listen(predictor.stream(RATE, hop=hop), sound, size=777)
    whole = convert_waveform(sound, RATE, RATE, dtype=np.int16)
    starts = expected_starts(len(whole), int(hop * RATE), predictor.spec.crop)
    ((_, outputs),) = predictor.engine([TrackClips(0, whole, starts)])
    assert len(found) == len(starts)
    probabilities = np.array([p.probabilities for p in found])
    np.testing.assert_allclose(probabilities, outputs["probabilities"], atol=1e-5)
    embeddings = np.array([p.embedding for p in found])
    np.testing.assert_allclose(embeddings, outputs["embedding"], rtol=1e-4, atol=1e-4)
    assert np.ptp(outputs["probabilities"], axis=0).max() > 1e-3  # windows differ


@pytest.mark.parametrize("rate", [RATE, 44_100])
@pytest.mark.parametrize("frontend", ["samples", "whole tracks, reflected"])
@pytest.mark.parametrize("hop", [0.5, 0.13, 0.002])
def test_live_says_what_predict_says_of_the_file(predictors, tmp_path, rate, frontend, hop):
    predictor = predictors[frontend]
    sound = song(1.9, rate, channels=2)
    soundfile.write(tmp_path / "song.wav", sound, rate, subtype="FLOAT")
    told = predictor.predict(tmp_path / "song.wav", timeline={"hop": hop})
    found = listen(predictor.stream(rate, hop=hop), sound)
    np.testing.assert_allclose([p.start for p in found], told.start, atol=1e-9)
    np.testing.assert_allclose([p.end for p in found], told.end, atol=1e-9)
    live = np.array([p.probabilities for p in found])
    np.testing.assert_allclose(live, told.probabilities, atol=1e-4)
    assert [p.label for p in found] == [CLASSES[i] for i in told.probabilities.argmax(axis=1)]


def test_blocks_may_be_int16_or_floats_of_any_channels():
    sound = song(1.0, channels=2)
    as_int16 = np.round(sound * 32768).astype(np.int16)
    stereo = listen(LiveStream(recording(), RATE), as_int16)
    mono = as_int16.astype(np.float64).mean(axis=1) / 32768
    for other in (mono, mono[:, None], mono.astype(np.float32)):
        for one, two in zip(stereo, listen(LiveStream(recording(), RATE), other), strict=True):
            assert np.abs(one.embedding.astype(int) - two.embedding).max() <= 1


def test_a_sound_whose_rate_changes_is_heard_as_a_file_is():
    parts = [(8_000, song(1.0, 8_000)), (44_100, song(1.3, 44_100)), (RATE, song(0.6))]

    class Sound:
        lossy = False

        def __iter__(self):
            return ((float(rate), part.T) for rate, part in parts)

    stream = LiveStream(recording(), parts[0][0], hop=0.5)
    found = []
    for rate, part in parts:
        stream.set_rate(rate)
        found += stream.push(part)
    found += stream.close()
    whole, _ = pass_gate(Sound(), "it", RATE, np.int16)
    for prediction in found:
        start = round(prediction.start * RATE)
        assert np.abs(prediction.embedding.astype(int) - whole[start : start + CLIP]).max() <= 1
    assert found[-1].end == len(whole) / RATE


def test_silence_is_told_and_no_genre():
    sound = np.concatenate([song(1.0), np.zeros((RATE, 1), np.float32), song(1.0)])
    found = listen(LiveStream(recording(), RATE, hop=0.5), sound)
    assert [p.is_silent for p in found] == [False, False, True, True, False, False]
    assert found[2].label == "silent"
    assert found[2].describe() == "0:01.5  silent"
    assert found[0].describe(1) == "0:00.5  hum 33 %"
    unsure = listen(LiveStream(recording(), RATE, rules=Rules(min_probability=0.9)), song(0.5))
    assert unsure[0].describe(1) == "0:00.5  undecided (hum 33 %)"


@pytest.mark.parametrize("fills", [True, False])
def test_less_than_a_window_is_told_as_predict_tells_it(fills):
    predictor = make_predictor("log_mel", {"n_fft": 512, "hop_length": 256}, mask_filling=fills)
    sound = song(0.3)
    with warnings.catch_warnings(record=True) as offline:
        warnings.simplefilter("always")
        told = predictor.predict(sound, RATE)
    stream = predictor.stream(RATE)
    assert stream.push(sound) == []
    with warnings.catch_warnings(record=True) as live:
        warnings.simplefilter("always")
        (found,) = stream.close()
    np.testing.assert_allclose(found.probabilities, told.probabilities[0], atol=1e-5)
    assert (found.start, found.end) == (0.0, 0.3)
    assert len(live) == len(offline)
    assert stream.close() == []


def test_less_than_a_frame_is_refused_and_nothing_is_nothing(predictors):
    stream = predictors["clips"].stream(RATE)
    assert stream.push(song(0.3)[:200]) == []
    with user_error("audio.too_short", "the sound"):
        stream.close()
    assert predictors["clips"].stream(RATE).close() == []


def test_memory_is_that_of_a_window():
    """Twenty minutes as int16 are 29 MB."""
    stream = LiveStream(recording(), RATE, hop=7.0)
    block = song(10.0)
    stream.push(block)
    tracemalloc.start()
    for _ in range(120):
        for prediction in stream.push(block):
            assert prediction.end - prediction.start == 0.5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_what_only_a_whole_track_tells_is_refused():
    track = {"ref": "max", "normalise_over": "track", "whole_track": True}
    mel = {"n_fft": 512, "hop_length": 256, "n_mels": 16}
    with user_error("live.needs_whole_track", "maximum of the whole track"):
        make_predictor("log_mel", mel | track).stream(RATE)
    stored = recording()
    stored.spec = dataclasses.replace(stored.spec, kind="features")
    with user_error("live.needs_whole_track", "stored features"):
        LiveStream(stored, RATE)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (np.zeros((2, 2, 2), np.float32), "audio.not_a_waveform"),
        (np.zeros(9, np.int32), "audio.not_a_waveform"),
        (np.zeros((9, 0), np.float32), "audio.no_samples"),
        (np.array([0.0, np.nan]), "audio.not_finite"),
        (np.array([0.0, 1e300]), "audio.not_finite"),
    ],
    ids=str,
)
def test_other_blocks_are_refused(block, code):
    with user_error(code):
        LiveStream(recording(), RATE).push(block)


def test_settings_that_make_no_sense_are_refused():
    for rate in (0, -1, 10):
        with pytest.raises(AudioError, match=f"sample rate of {rate} Hz"):
            LiveStream(recording(), rate)
    for hop in (0.0, -1.0, float("nan")):
        with user_error("argument.out_of_range", "hop"):
            LiveStream(recording(), RATE, hop=hop)
    with user_error("unknown_name", "rock"):
        LiveStream(recording(), RATE, rules=Rules(classes=("rock",)))
    stream = LiveStream(recording(), RATE)
    stream.close()
    with user_error("live.closed"):
        stream.push(song(0.1))


def test_levels_beyond_full_scale_are_told_once():
    stream = LiveStream(recording(), RATE, hop=0.5)
    with pytest.warns(AudioWarning, match=r"2.* times full scale, which are clipped") as told:
        found = stream.push(2.0 * np.sign(song(0.5))) + stream.push(3.0 * song(0.5))
    assert len(told) == 1
    assert found[0].embedding.max() == 32767


def test_it_is_a_method_of_the_predictor(predictors):
    assert isinstance(predictors["samples"].stream(44_100), LiveStream)
    assert mgr_jax.LivePrediction.__name__ == "LivePrediction"
