"""Every sound passes here: limits, mixing to mono, levels, silence, resampling.

Sound passes block by block. So memory is bounded by the result, whatever the length, channels and
rate of the source are.
"""

import math
import numbers
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import soxr

from mgr_jax.audio.spool import GrowingWaveform, Spool
from mgr_jax.errors import UserError, require, unknown_name

# Channels cancel where their mean has less than this share of the power that it would have were
# they independent: of two equally loud ones, where their correlation is below -0.9. An effect or a
# transition takes a few seconds of a track; beyond a tenth of its sound, a channel is inverted.
_CANCELLED, _CANCELLED_SHARE = 0.1, 0.1
# Sound this much softer than the loudest second is a pause; its noise may have any phase: 40 dB.
_PAUSE = 1e-4
# Decoders overshoot full scale where loud sound was coded at a low rate, to 2.3 with music and 3.9
# with clipped noise (wma at 48 kbit/s), and players clip that. Stored samples overshoot by what
# rounding and limiters leave. Beyond that, the scale is another one.
_MAX_PEAK_LOSSY, _MAX_PEAK = 4.0, 1.25
# In music that is scaled to its peak, no sample has such a share of the energy of its second: at
# 44.1 kHz a drum stroke that fades within 10 ms spreads it over some 200.
_WILD_SHARE = 0.25
# The loudest second of what counts as sound, rms around its mean. Noise of the last two bits of 16
# is at -87 dB, music that is called quiet at -60.
_SILENT_DB, _QUIET_DB = -75.0, -60.0
_NOTHING = np.empty(0, np.float32)


def plain_number(number: float, digits: int = 15) -> str:
    """A number with thousands separators and no exponent, such as 1,000,000 or 22,050.5.

    Numbers of more than 15 digits have an exponent.
    """
    return f"{float(f'{number:.{digits}g}'):,.15g}"


class AudioError(UserError):
    """An audio file that cannot be used. The message says why."""


class AudioWarning(UserWarning):
    """An audio file that is used after a correction. The message says which one."""


@dataclass(frozen=True)
class Limits:
    """Limits on what a file may contain, so that no file fills up the memory.

    Attributes:
      min_rate: the lowest sample rate in Hz.
      max_rate: the highest sample rate in Hz.
      max_hours: the longest sound. As 16-bit samples at 22,050 Hz, twelve hours are 1.9 GB.
      max_expansion: how many times its size an archive or compressed array may become.
    """

    min_rate: float = 1_000
    max_rate: float = 384_000
    max_hours: float = 12
    max_expansion: float = 200

    def __post_init__(self) -> None:
        """Checks that all numbers are positive and that the rates are in order.

        Raises:
          UserError: they are not.
        """
        for name, value in vars(self).items():
            is_number = isinstance(value, numbers.Real) and float(value) > 0
            require(is_number, name, value, "give a positive number")
        highest = f"give at most max_rate, which is {self.max_rate:g}"
        require(self.min_rate <= self.max_rate, "min_rate", self.min_rate, highest)

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Reads `name=number` pairs, separated by commas. The other limits keep their defaults.

        Raises:
          UserError: there is no such limit, it is not a positive number, or the rates exclude
            everything.
        """
        chosen = {}
        for part in filter(None, text.split(",")):
            name, _, value = (piece.strip() for piece in part.partition("="))
            try:
                chosen[name] = float(value)
            except ValueError:
                require(False, name, value, "give a positive number")
        return cls.of(chosen)

    @classmethod
    def of(cls, given: "LimitsLike") -> "Limits":
        """The limits that a user gave: such an object, a dict of numbers by name, or a text.

        A text is read by `parse`. None stands for the defaults.

        Raises:
          UserError: it is something else, there is no such limit, or it is not a positive number.
        """
        if given is None or isinstance(given, cls):
            return given or cls()
        if isinstance(given, str):
            return cls.parse(given)
        if not isinstance(given, Mapping):
            raise UserError(
                f"`limits` is {given!r}; give them by name, as in mgr_jax.Limits(max_hours=48)",
                code="argument.wrong_type",
            )
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise unknown_name("limit", str(name), known)
        return cls(**given)

    def changed(self) -> dict[str, float]:
        """The limits that differ from the defaults, by name."""
        usual = vars(type(self)())
        return {name: float(value) for name, value in vars(self).items() if value != usual[name]}

    def rates(self) -> str:
        """The sample rates within the limits, for sentences."""
        return f"{plain_number(self.min_rate)} to {plain_number(self.max_rate)} Hz"

    def require_rate(self, name: str, rate: float) -> None:
        """Checks a sample rate.

        Args:
          name: of the source, for the message.
          rate: in Hz.

        Raises:
          AudioError: the rate is outside the limits.
        """
        if not self.min_rate <= rate <= self.max_rate:
            raise AudioError(
                f"{name} has a sample rate of {plain_number(rate)} Hz, outside of {self.rates()}; "
                "correct it, or change the limits (`limits`)",
                code="audio.limit",
            )


LimitsLike: TypeAlias = Limits | Mapping[str, float] | str | None


@dataclass(frozen=True)
class _Rule:
    """How channels become mono: the mean of all, or one; and what it is multiplied with."""

    channel: int | None = None
    gain: float = 1.0

    def mix(self, block: np.ndarray) -> np.ndarray:
        """[channels, samples] → [samples]."""
        if self.channel is None:
            mono = block[0]
            if len(block) > 1:  # what mean(axis=0) gives, in a fifth of its time
                mono = mono + block[1]
                for other in block[2:]:
                    mono += other
                mono /= len(block)
        else:
            mono = block[min(self.channel, len(block) - 1)]
        return mono if self.gain == 1.0 else mono * np.float32(self.gain)


class Sound(Protocol):
    """A sound that can pass the gate. If the usual mixing fails, which is rare, it is read twice.

    Attributes:
      lossy: whether the coding has changed the samples.
    """

    lossy: bool

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yields blocks of a second or less: rate in Hz, [channels, samples] float32."""


