"""The front ends by name, with their parts and settings, and the sources of published ones."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from mgr_jax.audio.frontends.bands import (
    CQT,
    Bands,
    Chroma,
    ChromaCQT,
    Mel,
    Samples,
    Spectrogram,
    Stored,
)
from mgr_jax.audio.frontends.learned import Harmonic, Leaf, SincNet
from mgr_jax.audio.frontends.level import Cepstra, Level, Standardise
from mgr_jax.audio.frontends.tempogram import Tempogram


@dataclasses.dataclass(frozen=True)
class Published:
    """What is known about the input of a published system, besides its settings.

    Attributes:
      source: where the settings come from.
      clip_samples: samples of the published input.
      frontend: name of the front end that these settings belong to.
    """

    source: str
    clip_samples: int
    frontend: str


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The parts of a front end with their settings, see `Pipeline`.

    The fields of the parts are the arguments of `create_frontend`.
    """

    bands: Bands
    level: Level | None = None
    cepstra: Cepstra | None = None
    standardise: Standardise | None = None
    published: Published | None = None

    def parts(self) -> dict[str, Any]:
        """Those that are there, by the names that `Pipeline` has for them."""
        names = ("bands", "level", "cepstra", "standardise")
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    def arguments(self) -> dict[str, Any]:
        """The type of each field of the parts, by name."""
        return {name: kind for part in self.parts().values() for name, kind in part.settings()}

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """The recipe with other settings than its defaults, which the parts check."""
        parts = {name: part.with_settings(settings) for name, part in self.parts().items()}
        return dataclasses.replace(self, **parts)


FRONTENDS: dict[str, Recipe] = {
    "chroma_cqt": Recipe(ChromaCQT(), Level("linear"), standardise=Standardise()),
    "chroma_stft": Recipe(Chroma(), standardise=Standardise()),
    "cqt": Recipe(CQT(), Level("linear"), standardise=Standardise()),
    "harmonic": Recipe(Harmonic(), Level(top_db=None), standardise=Standardise()),
    "leaf": Recipe(Leaf()),
    "log_mel": Recipe(Mel(), Level(), standardise=Standardise()),
    "mfcc": Recipe(Mel(), Level(), Cepstra(), Standardise()),
    "precomputed": Recipe(Stored(), standardise=Standardise(normalise_over="dataset")),
    "sincnet": Recipe(SincNet()),
    "stft": Recipe(Spectrogram(), Level(), standardise=Standardise()),
    "tempogram": Recipe(Tempogram(), standardise=Standardise()),
    "waveform": Recipe(Samples()),
}


def _published(source: str, clip_samples: int, frontend: str, **settings: Any) -> Recipe:
    return dataclasses.replace(
        FRONTENDS[frontend].with_settings(settings),
        published=Published(source, clip_samples, frontend),
    )


_WON = (
    "Won et al. 2020 (arXiv 2006.00751) and their code: torchaudio's HTK mels of equal height, in "
    "dB without a floor"
)
_OF_512 = {"n_fft": 512, "hop_length": 256}
_WON_MEL = _OF_512 | {
    "sample_rate": 16_000, "htk": True, "norm": None, "pad_mode": "reflect", "top_db": None,
}  # fmt: skip
# Of "log_mel"; networks were trained on other hops and numbers of mels too.
EFFICIENTAT: Mapping[str, Any] = {
    "preemphasis": 0.97, "n_fft": 1024, "win_length": 800, "periodic": False, "hop_length": 320,
    "pad_mode": "reflect", "n_mels": 128, "fmin": 0.0, "fmax": 15_000.0, "htk": True, "norm": None,
    "triangles": "mel", "scale": "ln_offset", "amin": 1e-5, "top_db": None, "level_offset": 4.5,
    "level_gain": 0.2,
}  # fmt: skip
_WHOLE = {"pad_mode": "reflect", "whole_track": True}

FRONTENDS |= {
    "bbnn": _published(
        "Liu et al. 2019 (arXiv 1901.08928) and their code: librosa's mels in dB of 661,794 "
        "samples, as long as most of GTZAN's files are",
        661_794, "log_mel", hop_length=1024, pad_mode="reflect",
    ),
    "choi2016": _published(
        "Choi et al. 2016 (arXiv 1609.04243), released networks: mel power squared once more, dB, "
        "80 dB below the clip's maximum",
        349_440, "log_mel", sample_rate=12_000, **_OF_512, n_mels=96, energy_power=2.0,
        pad_mode="reflect",
    ),
    "compact_cnn": _published(
        "Choi et al. 2017 (arXiv 1703.09179) and kapre at that time: frames as TensorFlow's 'same' "
        "convolution cuts them, dB below the maximum of the whole batch",
        348_000, "log_mel", sample_rate=12_000, **_OF_512, n_mels=96, center="same", ref="max",
        normalise_over="batch",
    ),
    "efficientat": _published(
        "Schmid et al. 2023 (arXiv 2211.04772) and their code: pre-emphasis, Kaldi's mels up to "
        "15 kHz, natural logarithms with an offset, shifted and scaled by constants",
        320_000, "log_mel", sample_rate=32_000, **EFFICIENTAT,
    ),
    "fma_cqt": _published(
        "yijerjer's FMA project: magnitudes of librosa's 84-bin CQT, 640 frames of the whole "
        "track, padded by reflection as librosa did then",
        639 * 1024, "cqt", hop_length=1024, **_WHOLE,
    ),
    "fma_mel": _published(
        "yijerjer's FMA project: librosa's mel power, neither logarithmic nor scaled, 640 frames "
        "of the whole track",
        639 * 1024, "log_mel", n_fft=1024, hop_length=1024, **_WHOLE, scale="linear",
    ),
    "gtzan_mel3": _published(
        "Log-mels of GTZAN's first 3 s: dB below the whole track's maximum, z-scored over it, then "
        "cut",
        66_150, "log_mel", ref="max", standardise="all", whole_track=True, normalise_over="track",
    ),
    "li2010": _published(
        "Li et al. 2010 (IMECS) as in the baselines of FMA (mdeff/fma): librosa's cepstra; their "
        "samples reach 32,768 instead of 1, which lifts the first coefficient",
        189 * 256, "mfcc", **_OF_512, n_mfcc=13, pad_mode="reflect",
    ),
    "musicnn": _published(
        "Pons and Serra 2019 (arXiv 1909.06654) and their code: patches of the whole track's "
        "spectrogram, rounded to half precision, log10(1 + 10000 x)",
        186 * 256, "log_mel", sample_rate=16_000, **_OF_512, n_mels=96, **_WHOLE,
        scale="log10_1p", energy_gain=10_000.0, energy_dtype="float16",
    ),
    "prcnn_mel": _published(
        "Dwivedi's PRCNN for FMA (priya-dwivedi/Music_Genre_Classification): librosa's mels below "
        "the clip's maximum, as natural logarithms, 640 frames of the whole track",
        639 * 1024, "log_mel", hop_length=1024, **_WHOLE, scale="ln", ref="max",
        normalise_over="track",
    ),
    "prcnn_stft": _published(
        "Feng et al. 2017 (arXiv 1712.08370): 513 x 128 of 3 s. The hop is not published: ours is "
        "half a frame, without padding, which gives just these 128 frames; magnitudes in dB are "
        "our choice too",
        66_150, "stft", n_fft=1024, center=False,
    ),
    "won2020_96": _published(_WON, 464_000, "log_mel", **_WON_MEL, n_mels=96),
    "won2020_128": _published(_WON, 59_049, "log_mel", **_WON_MEL, n_mels=128),
}  # fmt: skip
