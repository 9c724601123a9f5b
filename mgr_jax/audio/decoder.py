"""Decodes files of every kind to blocks of samples, and reports what is wrong with them.

`Decoder` is the only place that knows the decoding library: PyAV, which contains FFmpeg's
libraries. It is imported when the first file is read.
"""

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mgr_jax.audio.encoded import Part, open_encoded, state_of
from mgr_jax.audio.gate import AudioError, Limits
from mgr_jax.audio.headers import Header, is_placeholder, read_header
from mgr_jax.errors import UserError

# A file counts as cut short if it has less sound than its header says, by more than this.
_MISSING_SECONDS, _MISSING_SHARE = 0.5, 0.01
_BLOCK_VALUES = 1 << 22  # at most, of all channels: 16 MiB

# The formats that FFmpeg may detect. It knows some 350, among them formats of games; a damaged
# header of those can crash it.
CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,avr,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,ircam,loas,matroska,"
    "mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,nistsphere,nut,ogg,oma,pvf,qcp,rm,sbc,shn,sox,tak,truehd,"
    "tta,voc,w64,wav,wsd,wv,xwma"
)
_PICTURES = "bmp_pipe,gif,jpeg_pipe,png_pipe,webp_pipe"  # for a clear message

_STILL = ("mjpeg", "png", "bmp", "gif", "webp", "tiff")  # codecs of covers

# Of every sample format but for the p of planar ones: type, full scale, and where zero is.
_FORMATS = {
    "u8": (np.uint8, 2.0**7, 128),
    "s16": (np.int16, 2.0**15, 0),
    "s32": (np.int32, 2.0**31, 0),
    "s64": (np.int64, 2.0**63, 0),
    "flt": (np.float32, 1.0, 0),
    "dbl": (np.float64, 1.0, 0),
}


