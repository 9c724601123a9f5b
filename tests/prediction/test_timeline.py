"""Windows become sections that tile the track, and each setting does what it says."""

import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from errors import user_error
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

import mgr_jax
from mgr_jax.audio.clips import Crop
from mgr_jax.decisions import Decider, Decisions, Rules, Timeline
from mgr_jax.input_spec import InputSpec
from mgr_jax.prediction.question import resolve_timeline
from mgr_jax.prediction.timeline import (
    average_windows,
    find_sections,
    follow_best,
    follow_tags,
    model_timeline,
    smooth_moments,
    window_starts,
)

RATE = 100
CLASSES = ("blues", "jazz", "rock")
SPEC = InputSpec(
    kind="waveform",
    shape=(3 * RATE,),
    dtype="int16",
    sample_rate=RATE,
    task="single_label",
    clip_samples=3 * RATE,
    eval_segments=0,
    short_clip="zero_pad",
    min_samples=1,
    mask_filling=True,
)


def sections_of(
    probabilities,
    timeline,
    *,
    length=None,
    task="single_label",
    decisions=None,
    rules=None,
    statistics=None,
):
    """The sections of windows of 3 s, of a track that is as long as they reach."""
    probabilities = np.asarray(probabilities, np.float64)
    length = length or round(((len(probabilities) - 1) * timeline.hop + 3) * RATE)
    starts = window_starts(length, SPEC, timeline)
    assert len(starts) == len(probabilities)
    return find_sections(
        starts,
        np.minimum(starts + SPEC.clip_samples, length),
        probabilities,
        np.zeros((len(starts), 0)) if statistics is None else statistics,
        length=length,
        rate=RATE,
        timeline=timeline,
        task=task,
        decider=Decider(CLASSES, task, decisions or Decisions(), rules or Rules()),
    )


def told(sections):
    return [(section.start, section.end, section.answer.label) for section in sections]


def heard(labels, sure=0.9):
    """What a network says that hears these classes, [windows, classes]."""
    rest = (1 - sure) / (len(CLASSES) - 1)
    return np.where(np.eye(len(CLASSES))[labels] == 1, sure, rest)


windows = st.lists(
    st.tuples(*[st.floats(0.01, 1)] * 3).map(lambda row: np.array(row) / sum(row)),
    min_size=1,
    max_size=40,
).map(np.array)
timelines = st.builds(
    Timeline,
    hop=st.sampled_from([0.25, 0.5, 1.0, 1.7, 3.0]),
    smoothing=st.sampled_from([0.0, 2.0, 7.5]),
    hysteresis=st.sampled_from([0.0, 0.1, 0.4]),
    min_length=st.sampled_from([0.0, 3.0, 8.0]),
)


@given(windows, timelines, st.sampled_from(["single_label", "multi_label"]))
def test_sections_tile_the_track_and_none_is_too_short(probabilities, timeline, task):
    length = round(((len(probabilities) - 1) * timeline.hop + 3) * RATE)
    moments, sections = sections_of(probabilities, timeline, task=task)
    edges = [sections[0].start, *(section.end for section in sections)]
    assert edges[0] == 0
    assert edges[-1] == moments.edges[-1] == length / RATE
    assert [section.start for section in sections] == edges[:-1]
    if len(sections) > 1:
        assert min(np.diff(edges)) >= timeline.min_length - 1e-6
    said = [set(section.answer.told) for section in sections]
    assert all(one != other for one, other in itertools.pairwise(said))


@given(st.lists(st.integers(2, 12), min_size=1, max_size=6), st.sampled_from([0.25, 0.5, 1.0]))
def test_boundaries_are_where_the_sound_changes(seconds, hop):
    """Of a network that hears each window as a mixture of what is in it."""
    truth = np.repeat(np.arange(len(seconds)) % 2, np.array(seconds) * 3 * RATE)
    starts = window_starts(len(truth), SPEC, Timeline(hop=hop))
    share = np.array([truth[s : s + SPEC.clip_samples].mean() for s in starts])
    probabilities = np.stack([1 - share, share, np.zeros(len(share))], axis=1)
    _, sections = sections_of(probabilities, Timeline(hop=hop), length=len(truth))
    found = [section.start for section in sections[1:]]
    np.testing.assert_allclose(found, np.cumsum(seconds)[:-1] * 3, atol=hop + 1 / RATE)


