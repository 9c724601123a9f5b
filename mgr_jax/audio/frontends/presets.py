"""Inputs of published systems, as their networks were trained on them."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Preset:
    """A front end with every setting, and the clips it was used on.

    Attributes:
      source: where the settings come from.
      sample_rate: in Hz.
      clip_samples: of the published input.
      frontend: name of the front end.
      kwargs: its settings.
    """

    source: str
    sample_rate: int
    clip_samples: int
    frontend: str
    kwargs: Mapping[str, Any]


def _won2020(n_mels: int, clip_samples: int) -> Preset:
    return Preset(
        "Won et al. 2020 (arXiv 2006.00751) and their code: torchaudio's HTK mels of equal height, "
        "in dB without a floor",
        sample_rate=16_000,
        clip_samples=clip_samples,
        frontend="log_mel",
        kwargs={
            "n_fft": 512,
            "hop_length": 256,
            "n_mels": n_mels,
            "htk": True,
            "norm": None,
            "pad_mode": "reflect",
            "top_db": None,
        },
    )


PRESETS: dict[str, Preset] = {
    "choi2016": Preset(
        "Choi et al. 2016 (arXiv 1609.04243), released networks: mel power squared once more, dB, "
        "80 dB below the clip's maximum",
        sample_rate=12_000,
        clip_samples=349_440,
        frontend="log_mel",
        kwargs={
            "n_fft": 512,
            "hop_length": 256,
            "n_mels": 96,
            "energy_power": 2.0,
            "pad_mode": "reflect",
            "top_db": 80.0,
        },
    ),
    "compact_cnn": Preset(
        "Choi et al. 2017 (arXiv 1703.09179) and kapre at that time: frames as TensorFlow's 'same' "
        "convolution cuts them, dB below the maximum of the whole batch",
        sample_rate=12_000,
        clip_samples=348_000,
        frontend="log_mel",
        kwargs={
            "n_fft": 512,
            "hop_length": 256,
            "n_mels": 96,
            "center": "same",
            "ref": "max",
            "normalise_over": "batch",
            "top_db": 80.0,
        },
    ),
    "musicnn": Preset(
        "Pons and Serra 2019 (arXiv 1909.06654) and their code: patches of the whole track's "
        "spectrogram, rounded to half precision, log10(1 + 10000 x)",
        sample_rate=16_000,
        clip_samples=186 * 256,
        frontend="log_mel",
        kwargs={
            "n_fft": 512,
            "hop_length": 256,
            "n_mels": 96,
            "pad_mode": "reflect",
            "whole_track": True,
            "scale": "log10_1p",
            "energy_gain": 10_000.0,
            "energy_dtype": "float16",
        },
    ),
    "won2020_96": _won2020(96, 464_000),
    "won2020_128": _won2020(128, 59_049),
    "bbnn": Preset(
        "Liu et al. 2019 (arXiv 1901.08928) and their code: librosa's mels in dB of "
        "661,794 samples, as long as most of GTZAN's files are",
        sample_rate=22_050,
        clip_samples=661_794,
        frontend="log_mel",
        kwargs={"n_fft": 2048, "hop_length": 1024, "n_mels": 128, "pad_mode": "reflect"},
    ),
    "prcnn_stft": Preset(
        "Feng et al. 2017 (arXiv 1712.08370): 513 x 128 of 3 s. The hop is not published: ours is "
        "half a frame, without padding, which gives just these 128 frames; magnitudes in dB are "
        "our choice too",
        sample_rate=22_050,
        clip_samples=66_150,
        frontend="stft",
        kwargs={"n_fft": 1024, "hop_length": 512, "center": False},
    ),
    "prcnn_mel": Preset(
        "Dwivedi's PRCNN for FMA (priya-dwivedi/Music_Genre_Classification): librosa's mels below "
        "the clip's maximum, as natural logarithms, 640 frames of the whole track",
        sample_rate=22_050,
        clip_samples=639 * 1024,
        frontend="log_mel",
        kwargs={
            "n_fft": 2048,
            "hop_length": 1024,
            "n_mels": 128,
            "pad_mode": "reflect",
            "whole_track": True,
            "scale": "ln",
            "ref": "max",
            "normalise_over": "track",
        },
    ),
    "fma_cqt": Preset(
        "yijerjer's FMA project: magnitudes of librosa's 84-bin CQT, 640 frames of the whole "
        "track, padded by reflection as librosa did then",
        sample_rate=22_050,
        clip_samples=639 * 1024,
        frontend="cqt",
        kwargs={"hop_length": 1024, "n_bins": 84, "pad_mode": "reflect", "whole_track": True},
    ),
    "li2010": Preset(
        "Li et al. 2010 (IMECS) as in the baselines of FMA (mdeff/fma): librosa's cepstra; their "
        "samples reach 32,768 instead of 1, which lifts the first coefficient",
        sample_rate=22_050,
        clip_samples=189 * 256,
        frontend="mfcc",
        kwargs={
            "n_fft": 512,
            "hop_length": 256,
            "n_mels": 128,
            "n_mfcc": 13,
            "pad_mode": "reflect",
        },
    ),
    "fma_mel": Preset(
        "yijerjer's FMA project: librosa's mel power, neither logarithmic nor scaled, 640 frames "
        "of the whole track",
        sample_rate=22_050,
        clip_samples=639 * 1024,
        frontend="log_mel",
        kwargs={
            "n_fft": 1024,
            "hop_length": 1024,
            "n_mels": 128,
            "pad_mode": "reflect",
            "whole_track": True,
            "scale": "linear",
        },
    ),
    "gtzan_mel3": Preset(
        "Log-mels of GTZAN's first 3 s: dB below the whole track's maximum, z-scored over it, then "
        "cut",
        sample_rate=22_050,
        clip_samples=66_150,
        frontend="log_mel",
        kwargs={
            "ref": "max",
            "standardise": "all",
            "whole_track": True,
            "normalise_over": "track",
        },
    ),
}


def list_presets() -> list[str]:
    """Names of published inputs, for `create_frontend` and config.frontend.name."""
    return sorted(PRESETS)
