"""The log-mel spectrogram of a classifier in PyTorch. Importing this imports torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from mgr_jax.audio.dsp import mel_filterbank
from mgr_jax.classifier import GenreClassifier


class NormedLogMel(nn.Module):
    """Levels in dB by `torch.stft`, and batch norm of every band."""

    def __init__(self, classifier: GenreClassifier, variables: Mapping[str, Any]) -> None:
        """Copies front end and input normalisation of a classifier.

        Raises:
          ValueError: its front end is not `log_mel` with batch norm, which alone is written here.
        """
        super().__init__()
        bands = getattr(classifier.frontend, "bands", None)
        name = classifier.frontend.registered
        if name != "log_mel" or classifier.input_norm != "batch" or bands is None:
            raise ValueError(f"{name} is not written in PyTorch here")
        self.fourier, self.level = bands.fourier, classifier.frontend.level
        options = {name: getattr(bands, name) for name in ("n_mels", "fmin", "htk", "norm")}
        rate, n_fft = bands.sample_rate, self.fourier.n_fft
        filters = mel_filterbank(
            sample_rate=rate, n_fft=n_fft, fmax=bands.fmax or rate / 2, **options
        )
        self.register_buffer("window", torch.hann_window(n_fft))
        self.register_buffer("filters", torch.from_numpy(filters.astype(np.float32)))
        self.norm = nn.BatchNorm1d(bands.n_mels, eps=1e-3)
        weights, stats = (variables[kind]["input_norm"] for kind in ("params", "batch_stats"))
        names = {"weight": weights["scale"], "bias": weights["bias"]}
        names |= {"running_mean": stats["mean"], "running_var": stats["var"]}
        state = {name: torch.from_numpy(np.array(value)) for name, value in names.items()}
        self.norm.load_state_dict(state)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Images [clips, 1, frames, bands] of [clips, samples] float32."""
        spectra = torch.stft(
            clips,
            self.fourier.n_fft,
            self.fourier.frames.hop_length,
            window=self.window,
            pad_mode=self.fourier.frames.pad_mode,
            return_complex=True,
        )
        mel = self.filters @ (spectra.real.square() + spectra.imag.square())
        levels = self.norm(10.0 * torch.log10(mel.clamp(min=self.level.amin)))
        return levels.transpose(1, 2)[:, None]