@given(
    st.integers(1, 5000),
    st.floats(0.005, 3),
    st.integers(1, 60),
)
def test_windows_cover_the_track_at_multiples_of_the_hop(length, hop, step):
    spec = dataclasses.replace(SPEC, crop=Crop(step=step))
    starts = window_starts(length, spec, Timeline(hop=hop))
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert (starts % step == 0).all()
    assert starts[-1] + spec.clip_samples > length - step
    if length <= spec.clip_samples:
        assert len(starts) == 1
    else:
        assert starts[-1] + spec.clip_samples <= length
        assert np.diff(starts).max(initial=0) <= spec.clip_samples + step - 1
        wanted = np.arange(len(starts) - 1) * max(hop * RATE, step)
        assert (np.abs(starts[:-1] - wanted) <= step).all()


def test_moments_are_means_over_the_windows_that_cover_them():
    rng = np.random.default_rng(0)
    starts = np.array([0, 50, 130, 400, 430])
    probabilities = rng.random((5, 3))
    edges, means = average_windows(starts, starts + 300, probabilities, 735)
    for start, end, mean in zip(edges, edges[1:], means, strict=False):
        cover = (starts <= start) & (end <= starts + 300)
        if start >= 730:  # behind the last window
            cover = starts == 430
        np.testing.assert_allclose(mean, probabilities[cover].mean(axis=0))
    assert edges.tolist() == [0, 50, 130, 300, 350, 400, 430, 700, 730, 735]


