import concurrent.futures
import functools
import itertools
import multiprocessing

import librosa
import numpy as np
import pytest
from errors import user_error

from mgr_jax.data.rendered import music
from mgr_jax.data.rendered.music.drums import DRUMS
from mgr_jax.data.rendered.music.grooves import GROOVES
from mgr_jax.data.rendered.music.styles import STYLES
from mgr_jax.data.rendered.music.theory import parse_progression

SECONDS = 16.0


@functools.cache
def rendered(genre, artist=0, track=0, seed=0):
    return music.render_track(genre, artist, track, seed=seed, seconds=SECONDS)


ALL = [(genre, artist) for genre in music.GENRES for artist in range(3)]


def test_genres_and_tags_are_distinct_and_sorted():
    assert len(music.GENRES) >= 8
    assert list(music.GENRES) == sorted(set(music.GENRES))
    assert len(music.TAGS) == len(set(music.TAGS))
    assert set(music.GENRES) < set(music.TAGS)


@pytest.mark.parametrize(("genre", "artist"), ALL)
def test_waveform_is_sound(genre, artist):
    samples = rendered(genre, artist).samples
    assert samples.dtype == np.float32
    assert samples.shape == (round(SECONDS * music.SAMPLE_RATE),)
    assert np.isfinite(samples).all()
    assert 0.5 < np.max(np.abs(samples)) <= 0.96
    assert abs(np.mean(samples)) < 1e-2
    windows = samples.reshape(-1, 2 * music.SAMPLE_RATE)
    assert np.std(windows, axis=1).min() > 0.01


@pytest.mark.parametrize(("genre", "artist"), ALL)
def test_tags_tell_what_was_rendered(genre, artist):
    track = rendered(genre, artist)
    tags = set(track.tags)
    assert tags <= set(music.TAGS)
    assert tags & set(music.GENRES) == {genre}
    assert tags & {"major", "minor"} == {track.key.split()[1]}
    expected = "slow" if track.tempo < 90 else "medium" if track.tempo < 125 else "fast"
    assert tags & {"slow", "medium", "fast"} == {expected}
    assert len(tags) > 4  # something plays


def test_same_arguments_give_same_samples_in_another_process():
    arguments = [(genre, 1, 2) for genre in music.GENRES[:3]]
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        elsewhere = list(pool.map(music.render_track, *zip(*arguments, strict=True)))
    for args, other in zip(reversed(arguments), reversed(elsewhere), strict=True):
        here = music.render_track(*args)
        np.testing.assert_array_equal(here.samples, other.samples)
        assert here.tags == other.tags


def test_genre_artist_track_and_seed_each_change_the_music():
    clips = [rendered("jazz"), rendered("rock"), rendered("jazz", artist=1)]
    clips += [rendered("jazz", track=1), rendered("jazz", seed=1)]
    correlation = np.corrcoef([clip.samples for clip in clips])
    assert np.abs(correlation - np.eye(len(clips))).max() < 0.5


def test_tracks_of_an_artist_share_the_instruments():
    sounds = set(music.TAGS) - {*music.GENRES, "slow", "medium", "fast", "major", "minor"}
    played = [sounds & set(rendered("bossa_nova", 2, track).tags) for track in range(6)]
    assert len(set.union(*played)) <= 4  # one for each role


@pytest.mark.parametrize("genre", ["disco", "rock", "metal", "hiphop"])
def test_tempo_is_real(genre):
    """librosa's estimate agrees with the tempo, its half or its double in most tracks."""
    agree = 0
    for artist in range(4):
        track = rendered(genre, artist)
        (estimate,) = librosa.feature.tempo(y=track.samples, sr=music.SAMPLE_RATE)
        agree += any(abs(estimate / (track.tempo * m) - 1) < 0.06 for m in (0.5, 1, 2))
    assert agree >= 3


@pytest.mark.parametrize("genre", music.GENRES)
def test_sections_start_on_bars(genre):
    track = music.render_track(genre, 0, 0, seconds=40.0)
    starts = np.array([start for start, _ in track.sections])
    bars = starts * track.tempo / 240
    assert starts[0] == 0
    assert len(starts) > 1
    np.testing.assert_allclose(bars, np.rint(bars), atol=1e-6)
    assert (np.diff(bars) >= 4 - 1e-6).all()


def test_parts_of_a_song_sound_different():
    """A break differs more from a verse than the verse's halves from each other."""
    ratios = []
    for artist in range(6):
        track = music.render_track("rock", artist, 0, seconds=60.0)
        mel = librosa.feature.melspectrogram(y=track.samples, sr=music.SAMPLE_RATE, n_mels=40)
        sections = {}
        for (start, name), (end, _) in itertools.pairwise(track.sections):
            first, last = librosa.time_to_frames([start + 0.5, end], sr=music.SAMPLE_RATE)
            sections[name] = librosa.power_to_db(mel[:, first:last])
        halves = np.array_split(sections["verse"], 2, axis=1)
        within = np.linalg.norm(halves[0].mean(axis=1) - halves[1].mean(axis=1))
        gap = sections["verse"].mean(axis=1) - sections["break"].mean(axis=1)
        ratios.append(np.linalg.norm(gap) / within)
    assert np.median(ratios) > 1.5


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_styles_are_well_formed(style):
    """Whatever a track picks exists, parses, and fills one bar."""
    patterns = [*style.bass, *style.chords, *style.melody]
    patterns += [pattern for name in style.grooves for pattern in GROOVES[name].values()]
    assert {len(pattern) for pattern in patterns} == {16}
    assert all(parse_progression(text) for text in style.major + style.minor)
    assert {drum for name in style.grooves for drum in GROOVES[name]} <= set(DRUMS)
    assert {name for names in style.instruments.values() for name in names} <= set(music.TAGS)


def test_unknown_genre_is_named():
    with user_error("unknown_name", "'polka'"):
        music.render_track("polka", 0, 0)


def test_too_short_a_track_is_refused():
    with user_error("argument.out_of_range", "2 s", "0.0 s"):
        music.render_track("jazz", 0, 0, seconds=0.0)


def timbre_accuracy(seed, artists, train_artists, tracks, seconds):
    """Accuracy on unseen artists of an RBF SVM on MFCC means and standard deviations."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rows = [(g, a, t) for g in music.GENRES for a in range(artists) for t in range(tracks)]
    features = []
    for row in rows:
        samples = music.render_track(*row, seed=seed, seconds=seconds).samples
        samples = librosa.resample(samples, orig_sr=music.SAMPLE_RATE, target_sr=12_000)
        mfcc = librosa.feature.mfcc(y=samples, sr=12_000, n_mfcc=20)
        features.append(np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1)]))
    genres = np.array([genre for genre, _, _ in rows])
    train = np.array([artist < train_artists for _, artist, _ in rows])
    svm = make_pipeline(StandardScaler(), SVC())
    svm.fit(np.array(features)[train], genres[train])
    return svm.score(np.array(features)[~train], genres[~train])


@pytest.mark.slow
def test_timbre_tells_much_but_not_all():
    """Hard enough that rhythm and harmony are worth learning, easy enough to learn at all."""
    pytest.importorskip("sklearn")
    accuracy = timbre_accuracy(seed=0, artists=12, train_artists=8, tracks=1, seconds=8.0)
    assert 0.4 < accuracy < 0.8