def pass_gate(
    sound: Sound, name: str, to_rate: int | None, dtype: type, spool: Spool | None = None
) -> tuple[np.ndarray, int]:
    """Makes one mono waveform of a sound.

    Channels are averaged. If they cancel each other in more than a tenth of the sound, only the
    loudest channel is used. Samples far beyond full scale, such as integers stored as floats, are
    scaled to their peak. An AudioWarning reports both.

    Args:
      sound: its blocks.
      name: of the source, for messages.
      to_rate: the rate of the result in Hz; None is that of the first block.
      dtype: np.float32, nominally in [-1, 1], or np.int16, which clips what lies outside.
      spool: opens a file for a long waveform, see `audio.spool`; None: it stays in memory.

    Returns:
      Waveform [samples] and its rate in Hz.

    Raises:
      AudioError: there are no samples, some are not finite or so high that the others vanish
        beside them, or there is nothing to hear.
      SpoolError: the file cannot be written.
    """
    survey = _Survey(name)
    waveform, rate, levels = _render(sound, _Rule(), to_rate, dtype, spool, survey)
    rule, remarks = survey.judge(sound.lossy)
    if rule != _Rule():
        del waveform  # else there are two of them
        waveform, rate, levels = _render(sound, rule, to_rate, dtype, spool)
    if levels.loudest() <= _SILENT_DB:
        raise AudioError(
            f"{name} holds nothing to hear (no second of it is louder than {_SILENT_DB:.0f} dB of "
            "full scale); remove it",
            code="audio.silent",
        )
    if rule.gain < 1 / _MAX_PEAK_LOSSY and levels.hold_wild_samples(rule.gain):
        raise AudioError(
            f"{name} holds samples of up to {1 / rule.gain:,.4g} times full scale, beside which "
            "the others vanish; export it again",
            code="audio.wild_samples",
        )
    for remark in remarks:
        warnings.warn(f"{name} {remark}", AudioWarning, stacklevel=4)
    return waveform, rate


