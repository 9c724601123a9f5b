"""`mgr-jax report frontends`: one clip by every front end, and by every augmentation."""

import importlib.util
import os
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.errors import UserError

# The finest front ends take some 15 MB of memory per second.
_LONGEST = 120.0


def define_flags(flags: absl_flags.FlagValues) -> None:
    """Defines the flags of `report frontends`."""
    absl_flags.DEFINE_string("audio", None, "frontends: an audio file.", flag_values=flags)
    absl_flags.DEFINE_string(
        "out", None, "frontends: folder to write to; <file>_frontends if absent.", flag_values=flags
    )
    absl_flags.DEFINE_float("start", 0.0, "frontends: where to begin, in s.", flag_values=flags)
    absl_flags.DEFINE_float("seconds", 10.0, "frontends: how much to draw.", flag_values=flags)


def main(flags: absl_flags.FlagValues) -> None:
    """Computes the pictures, stores and draws them."""
    if flags.model or not flags.audio:
        raise UserError("report frontends takes --audio, such as --audio=song.mp3, and no --model")
    if not 0 < flags.seconds <= _LONGEST:
        raise UserError(f"--seconds is {flags.seconds:g}; give more than 0, up to {_LONGEST:g}")
    if not 0 <= flags.start < float("inf"):
        raise UserError(f"--start is {flags.start:g}; give the second to begin at, from 0")
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError("drawing needs matplotlib; run pip install 'mgr-jax[report]'")
    import numpy as np
    import soundfile

    from mgr_jax.audio.io import read_audio

    path = Path(flags.audio).expanduser()
    try:
        rate = soundfile.info(os.fsencode(path)).samplerate
    except soundfile.LibsndfileError:
        rate = 22050  # read_audio says what is wrong
    track = read_audio(path, rate)
    first = round(flags.start * rate)
    clip = track[first : first + max(1, round(flags.seconds * rate))]
    if not len(clip):
        raise UserError(
            f"{path} lasts {len(track) / rate:.3g} s; --start={flags.start:g} lies beyond its end"
        )
    # Half the track away, around its end.
    partner = np.take(track, first + np.arange(len(clip)) + len(track) // 2, mode="wrap")
    out = Path(flags.out or f"{path.stem}_frontends").expanduser()
    out.mkdir(parents=True, exist_ok=True)

    from mgr_jax.reports.gallery import save_pages, write_gallery
    from mgr_jax.runs.frontend_gallery import augment_gallery, frontend_gallery

    pages = {
        "Front ends": frontend_gallery(clip, rate, start=flags.start, progress=True),
        "Augmentations": augment_gallery(clip, partner, rate, start=flags.start, progress=True),
    }
    end = flags.start + len(clip) / rate
    save_pages(out / "report_data.npz", f"{path.name}, {flags.start:g} to {end:.4g} s", pages)
    print(f"Wrote {write_gallery(out)}")
