"""Presets against the inputs that published systems saw, or against what their code computes."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile
from errors import user_error

from mgr_jax.audio import dsp
from mgr_jax.audio.clips import cut_clip
from mgr_jax.audio.frontends import (
    FRONTENDS,
    FeatureExtractor,
    TrackMeter,
    create_frontend,
    extract_features,
    list_presets,
)
from mgr_jax.interop.read import read_tensors

# Frames and bins of the published inputs (the papers, and the released networks' first layers).
SHAPES = {
    "bbnn": (647, 128),
    "choi2016": (1366, 96),
    "compact_cnn": (1360, 96),
    "efficientat": (1000, 128),
    "fma_cqt": (640, 84),
    "fma_mel": (640, 128),
    "gtzan_mel3": (130, 128),
    "li2010": (190, 13),
    "musicnn": (187, 96),
    "prcnn_mel": (640, 128),
    "prcnn_stft": (128, 513),
    "won2020_128": (231, 128),
    "won2020_96": (1813, 96),
}


@pytest.fixture(scope="module")
def song(shared_dir) -> np.ndarray:
    """30 s of music at 22,050 Hz."""
    return soundfile.read(
        shared_dir / "data/gtzan_audio_dev/country/country.00005.flac", dtype="float32"
    )[0]


def mel_power(y, rate, n_fft, hop_length, n_mels, **settings):
    """librosa's mel power [frames, n_mels] in float64."""
    return librosa.feature.melspectrogram(
        y=y.astype(np.float64),
        sr=rate,
        n_fft=n_fft,
        hop_length=hop_length,
        n_mels=n_mels,
        dtype=np.float64,
        **settings,
    ).T


def apply(name, clips):
    frontend = create_frontend(name)
    return np.asarray(jax.jit(frontend.apply)({}, clips))


@pytest.mark.parametrize("name", list_presets())
def test_shapes_are_the_published_ones(name):
    frontend, preset = create_frontend(name), FRONTENDS[name].published
    assert (frontend.num_frames(preset.clip_samples), frontend.num_bins) == SHAPES[name]
    samples = preset.clip_samples + 2 * frontend.crop.context
    aux = {key: jnp.ones((1, *shape)) for key, shape in frontend.aux_shapes.items()}
    features = jax.eval_shape(lambda y: frontend.apply({}, y, aux), jnp.zeros((1, samples)))
    assert features.shape == (1, *SHAPES[name])


def test_every_preset_has_its_shape_here():
    assert sorted(SHAPES) == list_presets()


def test_gtzan_mel3_is_the_stored_input(shared_dir):
    stored = np.load(shared_dir / "data/gtzan_mel3_dev.npz")
    rows = {track: row for row, track in enumerate(stored["track"])}
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::3]
    assert len(paths) > 30
    extract = FeatureExtractor(create_frontend("gtzan_mel3"))
    errors = []
    for path in paths:
        y = soundfile.read(path, dtype="float32")[0]
        published = stored["mel"][rows[path.stem]].T.astype(np.float32)
        # The rounding of float16 is up to 2e-3 of values of about 3.
        errors.append(np.abs(extract(y)[:130] - published))
    assert np.mean([e.mean() for e in errors]) < 5e-4
    assert np.median([e.max() for e in errors]) < 2e-3
    assert np.max(errors) < 1e-2


def test_crops_are_cut_from_the_whole_tracks_features(song):
    for name in ("gtzan_mel3", "musicnn"):
        frontend, clip = create_frontend(name), FRONTENDS[name].published.clip_samples
        whole = extract_features(frontend, song)
        aux = {key: value[None] for key, value in TrackMeter(frontend).measure_track(song).items()}
        last = (len(song) - clip) // frontend.crop.step * frontend.crop.step
        for start in (0, 37 * frontend.crop.step, last):
            crop = cut_clip(
                song,
                start,
                clip,
                short_clip="zero_pad",
                crop=frontend.crop,
            )
            first = start // frontend.crop.step
            np.testing.assert_allclose(
                frontend.apply({}, crop[None], aux)[0],
                whole[first : first + frontend.num_frames(clip)],
                atol=1e-4,
            )


