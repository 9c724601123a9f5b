"""Measures how well an encoding is read: compares the decoded sound with the original."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import AudioError, read_audio
from mgr_jax.benchmark.inputs.encodings import Encoding, write

_LONG = 8.0  # seconds; half of less could be within the tolerance of lengths


@dataclass(frozen=True)
class Measured:
    """The decoded sound of a file, compared with the original.

    Attributes:
      encoding: encoding of the file.
      length: by how many ms it is longer, or if negative shorter.
      lag: by how many ms it is later, or if negative earlier.
      gain: by how many dB it is louder, or if negative softer.
      correlation: correlation with the original, shifted by the lag.
      error: the largest difference of a sample there, in units of 16 bit.
      said: warnings.
    """

    encoding: Encoding
    length: float
    lag: float
    gain: float
    correlation: float
    error: float
    said: tuple[str, ...] = ()

    @property
    def wrong(self) -> list[str]:
        """The deviations that this encoding does not allow, warnings among them."""
        kind = self.encoding.kind
        held = {
            f"{self.length:+.2f} ms": -kind.length[0] <= self.length <= kind.length[1],
            f"lag {self.lag:+.2f} ms": -kind.lag[0] <= self.lag <= kind.lag[1],
            f"gain {self.gain:+.2f} dB": abs(self.gain) <= kind.gain,
            f"correlation {self.correlation:.5f}": self.correlation >= kind.correlation,
            f"error {self.error:.2f}": kind.error is None or self.error <= kind.error,
        }
        return [what for what, holds in held.items() if not holds] + list(self.said)


def measure(encoding: Encoding, path: Path) -> Measured:
    """Writes a file in an encoding, reads it and compares.

    Args:
      encoding: the encoding; its program must be installed.
      path: the file, which is overwritten.

    Returns:
      The comparison.

    Raises:
      AudioError: the file cannot be read.
    """
    original = write(encoding, path).mean(axis=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sound = read_audio(path, encoding.rate)
    lag = find_lag(sound, original)
    first, second = sound[max(lag, 0) :], original[max(-lag, 0) :]
    common = min(len(first), len(second))
    first, second = first[:common].astype(float), second[:common]
    energies = (first**2).sum(), (second**2).sum()
    ms = 1000 / encoding.rate
    return Measured(
        encoding,
        length=(len(sound) - len(original)) * ms,
        lag=lag * ms,
        gain=float(10 * np.log10(energies[0] / energies[1])),
        correlation=float((first * second).sum() / np.sqrt(energies[0] * energies[1])),
        error=float(np.abs(first - second).max() * 2**15),
        said=tuple(str(warning.message) for warning in caught),
    )


def find_lag(sound: np.ndarray, original: np.ndarray) -> int:
    """The lag in samples at which a sound correlates best with the original."""
    size = 1 << (len(sound) + len(original)).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(original, size).conj()
    best = int(np.fft.irfft(spectrum, size).argmax())
    return best - size if best > size // 2 else best


def notices_cut(encoding: Encoding, path: Path) -> bool:
    """Whether half a file in an encoding is refused, rather than taken for a whole one.

    Args:
      encoding: the encoding; its program must be installed.
      path: the file, which is overwritten.
    """
    write(encoding, path, _LONG)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_audio(path, encoding.rate)
        except AudioError:
            return True
    return False