class _Survey:
    """What only the whole of a sound tells: the power and the peak of its channels and their mean.

    The mean of the channels counts as one more channel, the first.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # Of each block: samples, the power of its loudest channel, whether the mean cancels.
        self._blocks: list[tuple[int, float, bool]] = []
        # By channel: energy around the means of the blocks, peak.
        self._energy, self._peak = [0.0], [0.0]

    def look_at(self, block: np.ndarray, mono: np.ndarray) -> "_Measured":
        """Takes a block and the mean of its channels into account; returns what the mean is."""
        found = [self._measure(row) for row in ([mono, *block] if len(block) > 1 else [mono])]
        more = [0.0] * (len(found) - len(self._energy))
        self._energy += more
        self._peak += more
        for channel, one in enumerate(found):
            self._energy[channel] += one.energy
            self._peak[channel] = max(self._peak[channel], one.peak)
        power = max(one.energy for one in found) / len(mono)
        # What the mean of the channels would have, were they independent.
        expected = sum(one.energy for one in found[1:]) / max(1, len(found) - 1) ** 2
        self._blocks.append((len(mono), power, found[0].energy < _CANCELLED * expected))
        return found[0]

    def _measure(self, row: np.ndarray) -> "_Measured":
        found = _measure(row)
        if not all(map(math.isfinite, found)):  # float32 may not hold the squares
            found = _measure(row.astype(np.float64))
        if not all(map(math.isfinite, found)):
            raise AudioError(
                f"{self._name} holds samples that are not finite numbers; export it again",
                code="audio.not_finite",
            )
        return found

    def judge(self, lossy: bool) -> tuple[_Rule, list[str]]:
        """How to mix the sound, and the remarks about it."""
        if not self._blocks:
            raise AudioError(
                f"{self._name} holds no audio samples; remove it or replace it",
                code="audio.no_samples",
            )
        samples, power, cancels = np.array(self._blocks).T
        samples[power < _PAUSE * power.max()] = 0
        channel, remarks = None, []
        if samples @ cancels > _CANCELLED_SHARE * samples.sum():
            energy = np.array(self._energy[1:])
            channel = int((energy > 0.999 * energy.max()).argmax())  # rounding chooses none
            remarks.append(
                f"has channels that cancel each other; channel {channel + 1} of "
                f"{len(self._energy) - 1}, the loudest, is taken alone"
            )
        highest = self._peak[0 if channel is None else channel + 1]
        gain = 1.0
        if highest > (_MAX_PEAK_LOSSY if lossy else _MAX_PEAK):
            gain = 1.0 / highest
            peak_told = plain_number(highest, 4)
            remarks.append(
                f"has levels of up to {peak_told} times full scale; it is scaled to its peak"
            )
        return _Rule(channel, gain), remarks


class _Measured(NamedTuple):
    """What [samples] are.

    Attributes:
      energy: the sum of squares around their mean.
      peak: the highest magnitude.
      swing: the highest distance from their mean.
    """

    energy: float
    peak: float
    swing: float


def _measure(samples: np.ndarray) -> _Measured:
    squares, mean = float(samples @ samples), float(np.add.reduce(samples)) / len(samples)
    energy = squares - len(samples) * mean**2
    if energy < 0.01 * squares:  # of a large offset, float32 leaves nothing of the difference
        varying = samples - samples.dtype.type(mean)
        energy = float(varying @ varying)
    highest, lowest = float(samples.max()), float(samples.min())
    return _Measured(energy, max(highest, -lowest), max(highest - mean, mean - lowest))


class _Levels:
    """How loud a mono sound is, block by block; a block is a second, or less."""

    def __init__(self) -> None:
        # Of each: seconds, energy around the mean in seconds of full scale, its peak's square.
        self._blocks: list[tuple[float, float, float]] = []

    def add(self, found: _Measured, seconds: float, rate: float) -> None:
        """Takes a block into account."""
        self._blocks.append((seconds, found.energy / rate, found.swing**2 / rate))

    def _decibels(self, but: int | None = None) -> float:
        seconds, energy, _ = np.array(self._blocks).T
        # What is shorter does not become louder by that, unless there is no more.
        whole = min(1.0, seconds.sum())
        power = energy / np.maximum(seconds, whole)
        highest = max(np.delete(power, [] if but is None else but), default=0.0)
        return 10 * np.log10(highest) if highest else -np.inf

    def loudest(self) -> float:
        """The level of the loudest block in dB."""
        return self._decibels()

    def hold_wild_samples(self, gain: float) -> bool:
        """Whether a few samples, or one block of them, are what all was scaled to."""
        _, energy, peaks = np.array(self._blocks).T
        at = int(peaks.argmax())
        rest = self._decibels(but=at)
        was_heard = rest - 20 * np.log10(gain) > _SILENT_DB
        return peaks[at] > _WILD_SHARE * energy[at] or (rest < _QUIET_DB and was_heard)


def _render(
    sound: Sound,
    rule: _Rule,
    to_rate: int | None,
    dtype: type,
    spool: Spool | None,
    survey: _Survey | None = None,
) -> tuple[np.ndarray, int, _Levels]:
    """Mixes and resamples blocks.

    Returns:
      Waveform, its rate in Hz, and how loud its blocks are.
    """
    levels, stream = _Levels(), None
    rate, target = 0.0, float(to_rate or 0)
    with GrowingWaveform(dtype, spool) as track:

        def add(samples: np.ndarray) -> None:
            track.append(to_int16(samples) if dtype == np.int16 else samples)

        for block_rate, block in sound:
            with np.errstate(over="ignore", invalid="ignore"):  # the survey tells of it
                mono = rule.mix(block)
                found = survey.look_at(block, mono) if survey else _measure(mono)
                levels.add(found, len(mono) / block_rate, block_rate)
                if block_rate != rate:
                    if stream:
                        add(stream.resample_chunk(_NOTHING, last=True))
                    rate, target = block_rate, target or block_rate
                    stream = (
                        soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")
                        if rate != target
                        else None
                    )
                add(stream.resample_chunk(mono) if stream else mono)
        if stream:
            add(stream.resample_chunk(_NOTHING, last=True))
        return track.take(), round(target), levels


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Rounds float samples in [-1, 1) to int16 (one unit = 2**-15), clipping what lies outside."""
    return np.clip(np.round(waveform * 32768.0), -32768, 32767).astype(np.int16)


def is_silent(samples: np.ndarray, rate: int) -> bool:
    """Whether no second of a sound is loud enough to count as sound.

    Args:
      samples: int16 [samples].
      rate: in Hz.
    """
    levels = _Levels()
    for start in range(0, len(samples), rate):
        block = samples[start : start + rate] / np.float32(32768.0)
        levels.add(_measure(block), len(block) / rate, rate)
    return levels.loudest() <= _SILENT_DB
