"""Clips cover their track and hold what the whole track holds, whatever the lengths."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mgr_jax.audio.clips import Crop, cut_clip, fit_length, read_window, segment_starts

LENGTHS = st.integers(1, 300)
CLIPS = st.integers(1, 80)
STEPS = st.integers(1, 20)
CROPS = st.builds(
    Crop, context=st.integers(0, 30), step=STEPS, padding=st.sampled_from(["constant", "reflect"])
)


@given(length=LENGTHS, clip=CLIPS, step=STEPS)
def test_the_fewest_clips_that_cover_a_track_cover_it(length, clip, step):
    starts = segment_starts(length, clip, step=step)
    assert len(starts) == -(-length // clip)
    assert starts[0] == 0
    assert not (starts % step).any()
    assert starts[-1] + clip <= max(length, clip)
    # What is left over between two clips, or at the end, is less than a step.
    assert (np.append(starts[1:], length) - (starts + clip) < step).all()


@given(length=LENGTHS, clip=CLIPS, step=STEPS, segments=st.integers(2, 12))
def test_a_number_of_clips_is_spread_evenly(length, clip, step, segments):
    starts = segment_starts(length, clip, segments, step=step)
    spare = max(0, length - clip)
    assert len(starts) == (segments if spare else 1)
    assert not (starts % step).any()
    # Each begins less than a step before its even place, to which it was rounded by half a sample.
    before = np.linspace(0, spare, len(starts)) - starts
    assert (before >= -0.5).all()
    assert (before <= step - 0.5).all()


@given(length=LENGTHS, before=st.integers(0, 400), after=st.integers(0, 400))
def test_what_lies_beyond_a_track_is_numpys(length, before, after):
    track = np.arange(1, length + 1)
    for padding in ("constant", "reflect"):
        whole = np.pad(track, (before, after), mode=padding)
        np.testing.assert_array_equal(read_window(track, -before, length + after, padding), whole)
        # A part of it is that part.
        start, stop = before // 2 - before, length + after // 2
        part = whole[before // 2 : before + length + after // 2]
        np.testing.assert_array_equal(read_window(track, start, stop, padding), part)


@given(length=LENGTHS, clip=CLIPS, crop=CROPS)
def test_frames_of_clips_are_frames_of_the_whole_track(length, clip, crop):
    """What a front end sees around a frame does not depend on the clip the frame is in."""
    track = np.random.default_rng(length).integers(1, 1000, max(length, clip))
    around = np.lib.stride_tricks.sliding_window_view(
        read_window(track, -crop.context, len(track) + crop.context, crop.padding),
        2 * crop.context + 1,
    )
    for start in segment_starts(len(track), clip, step=crop.step):
        cut = cut_clip(track, start, clip, short_clip="zero_pad", crop=crop)
        assert len(cut) == clip + 2 * crop.context
        frames = np.lib.stride_tricks.sliding_window_view(cut, 2 * crop.context + 1)
        np.testing.assert_array_equal(
            frames[:: crop.step], around[start : start + clip : crop.step]
        )


@given(length=LENGTHS, clip=CLIPS)
def test_filling_keeps_the_clip_and_adds_nothing_to_a_long_one(length, clip):
    track = np.arange(1, length + 1)
    zeros = fit_length(track, clip, "zero_pad")
    again = fit_length(track, clip, "repeat")
    assert len(zeros) == len(again) == max(length, clip)
    np.testing.assert_array_equal(zeros[:length], track)
    assert not zeros[length:].any()
    np.testing.assert_array_equal(again, track[np.arange(len(again)) % length])
