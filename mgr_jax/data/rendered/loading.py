"""Loads a track of rendered music; apart from the builder, since workers import this alone."""

from mgr_jax.audio.io import resample
from mgr_jax.data.records import LoadedTrack
from mgr_jax.data.rendered import music


def load_rendered(
    genre: str, artist: int, track: int, seed: int, seconds: float, sample_rate: int
) -> LoadedTrack:
    """Renders a track; see `mgr_jax.data.rendered.music.render_track`.

    Args:
      genre: see `render_track`.
      artist: see `render_track`.
      track: see `render_track`.
      seed: see `render_track`.
      seconds: see `render_track`.
      sample_rate: rate to resample to, in Hz.

    Returns:
      The track.
    """
    rendered = music.render_track(genre, artist, track, seed=seed, seconds=seconds)
    return LoadedTrack(
        resample(rendered.samples, music.SAMPLE_RATE, sample_rate),
        rendered.tags,
        {"tempo": f"{rendered.tempo:.1f}", "key": rendered.key, "groove": rendered.groove},
    )