class Decoder:
    """The sound of a file, block by block. The report on the file is complete at the end.

    Attributes:
      path: of the file.
      claimed: its length in seconds by its header; None if the header gives none, or only what
        follows from the size of the file.
      decoded: seconds that were decoded.
      failed: number of packets that cannot be decoded.
      cut: whether the last part of the file is incomplete.
      unread: share of the file that lies behind the end in its header and is left out.
      extended: whether there is more sound than the header says, which is then read.
      lossy: whether the coding has changed the samples.
    """

    def __init__(self, path: Path, data: bytes | None = None, limits: Limits | None = None) -> None:
        """Takes a path, or the content of a file that `path` only names."""
        self.path, self._data, self._limits = path, data, limits or Limits()
        self.claimed: float | None = None
        self.decoded, self.failed, self.cut, self.lossy = 0.0, 0, False, False
        self.unread, self.extended = 0.0, False
        self._reached = 0  # byte
        self._good = 0

    @property
    def missing(self) -> bool:
        """Whether more sound is missing than the padding that encoders add."""
        whole = self.claimed or self.decoded
        lost = self.failed * self.decoded / max(self._good, 1)
        missing = max(whole - self.decoded, lost)
        return self.cut or missing > max(_MISSING_SECONDS, _MISSING_SHARE * whole)

    def describe(self) -> str:
        """How much of the file was decoded, and what was not."""
        if self.claimed and self.claimed >= self.decoded + _MISSING_SECONDS / 2:
            return f"{self.decoded:.1f} of {self.claimed:.1f} s can be decoded"
        lost = "its end is missing or damaged" if self.cut else f"{self.failed} packets cannot"
        return f"{self.decoded:.1f} s can be decoded, and {lost}"

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yields blocks of a second, or less at the end and where the rate or the channels change.

        Each block is the rate in Hz and an array [channels, samples] float32, full scale at 1. The
        array is valid until the next block is requested.

        Raises:
          AudioError: there is no such file, it is not audio, or it is beyond the limits.
        """
        self.claimed, self.decoded, self.failed, self._good = None, 0.0, 0, 0
        self.cut, self._reached = False, 0
        with (
            open_encoded(self.path, self._data) as file,
            self._changes_told(file),
            self._disk_errors_told(),
        ):
            header = read_header(file)
            self._require_sound(header)
            with self._errors_told(header):
                yield from self._in_blocks(self._frames(header))
            if header.share < 1 and (self.claimed or 0.0) < self.decoded + _MISSING_SECONDS:
                self.claimed = self.decoded / header.share  # FFmpeg has counted what is there
            self.cut |= header.cut
            self.extended = header.extended
            self.unread = max(0, header.size - max(header.end, self._reached)) / header.size

    def _require_sound(self, header: Header) -> None:
        if not header.size:
            raise AudioError(
                f"{self.path} is empty (0 bytes); remove it or download it again",
                code="audio.empty_file",
            )
        if header.is_lfs:
            raise AudioError(
                f"{self.path} is a git-lfs pointer, not the file itself; fetch it (git lfs pull)",
                code="audio.git_lfs",
            )

    @contextlib.contextmanager
    def _changes_told(self, file: BinaryIO) -> Iterator[None]:
        """Refuses a file that changes while it is read, whatever else is wrong with it."""
        before = state_of(file)
        fault: UserError | None = None
        try:
            yield
        except UserError as error:
            fault = error
        if state_of(file) != before:
            raise AudioError(
                f"{self.path} changed while it was read; try again", code="audio.changed"
            ) from fault
        if fault:
            raise fault

    @contextlib.contextmanager
    def _disk_errors_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise AudioError(
                f"{self.path} cannot be read ({error.strerror}); check the disk",
                code="disk.refused",
            ) from error

    @contextlib.contextmanager
    def _errors_told(self, header: Header) -> Iterator[None]:
        """Turns every error of the decoder into a sentence. A file may contain anything."""
        av = import_av()
        try:
            yield
        except (UserError, MemoryError):
            raise
        # All of FFmpeg's errors are of the first class, what PyAV itself says of a file are
        # ValueErrors, and ours may end too early. Errors of the disk, and faults here, are others.
        except (av.FFmpegError, ValueError, EOFError) as error:
            if self.decoded:  # that is what there is
                self.cut = True
                return
            if header.index_last or header.cut:
                raise AudioError(
                    f"{self.path} is cut short, and what is there cannot be decoded alone; "
                    "replace it with a complete copy",
                    code="audio.cut_short",
                ) from error
            reason = "it is text" if header.is_text else "it is damaged or of another type"
            raise AudioError(
                f"{self.path} cannot be decoded as audio; {reason}", code="audio.undecodable"
            ) from error

    def _in_blocks(self, frames: Iterator[Any]) -> Iterator[tuple[int, np.ndarray]]:
        """Gathers frames into blocks of a second, see `__iter__`. Songs have thousands."""
        av, longest = import_av(), 3600 * self._limits.max_hours
        queue: Any = None
        kind, rate, size = None, 0, 0
        for frame in frames:
            samples = frame.samples
            if not samples:
                continue
            of_frame = frame.sample_rate, frame.layout.nb_channels, frame.format.name
            if of_frame != kind:
                if queue and queue.samples:
                    yield rate, _values(queue.read())
                kind, queue = of_frame, av.AudioFifo()
                rate, channels, _ = kind
                self._limits.require_rate(str(self.path), rate)
                size = min(rate, _BLOCK_VALUES // channels)
            self.decoded += samples / rate
            if self.decoded > longest:
                raise AudioError(
                    f"{self.path} lasts more than {self._limits.max_hours:g} hours; cut it, or "
                    "change the limits (`limits`)",
                    code="audio.limit",
                )
            frame.pts = None  # else the queue takes no frame after a gap
            queue.write(frame)
            while queue.samples >= size:
                yield rate, _values(queue.read(size))
        if queue and queue.samples:
            yield rate, _values(queue.read())

    def _frames(self, header: Header) -> Iterator[Any]:
        """The frames of the best audio stream; of Ogg, those of one stream after the other."""
        start: int | None = 0
        while start is not None:
            is_whole = yield from self._stream_frames(header, start)
            start = None if is_whole else header.next_stream(self._reached)
            self.cut |= not is_whole and start is None

    def _stream_frames(self, header: Header, start: int) -> Generator[Any, None, bool]:
        """The frames that PyAV decodes from some byte on; returns whether it reached the end."""
        av = import_av()
        # No protocol: what a file names (playlists, segments, addresses) is never opened.
        formats = f"{CONTAINERS},{_PICTURES}"
        options = {"protocol_whitelist": "none", "format_whitelist": formats}
        source = Part(header.file, self.path.suffix, start)
        with av.open(source, "r", options=options, metadata_errors="replace") as container:
            stream = container.streams.best("audio")
            if stream is None and container.streams.audio:
                raise ValueError("the suffix speaks of sound, and nothing else does")
            if stream is None:
                raise AudioError(
                    f"{self.path} holds no sound, but pictures or text; remove it",
                    code="audio.no_samples",
                )
            if stream.codec_context is None:
                raise AudioError(
                    f"{self.path} is coded or protected in a way that cannot be decoded; "
                    "export it again",
                    code="audio.undecodable",
                )
            self.lossy = stream.codec_context.codec.lossy
            stream.codec_context.thread_count = 1  # files are decoded beside each other
            bit_rate, is_first = stream.bit_rate, start == 0
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                # The container is damaged, or another stream begins: PyAV's IndexError.
                except (av.FFmpegError, IndexError):
                    return False
                if packet is None:
                    return True
                reached = start + (packet.pos or 0) + packet.size
                if reached > self._reached:
                    self._reached = reached
                if is_first:
                    self.claimed = self._claimed(container, stream, bit_rate, packet, header)
                    is_first = False
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self.failed += 1
                    continue
                if frames:
                    self._good += 1
                    yield from frames

    def _claimed(
        self, container: Any, stream: Any, bit_rate: int | None, packet: Any, header: Header
    ) -> float | None:
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration and not _is_film(container):
            seconds = container.duration / 1e6
        else:
            return None
        if bit_rate:
            # Where no header tells the length, FFmpeg estimates it so, of all or from the sound on.
            for start in (0, packet.pos or 0):
                if abs(8 * (header.size - start) / bit_rate - seconds) < 0.005 * seconds:
                    return None
        samples, size = seconds * stream.rate, seconds * (bit_rate or 0) / 8
        if is_placeholder(samples) or (size and is_placeholder(size)):
            return None
        # What is longer is refused when it is there; where it is not, nobody meant it.
        return None if seconds > 3600 * self._limits.max_hours else seconds


def _is_film(container: Any) -> bool:
    """Whether the file has moving pictures, which may last longer than the sound."""
    contexts = [stream.codec_context for stream in container.streams.video]
    return any(context and context.name not in _STILL for context in contexts)


def import_av() -> Any:
    """The module of PyAV.

    Raises:
      UserError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            "decoding audio files needs PyAV; install it (pip install av)", code="package.missing"
        ) from error
    return av


def _values(frame: Any) -> np.ndarray:
    """The samples of a frame, [channels, samples] float32 with 1 as full scale."""
    kind, channels, samples = frame.format.name, frame.layout.nb_channels, frame.samples
    dtype, full_scale, zero = _FORMATS[kind.removesuffix("p")]
    is_planar = kind.endswith("p")
    count = samples if is_planar else samples * channels
    # Of eight channels and more, PyAV lists planes that there are not: to read one is a crash.
    planes = frame.planes[: channels if is_planar else 1]
    rows = [np.frombuffer(plane, dtype, count) for plane in planes]
    if not is_planar:
        rows = list(rows[0].reshape(samples, channels).T)
    block = np.empty((channels, samples), np.float32)
    for row, values in zip(block, rows, strict=True):
        row[...] = values
    if zero:
        block -= zero
    if full_scale != 1:
        block *= 1 / full_scale
    return block
