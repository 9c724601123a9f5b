"""Chromaprint fingerprints. They need the program `fpcalc` (https://acoustid.org).

On Debian and Ubuntu the package is libchromaprint-tools, with Homebrew it is chromaprint.
"""

import shutil
import subprocess

import numpy as np

from mgr_jax.audio.fingerprint import Fingerprint, Scheme
from mgr_jax.audio.io import to_int16
from mgr_jax.errors import UserError

_SHORTEST_SECONDS = 3.0  # fpcalc makes no word of less


def require_fpcalc() -> None:
    """Checks that `fpcalc` is installed.

    Raises:
      UserError: it is not.
    """
    if shutil.which("fpcalc") is None:
        raise UserError(
            "the fingerprint chromaprint needs the program fpcalc; install it (Debian and Ubuntu: "
            "libchromaprint-tools, Homebrew: chromaprint), or choose haitsma_kalker",
            code="fingerprint.no_fpcalc",
        )


def chromaprint(waveform: np.ndarray, sample_rate: int) -> Fingerprint:
    """Fingerprints a track of any length and sample rate.

    Args:
      waveform: [samples] float32.
      sample_rate: in Hz.

    Returns:
      The words of the track.

    Raises:
      UserError: there is no fpcalc, or it fails.
    """
    require_fpcalc()
    if len(waveform) < _SHORTEST_SECONDS * sample_rate:
        return Fingerprint(np.zeros(0, np.uint32), np.zeros(0, bool))
    command = f"fpcalc -raw -plain -length 0 -format s16le -rate {sample_rate} -channels 1 -"
    samples = to_int16(waveform).astype("<i2").tobytes()
    done = subprocess.run(command.split(), input=samples, capture_output=True)
    if not done.stdout:  # the exit code counts the end of the input as an error
        raise UserError(
            f"fpcalc failed: {done.stderr.decode(errors='replace').strip()}",
            code="fingerprint.fpcalc_failed",
        )
    words = np.array(done.stdout.split(b","), np.int64).astype(np.uint32)
    # Silence and steady tones repeat one word.
    same = np.pad(words[1:] == words[:-1], 1)
    return Fingerprint(words, ~(same[1:] & same[:-1]))


# Of 11,025 Hz: frames of 4,096 samples overlap by two thirds, and a word is made of 20 of them.
_HOP = 4_096 // 3
CHROMAPRINT = Scheme("chromaprint", chromaprint, _HOP / 11_025, (19 * _HOP + 4_096) / 11_025)
