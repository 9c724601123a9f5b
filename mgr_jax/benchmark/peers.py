"""The same log-mel spectrogram in float64 and by other libraries, in their users' way."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import scipy.signal

from mgr_jax.audio.dsp import mel_filterbank
from mgr_jax.workers import available_cores

SAMPLE_RATE = 22_050
N_FFT = 2048
HOP_LENGTH = 512
N_MELS = 128
TOP_DB = 80.0
LIBROSA, LIBROSAX, NNAUDIO = "librosa per clip", "librosax per clip", "nnAudio"
TORCH, TORCH_GPU = "torch.stft per clip", "torch.stft on a GPU"


def find_peers(
    clips: np.ndarray, *, on_gpu: bool
) -> tuple[dict[str, Callable[[], Any]], list[str]]:
    """The installed peers, and a sentence for each that is missing.

    Args:
      clips: [clips, samples] float32.
      on_gpu: include peers that need a GPU.
    """
    known: dict[str, Callable[[np.ndarray], Callable[[], Any]]] = {
        LIBROSA: with_librosa,
        LIBROSAX: with_librosax,
        TORCH: functools.partial(with_torch, threads=available_cores()),
        NNAUDIO: with_nnaudio,
    }
    found, notes = {}, []
    for name, make in known.items():
        try:
            found[name] = make(clips)
        except ImportError:
            notes.append(
                f"{name} is not compared, as it is not installed: pip install 'mgr-jax[bench]'."
            )
    if on_gpu:
        with contextlib.suppress(ImportError):  # a PyTorch for CPUs only
            found[TORCH_GPU] = with_torch_on_gpu(clips)
    return found, notes


def in_float64(clips: np.ndarray) -> np.ndarray:
    """Levels in dB [clips, bands, frames] of [clips, samples], the reference for others."""
    window = scipy.signal.get_window("hann", N_FFT)
    filters = _filters().astype(np.float64)
    tables = []
    for clip in clips:
        padded = np.pad(clip.astype(np.float64), N_FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
        mel = filters @ np.square(np.abs(np.fft.rfft(frames * window))).T
        levels = 10.0 * np.log10(np.maximum(mel, 1e-10))
        tables.append(np.maximum(levels, levels.max() - TOP_DB))
    return np.stack(tables)


def with_librosa(clips: np.ndarray, dtype: type = np.float32) -> Callable[[], list[np.ndarray]]:
    """A function that returns levels in dB [bands, frames] of each clip.

    Args:
      clips: [clips, samples].
      dtype: to compute in.

    Raises:
      ImportError: librosa is not installed.
    """
    import librosa

    tables = [clip.astype(dtype) for clip in clips]

    def every_clip() -> list[np.ndarray]:
        mels = (
            librosa.feature.melspectrogram(
                y=clip,
                sr=SAMPLE_RATE,
                n_fft=N_FFT,
                hop_length=HOP_LENGTH,
                n_mels=N_MELS,
                dtype=dtype,
            )
            for clip in tables
        )
        return [librosa.power_to_db(mel, top_db=TOP_DB) for mel in mels]

    return every_clip


def with_librosax(clips: np.ndarray) -> Callable[[], list[jax.Array]]:
    """A function that returns levels in dB [bands, frames] of each clip, compiled by jax.

    Clip by clip is faster than all at once, and `top_db` is then relative to each clip.

    Args:
      clips: [clips, samples] float32.

    Raises:
      ImportError: librosax is not installed.
    """
    import librosax

    @jax.jit
    def levels(clip: jax.Array) -> jax.Array:
        mel = librosax.feature.melspectrogram(
            y=clip,
            sr=SAMPLE_RATE,
            n_fft=N_FFT,
            hop_length=HOP_LENGTH,
            pad_mode="constant",
            n_mels=N_MELS,
        )
        return librosax.power_to_db(mel, top_db=TOP_DB)

    placed = [jax.device_put(clip) for clip in clips]
    return lambda: jax.block_until_ready([levels(clip) for clip in placed])


def with_nnaudio(clips: np.ndarray) -> Callable[[], np.ndarray]:
    """A function that returns levels in dB [clips, bands, frames], all computed at once on the CPU.

    Args:
      clips: [clips, samples] float32.

    Raises:
      ImportError: nnAudio or torch is not installed.
    """
    import torch
    from nnAudio.features import MelSpectrogram

    layer = MelSpectrogram(
        sr=SAMPLE_RATE,
        n_fft=N_FFT,
        n_mels=N_MELS,
        hop_length=HOP_LENGTH,
        pad_mode="constant",
        verbose=False,
    )
    placed = torch.from_numpy(clips.copy())

    @torch.inference_mode()
    def all_clips() -> np.ndarray:
        return _levels_in_db(layer(placed)).numpy()

    return all_clips


def with_torch(clips: np.ndarray, threads: int) -> Callable[[], list[np.ndarray]]:
    """A function that returns levels in dB [bands, frames] of each clip, computed on the CPU.

    Window, filters and tensors are made beforehand.

    Args:
      clips: [clips, samples] float32.
      threads: threads of torch, in the whole process from now on.

    Raises:
      ImportError: torch is not installed.
    """
    import torch

    torch.set_num_threads(threads)
    window, filters = torch.hann_window(N_FFT), torch.from_numpy(_filters())
    tensors = [torch.from_numpy(clip.copy()) for clip in clips]

    @torch.inference_mode()
    def every_clip() -> list[np.ndarray]:
        return [_torch_levels(clip, window, filters).numpy() for clip in tensors]

    return every_clip


def with_torch_on_gpu(clips: np.ndarray) -> Callable[[], Any]:
    """A function that returns levels in dB, a tensor [clips, bands, frames] on the first GPU.

    All clips are computed at once, and are on the GPU beforehand.

    Args:
      clips: [clips, samples] float32.

    Raises:
      ImportError: torch is not installed, or sees no GPU.
    """
    import torch

    if not torch.cuda.is_available():
        raise ImportError("PyTorch sees no GPU")
    arrays = (clips, _filters(), scipy.signal.get_window("hann", N_FFT).astype(np.float32))
    placed, filters, window = (torch.from_numpy(x.copy()).to("cuda") for x in arrays)

    @torch.inference_mode()
    def all_clips() -> Any:
        levels = _torch_levels(placed, window, filters)
        torch.cuda.synchronize()
        return levels

    return all_clips


def _torch_levels(clips: Any, window: Any, filters: Any) -> Any:
    """Levels in dB [..., bands, frames] of tensors [..., samples]."""
    import torch

    spectra = torch.stft(
        clips, N_FFT, HOP_LENGTH, window=window, pad_mode="constant", return_complex=True
    )
    return _levels_in_db(filters @ (spectra.real.square() + spectra.imag.square()))


def _levels_in_db(mel: Any) -> Any:
    """Levels [..., bands, frames] of a tensor of energies."""
    import torch

    levels = 10.0 * torch.log10(mel.clamp(min=1e-10))
    return torch.maximum(levels, levels.amax(dim=(-2, -1), keepdim=True) - TOP_DB)


def _filters() -> np.ndarray:
    """Slaney's triangles [bands, bins], as in librosa."""
    return mel_filterbank(
        sample_rate=SAMPLE_RATE,
        n_fft=N_FFT,
        n_mels=N_MELS,
        fmin=0.0,
        fmax=SAMPLE_RATE / 2,
        htk=False,
        norm="slaney",
    )
