"""The same log-mel spectrogram by librosa and by PyTorch, clip by clip, as their users write it."""

from collections.abc import Callable

import librosa
import numpy as np

SAMPLE_RATE = 22_050
N_FFT = 2048
HOP_LENGTH = 512
N_MELS = 128
TOP_DB = 80.0


def with_librosa(clips: np.ndarray, dtype: type = np.float32) -> list[np.ndarray]:
    """Levels in dB [bands, frames] of each of [clips, samples], computed in the given precision."""
    mels = (
        librosa.feature.melspectrogram(
            y=clip.astype(dtype, copy=False),
            sr=SAMPLE_RATE,
            n_fft=N_FFT,
            hop_length=HOP_LENGTH,
            n_mels=N_MELS,
            dtype=dtype,
        )
        for clip in clips
    )
    return [librosa.power_to_db(mel, top_db=TOP_DB) for mel in mels]


def with_torch(clips: np.ndarray, threads: int) -> Callable[[], list[np.ndarray]]:
    """A function that returns levels in dB [bands, frames] of each clip.

    The window, the filters and the tensors are made beforehand.

    Args:
      clips: [clips, samples] float32.
      threads: that torch may use, in the whole process from now on.

    Raises:
      ImportError: torch is not installed.
    """
    import torch

    torch.set_num_threads(threads)
    window = torch.hann_window(N_FFT)
    filters = torch.from_numpy(librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS))
    tensors = [torch.from_numpy(clip.copy()) for clip in clips]

    def levels(clip: torch.Tensor) -> torch.Tensor:
        spectra = torch.stft(
            clip, N_FFT, HOP_LENGTH, window=window, pad_mode="constant", return_complex=True
        )
        mel = filters @ (spectra.real.square() + spectra.imag.square())
        level = 10.0 * torch.log10(mel.clamp(min=1e-10))
        return level.clamp(min=level.max() - TOP_DB)

    @torch.inference_mode()
    def every_clip() -> list[np.ndarray]:
        return [levels(clip).numpy() for clip in tensors]

    return every_clip