def test_musicnn_gives_the_published_patches(shared_dir):
    waveform = np.load(shared_dir / "parity/won2020_joram.npz")["waveform_16k"][0]
    patches = np.load(shared_dir / "parity/musicnn_joram.npz")["logmel_patches"]
    features = extract_features(create_frontend("musicnn"), waveform)
    published = patches.reshape(-1, 96)  # consecutive, of the same song
    error = np.abs(features[: len(published)] - published)
    # Half precision rounds a few energies to the other side.
    assert error.max() < 1e-3
    assert (error > 1e-5).mean() < 1e-3


@pytest.mark.parametrize("name", ["won2020_96", "won2020_128"])
def test_won2020_is_librosas_htk_mel_without_a_floor(name, song):
    y = librosa.resample(song, orig_sr=22050, target_sr=16000)[
        None, : FRONTENDS[name].published.clip_samples
    ]
    n_mels = create_frontend(name).num_bins
    power = mel_power(y[0], 16000, 512, 256, n_mels, htk=True, norm=None, pad_mode="reflect")
    expected = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)
    np.testing.assert_allclose(apply(name, y)[0], expected, rtol=0, atol=5e-3)


def test_won2020_is_what_the_released_weights_compute(shared_dir, song):
    """The released networks hold their window and mel filters beside their weights."""
    released = read_tensors(shared_dir / "weights/won2020_fcn_mtat.pth")
    filters = released["spec.mel_scale.fb"].astype(np.float64)
    window = released["spec.spectrogram.window"].astype(np.float64)
    y = librosa.resample(song, orig_sr=22050, target_sr=16000)[:100_001]
    padded = np.pad(y.astype(np.float64), 256, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::256]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    expected = 10 * np.log10(np.maximum(power @ filters, 1e-10))
    # Their filters are rounded in single precision, which moves the softest levels.
    np.testing.assert_allclose(apply("won2020_96", y[None])[0], expected, rtol=0, atol=2e-2)


def test_choi2016_squares_the_mel_power(song):
    y = librosa.resample(song, orig_sr=22050, target_sr=12000)[None, :348_000]
    power = mel_power(y[0], 12000, 512, 256, 96, pad_mode="reflect")
    expected = librosa.power_to_db(power**2, ref=1.0, amin=1e-10, top_db=80)
    np.testing.assert_allclose(apply("choi2016", y)[0], expected, rtol=0, atol=5e-3)


def test_bbnn_and_prcnn_mel_are_librosas(song):
    y = song[: FRONTENDS["bbnn"].published.clip_samples]
    power = mel_power(y, 22050, 2048, 1024, 128, pad_mode="reflect")
    levels = apply("bbnn", y[None])
    np.testing.assert_allclose(levels[0], librosa.power_to_db(power), rtol=0, atol=5e-3)

    power = mel_power(song, 22050, 2048, 1024, 128, pad_mode="reflect")
    decibel = librosa.power_to_db(power, ref=np.max)
    expected = np.log(librosa.db_to_power(decibel))[:640]
    features = extract_features(create_frontend("prcnn_mel"), song)[:640]
    np.testing.assert_allclose(features, expected, rtol=0, atol=2e-3)
    np.testing.assert_allclose(features.max(), 0, atol=1e-3)


def test_prcnn_stft_is_librosas(song):
    y = song[None, :66_150]
    spectra = librosa.stft(y[0].astype(np.float64), n_fft=1024, hop_length=512, center=False)
    expected = librosa.power_to_db(np.abs(spectra.T) ** 2)
    np.testing.assert_allclose(apply("prcnn_stft", y)[0], expected, rtol=0, atol=5e-3)


def test_fma_cqt_is_librosas_but_for_its_resampling(song):
    expected = np.abs(librosa.cqt(song, sr=22050, hop_length=1024, pad_mode="reflect")).T
    features = extract_features(create_frontend("fma_cqt"), song)
    assert features.shape == expected.shape
    # test_cqt.py shows that the difference is librosa's distance from a direct computation.
    error = np.abs(features - expected) / expected.max()
    assert error.max() < 0.03
    assert np.median(error) < 1e-3