@pytest.mark.parametrize("width", [1, 5, 9])
def test_smoothing_is_scipys_moving_average(width):
    probabilities = np.random.default_rng(1).random((50, 3))
    smooth = smooth_moments(np.arange(51) * 0.5, probabilities, width * 0.5)
    expected = uniform_filter1d(probabilities, width, axis=0)
    inside = slice(width // 2, 50 - width // 2)
    np.testing.assert_allclose(smooth[inside], expected[inside])
    np.testing.assert_allclose(smooth[0], probabilities[: width // 2 + 1].mean(axis=0))


def test_smoothing_does_not_ask_how_moments_are_cut():
    rng = np.random.default_rng(2)
    coarse = rng.random((20, 3))
    edges = np.sort(np.append(np.linspace(0, 20, 21), rng.uniform(0, 20, 40)))
    fine = coarse[np.floor((edges[:-1] + edges[1:]) / 2).astype(int)]
    smooth = smooth_moments(edges, fine, 5.0)
    middles = (edges[:-1] + edges[1:]) / 2
    steps = np.linspace(0, 20, 200_001)[:-1]
    values = coarse[np.floor(steps + 1e-9).astype(int)]
    for row, middle in list(zip(smooth, middles, strict=True))[::7]:
        near = np.abs(steps - middle) <= 2.5
        np.testing.assert_allclose(row, values[near].mean(axis=0), atol=1e-3)


def test_smoothing_takes_away_a_slip():
    labels = [0] * 20 + [2] + [0] * 20
    assert len(sections_of(heard(labels, 0.6), Timeline(hop=3))[1]) == 3
    assert len(sections_of(heard(labels, 0.6), Timeline(hop=3, smoothing=15))[1]) == 1


def test_hysteresis_asks_for_a_margin_and_makes_nothing_late():
    p = np.linspace(0.1, 0.8, 36)  # jazz overtakes blues at 0.45, in the middle
    rising = np.stack([0.9 - p, p, np.full(36, 0.1)], axis=1)
    for margin in (0.0, 0.1, 0.3):
        assert follow_best(rising, margin).argmax(axis=1).tolist() == [0] * 18 + [1] * 18
    assert follow_best(rising, 0.75).argmax(axis=1).tolist() == [0] * 36  # never so much more
    wavering = np.array([[0.5, 0.4, 0.1], [0.42, 0.48, 0.1]] * 10)
    assert follow_best(wavering, 0.2).argmax(axis=1).tolist() == [0] * 20
    assert follow_best(wavering, 0.0).argmax(axis=1).tolist() == [0, 1] * 10


@given(windows, st.sampled_from([0.0, 0.1, 0.6]))
def test_a_class_that_is_ahead_by_the_margin_is_followed(probabilities, margin):
    followed = follow_best(probabilities, margin)
    assert (followed.sum(axis=1) == 1).all()
    behind = probabilities.max(axis=1) - probabilities[followed]
    assert (behind <= margin + 1e-12).all()


@given(windows, st.floats(0, 0.4))
def test_a_tag_ends_where_it_falls_below_its_level_by_the_hysteresis(probabilities, hysteresis):
    levels = np.array([0.3, 0.4, 0.5])
    followed = follow_tags(probabilities, levels, hysteresis)
    there = np.zeros(3, bool)
    for row, found in zip(probabilities, followed, strict=True):  # the rule, said plainly
        there = np.where(there, row >= levels - hysteresis, row >= levels)
        np.testing.assert_array_equal(found, there)


def test_a_short_section_joins_the_neighbour_that_fits_better():
    rows = np.concatenate([heard([0] * 4), [[0.1, 0.35, 0.55]], heard([1] * 4)])
    timeline = Timeline(hop=3, min_length=4)
    assert told(sections_of(rows, timeline)[1]) == [(0, 12, "blues"), (12, 27, "jazz")]
    rows[4] = [0.35, 0.1, 0.55]
    assert told(sections_of(rows, timeline)[1]) == [(0, 15, "blues"), (15, 27, "jazz")]
    assert len(sections_of(rows, Timeline(hop=3, min_length=3))[1]) == 3


def test_tags_begin_and_end_on_their_own():
    rows = np.full((12, 3), 0.1)
    rows[2:9, 0] = 0.8
    rows[5:12, 2] = 0.7
    _, sections = sections_of(rows, Timeline(hop=3), task="multi_label")
    assert [(s.start, s.end, set(s.answer.told)) for s in sections] == [
        (0, 6, set()),
        (6, 15, {"blues"}),
        (15, 27, {"blues", "rock"}),
        (27, 36, {"rock"}),
    ]
    assert sections[0].answer.label == "undecided"


def test_a_tag_that_goes_on_is_told_below_its_level():
    rows = np.full((9, 3), 0.1)
    rows[:3, 0], rows[3:6, 0] = 0.9, 0.45
    rows[3:6, 2] = 0.9
    for hysteresis, last in ((0.1, {"blues", "rock"}), (0.0, {"rock"})):
        _, sections = sections_of(rows, Timeline(3, 0, hysteresis), task="multi_label")
        assert [set(s.answer.told) for s in sections] == [{"blues"}, last, set()]


def test_answers_are_calibrated_and_may_be_undecided():
    rows = np.concatenate([heard([0] * 3), heard([1] * 3, 0.6), heard([2] * 3)])
    cool = Decisions(clip_temperature=2.0, thresholds={"jazz": 0.5})
    _, sections = sections_of(rows, Timeline(hop=3), decisions=cool)
    assert told(sections) == [(0, 9, "blues"), (9, 18, "undecided"), (18, 27, "rock")]
    sharp = np.sqrt([0.9, 0.05, 0.05])
    np.testing.assert_allclose(sections[0].answer.probabilities, sharp / sharp.sum(), rtol=1e-5)
    _, few = sections_of(rows, Timeline(hop=3), rules=Rules(classes=("rock",)))
    assert told(few) == [(0, 18, "undecided"), (18, 27, "rock")]
    _, high = sections_of(rows, Timeline(hop=3), rules=Rules(min_probability=0.95))
    assert told(high) == [(0, 27, "undecided")]


def test_what_is_no_music_is_a_section_of_its_own():
    """Noise is heard as blues here, as the music before it."""
    check = {"mean": [0.0], "scale": [1.0], "weights": [1.0, 0.0], "bias": 0.0, "threshold": 0.0}
    noise = np.array([[-1.0]] * 5 + [[1.0]] * 4)
    _, sections = sections_of(
        heard([0] * 9), Timeline(hop=3), decisions=Decisions(background=check), statistics=noise
    )
    assert told(sections) == [(0, 15, "blues"), (15, 27, "undecided")]
    assert [s.answer.reason for s in sections] == ["", "background"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hop": 0}, "hop is 0; give a time above 0"),
        ({"hop": "a"}, "hop is 'a'; give a time above 0"),
        ({"hop": float("nan")}, "hop is nan"),
        ({"smoothing": -1}, "smoothing is -1; give seconds, from 0 up"),
        ({"hysteresis": 1.5}, "hysteresis is 1.5; give a number from 0 to 1"),
        ({"min_length": float("inf")}, "min_length is inf"),
    ],
)
def test_settings_that_no_timeline_can_have(settings, words):
    with user_error("timeline.out_of_range", words):
        Timeline(**settings)


def test_a_hop_that_leaves_gaps():
    with user_error("timeline.gaps", "hop is 3.5 s", "windows last 3 s"):
        window_starts(5000, SPEC, Timeline(hop=3.5))
    rows = dataclasses.replace(SPEC, shape=(1,), sample_rate=1 / 30, clip_samples=1)
    assert len(window_starts(4, rows, Timeline(hop=0.5))) == 4  # rows of 30 s have no finer hop


def test_nothing_that_is_asked_for_is_no_timeline():
    model = SimpleNamespace(decisions=Decisions(), spec=SPEC)
    assert resolve_timeline(None, model) is None
    assert resolve_timeline(False, model) is None
    assert resolve_timeline({}, model) == resolve_timeline(True, model) == Timeline(None, 6, 0.2, 6)


def test_settings_by_name_change_those_of_the_model():
    own = Timeline(0.5, 3.0, 0.1, 6.0)
    spec, chosen = SPEC, Decisions(timeline=own)
    assert model_timeline(chosen, spec) == own
    assert model_timeline(Decisions(), spec) == Timeline(None, 6.0, 0.2, 6.0)  # two windows
    assert own.changed(True) == own
    assert own.changed({"hop": 1.0}) == Timeline(1.0, 3.0, 0.1, 6.0)
    assert own.changed(Timeline()) == Timeline()
    with user_error("unknown_name", "smooting", "smoothing"):
        own.changed({"smooting": 1.0})


def test_windows_of_a_hop_are_predicted_as_if_they_were_alone(trained_run):
    predictor = mgr_jax.load(trained_run)
    rate, clip = 12_000, predictor.spec.clip_samples
    song = np.random.default_rng(3).normal(0, 0.1, 3 * rate).astype(np.float32)
    song[rate : 2 * rate] = 0.2 * np.sin(np.arange(rate) / 10)
    asked = predictor.predict(song, rate)
    found = predictor.predict(song, rate, timeline={"hop": 0.2})
    np.testing.assert_allclose(found.start, np.append(np.arange(13) * 0.2, 2.5), atol=1 / rate)
    for number in (0, 3, 8, 13):
        start = round(found.start[number] * rate)
        alone = predictor.predict(song[start : start + clip], rate)
        np.testing.assert_allclose(
            found.probabilities[number], alone.track_probabilities, atol=1e-5
        )
        np.testing.assert_allclose(
            found.segment_embeddings[number], alone.embedding, rtol=1e-3, atol=1e-4
        )
    np.testing.assert_allclose(found.track_probabilities, asked.track_probabilities, atol=1e-6)
    assert found.label == asked.label
    assert found.sections[0].start == 0
    assert found.sections[-1].end == 3
    assert asked.sections == ()
    with user_error("timeline.gaps"):
        predictor.predict(song, rate, timeline=Timeline(hop=0.6))