def test_compact_cnn_is_what_the_released_weights_compute(shared_dir, song):
    """The released network holds its Fourier kernels and mel filters as weights."""
    y = librosa.resample(song, orig_sr=22050, target_sr=12000)
    clips = np.stack([y[:348_000], 0.1 * np.roll(y, 50_000)[:348_000]])
    arrays = read_tensors(shared_dir / "weights/compact_cnn_msd.hdf5")
    stored = [arrays[f"melgram/Variable{number}:0"] for number in ("", "_1", "_2")]
    real, imaginary, mel = (np.squeeze(x).astype(np.float64) for x in stored)
    frames = -(-348_000 // 256)
    missing = (frames - 1) * 256 + 512 - 348_000
    padded = np.pad(clips, ((0, 0), (missing // 2, missing - missing // 2)))
    cut = np.lib.stride_tricks.sliding_window_view(padded, 512, axis=1)[:, ::256]
    power = (cut @ real) ** 2 + (cut @ imaginary) ** 2
    level = 10 * np.log10(np.maximum(power @ mel, 1e-10))
    expected = np.maximum(level - level.max(), -80)
    np.testing.assert_allclose(apply("compact_cnn", clips), expected, rtol=0, atol=2e-2)
    assert expected[1].max() < -10  # the soft clip is measured against the loud one


def test_compact_cnn_spans_the_devices_of_a_batch(song):
    y = song[None, : 4 * 12_000].reshape(4, -1) * np.float32([[1], [0.5], [0.1], [0.02]])
    whole = apply("compact_cnn", y)
    frontend = create_frontend("compact_cnn", axis_name="devices")
    parts = jax.pmap(lambda y: frontend.apply({}, y), "devices")(y[:, None])
    np.testing.assert_allclose(np.asarray(parts)[:, 0], whole, atol=1e-3)


def test_efficientat_gives_the_published_input(shared_dir):
    with np.load(shared_dir / "parity/efficientat_mn04.npz") as file:
        parity = dict(file)
    audio = parity["audio"] / np.float32(32768)
    mels = apply("efficientat", audio).swapaxes(1, 2)
    for name, found in (("mel_first50", mels[:, :, :50]), ("mel_last10", mels[:, :, -10:])):
        np.testing.assert_allclose(found, parity[name], rtol=0, atol=1e-3)
    odd = apply("efficientat", audio[:1, :32_037])[0].T
    assert odd.shape == (128, 101)
    np.testing.assert_allclose(odd[:, -10:], parity["odd_mel_last10"], rtol=0, atol=1e-3)
    # What it is made of.
    bands = create_frontend("efficientat").bands
    window = dsp.get_window("hann", 800, 1024, periodic=bands.fourier.periodic)
    np.testing.assert_allclose(window[112:-112], parity["window"], rtol=0, atol=1e-6)
    scale = {name: getattr(bands, name) for name in ("n_mels", "fmin", "fmax", "htk", "norm")}
    filters = dsp.mel_filterbank(sample_rate=32_000, n_fft=1024, triangles="mel", **scale)
    np.testing.assert_allclose(filters, parity["mel_basis"], rtol=0, atol=1e-4)
    fourier = {"n_fft": 1024, "win_length": 800, "hop_length": 320, "periodic": False}
    spectra = create_frontend(
        "stft", sample_rate=32_000, preemphasis=0.97, pad_mode="reflect", scale="linear", **fourier
    )
    power = jax.jit(spectra.apply)({}, audio[:1])[0]
    for frame in (0, 500):
        expected = parity[f"power_frame{frame}"]
        np.testing.assert_allclose(power[frame], expected, rtol=0, atol=1e-5 * expected.max())


def test_a_track_needs_its_statistics(song):
    frontend = create_frontend("gtzan_mel3")
    with user_error("frontend.needs_statistics", "track's maximum"):
        frontend.apply({}, song[None, : 66_150 + 2048])
