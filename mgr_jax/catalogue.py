"""The pretrained networks that are known by name, and where they lie once they are there.

Known weights are known by their content: whichever file holds them, however it is packed, they get
the names of their outputs, and what is to be known of them goes into their model folder.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.files import expand


@dataclass(frozen=True)
class Pretrained:
    """A pretrained network.

    Attributes:
      name: what it is called here.
      source: what kind of weights file it is, see `interop.sources`.
      tensors: SHA-256 of its arrays, see `interop.source.digest_tensors`.
      file: name of the file that holds it, as its authors call it.
      upstream: where they publish it.
      sha256: of the file; empty where it is told by its arrays alone.
      size: of the file in bytes.
      requirement: what the package installer is asked for, where the file is a package; else empty.
      checkpoint: which of the file, where it holds several.
      reading: how it is read, where its source has several ways.
      parameters: number of trained ones.
      sample_rate: of the audio that it hears, in Hz.
      labels: names of its outputs, see `interop.labels`; empty: it has none, only embeddings.
      classes: how many.
      license: of the weights, as far as their authors say.
      owner: whose they are.
      dataset: that it was trained on, in short.
      trained_on: the same in words.
      overlap: what is known of songs that other datasets share with these.
      published: its score as its authors have told it, and where.
      measured: scores that were measured with this program, and on what; empty: none.
    """

    name: str
    source: str
    tensors: str
    file: str
    upstream: str
    sha256: str
    size: int
    parameters: int
    sample_rate: int
    labels: str
    classes: int
    license: str
    owner: str
    dataset: str
    trained_on: str
    overlap: str
    published: str
    measured: str = ""
    requirement: str = ""
    checkpoint: str = ""
    reading: str = ""

    @property
    def folder(self) -> Path:
        """Where it lies, or would."""
        return models_folder() / self.name

    @property
    def is_there(self) -> bool:
        """Whether it can be used."""
        return (self.folder / "model.json").is_file()

    def get_it(self) -> str:
        """What to do where it is not there, for a sentence."""
        command = f"`mgr-jax pretrained get {self.name}`"
        if self.requirement:
            return f"run {command} once, which fetches it"
        return f"download {self.file} from {self.upstream} and hand it to {command} (`weights`)"

    def provenance(self) -> dict[str, Any]:
        """What a model folder of it says beside how it was made."""
        return {
            "pretrained": self.name,
            "license": f"{self.license}, © {self.owner}",
            "trained_on": self.trained_on,
            "overlap": self.overlap,
        }


_AUDIOSET: Mapping[str, Any] = {
    "labels": "audioset527",
    "classes": 527,
    "dataset": "AudioSet",
    "trained_on": "AudioSet (10-s clips of YouTube)",
    "overlap": "Songs of GTZAN, FMA and other datasets may be among AudioSet's clips.",
}
_MTAT: Mapping[str, Any] = {
    "classes": 50,
    "dataset": "MTAT",
    "trained_on": "MagnaTagATune (clips of Magnatune's catalogue)",
    "overlap": "Songs of Magnatune may be in other datasets too.",
}
_MSD: Mapping[str, Any] = {
    "classes": 50,
    "dataset": "MSD",
    "trained_on": "the Million Song Dataset (tags of Last.fm)",
    "overlap": "Commercial songs, such as those of GTZAN, may be in the Million Song Dataset.",
}
_MUSICNN: Mapping[str, Any] = {
    "file": "musicnn-0.1.0-py3-none-any.whl",
    "upstream": "github.com/jordipons/musicnn, and the package index as musicnn 0.1.0",
    "sha256": "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
    "size": 29_292_476,
    "requirement": "musicnn==0.1.0",
    "sample_rate": 16_000,
    "license": "ISC",
    "owner": "2019 Music Technology Group, Universitat Pompeu Fabra (Jordi Pons)",
}
_CHOI: Mapping[str, Any] = {
    "sample_rate": 12_000,
    "license": "MIT",
    "owner": "Keunwoo Choi",
}
_WON: Mapping[str, Any] = {
    **_MTAT,
    "sample_rate": 16_000,
    "labels": "mtat50",
    "license": "MIT",
    "owner": "2020 Music Technology Group, Universitat Pompeu Fabra (Minz Won)",
    "published": "",
}
_WON_FILES = "github.com/minzwon/sota-music-tagging-models, models/mtat"
_CHOI_FILES = "github.com/keunwoochoi/music-auto_tagging-keras"

_NETWORKS = (
    Pretrained(
        name="efficientat_mn04",
        source="efficientat",
        tensors="9423b5841e5497d7ecb319624de0a4a737747c0b899b4dc4ca3890dc707c8113",
        file="mn04_as_mAP_432.pt",
        upstream="github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
        sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        size=4_066_513,
        parameters=983_599,
        sample_rate=32_000,
        license="MIT",
        owner="2022 Florian Schmid",
        published="AudioSet mAP 0.432 (README of EfficientAT)",
        **_AUDIOSET,
    ),
    Pretrained(
        name="musicnn_mtt",
        source="musicnn",
        tensors="7e01a96749979f48bc7b25078a8e03cd8e06b4bb6f3b1de2930a92eaa7b1d114",
        checkpoint="MTT_musicnn",
        parameters=787_159,
        labels="mtat50_musicnn",
        published="MTAT ROC-AUC 0.907, PR-AUC 0.383 (in the package)",
        **_MUSICNN,
        **_MTAT,
    ),
    Pretrained(
        name="musicnn_msd",
        source="musicnn",
        tensors="a435820f343a66206c37970a0547fcb66a005f2ade016b2b53f6cf51f33f8569",
        checkpoint="MSD_musicnn",
        parameters=787_159,
        labels="msd50_musicnn",
        published="MSD ROC-AUC 0.880, PR-AUC 0.289 (in the package)",
        **_MUSICNN,
        **_MSD,
    ),
    Pretrained(
        name="musicnn_vgg_mtt",
        source="musicnn_vgg",
        tensors="c190ba22f2f1f9bba2268368c989cee6b4d7d99bf7ec997f0305aabad5e53459",
        checkpoint="MTT_vgg",
        parameters=605_748,
        labels="mtat50_musicnn",
        published="MTAT ROC-AUC 0.903, PR-AUC 0.382 (in the package)",
        **_MUSICNN,
        **_MTAT,
    ),
    Pretrained(
        name="musicnn_vgg_msd",
        source="musicnn_vgg",
        tensors="355d69aa8c2f35d34458190cab49d594ed06be2e067860c634ccb8bf6121c302",
        checkpoint="MSD_vgg",
        parameters=605_748,
        labels="msd50_musicnn",
        published="MSD ROC-AUC 0.877, PR-AUC 0.282 (in the package)",
        **_MUSICNN,
        **_MSD,
    ),
    Pretrained(
        name="choi_crnn_msd",
        source="choi_crnn",
        tensors="6fb29c23a4a43a85121d4b1af1eafe843fa643f60a1f3176206a31f522d34206",
        file="music_tagger_crnn_weights_tensorflow.h5",
        reading="standardised",
        upstream=f"{_CHOI_FILES}, data",
        sha256="df63638de9f3113780768181670c554f122fbd1297c63c065836d70a251115a8",
        size=1_649_464,
        parameters=396_786,
        labels="msd50",
        published="MSD ROC-AUC 0.866 (README of music-auto_tagging-keras)",
        **_CHOI,
        **_MSD,
    ),
    Pretrained(
        name="choi_cnn_msd",
        source="choi_cnn",
        tensors="5c74c4a1b8f14ca2b0ffa05ba992921083cadf9caa2c77472a0eebd29e3dcd26",
        file="music_tagger_cnn_weights_tensorflow.h5",
        reading="standardised",
        upstream=f"{_CHOI_FILES}, data",
        sha256="8b61b73a8065cb084a9b56e8b5421ee876f38a1aca109ec2ad336e3a17c7c421",
        size=3_523_472,
        parameters=865_950,
        labels="msd50",
        published="MSD ROC-AUC 0.865 (README of music-auto_tagging-keras)",
        **_CHOI,
        **_MSD,
    ),
    Pretrained(
        name="compact_cnn_msd",
        source="compact_cnn",
        tensors="d493229d3aa2acb2246d3b9c365bce3259d2d3f7bf25640a552215b1bd4a787d",
        file="weights_tensorflow.hdf5",
        upstream=f"{_CHOI_FILES}, compact_cnn",
        sha256="42e791b8c1b41ffe82c74d0501d8216eaee94d0b727b44de39ccc83ef810aed3",
        size=1_321_456,
        parameters=37_632,
        labels="",
        published="",
        **_CHOI,
        **{**_MSD, "classes": 0},
    ),
    Pretrained(
        name="won2020_fcn_mtat",
        source="won2020_fcn",
        tensors="7b2d8c24071e583813715530a5621f4e97468a321475fa6d3674eccec94eba01",
        file="best_model.pth",
        upstream=f"{_WON_FILES}/fcn",
        sha256="e89d751202d38c3ae69855782bc27010f87051958dbec64f5aa762364dbac271",
        size=1_902_811,
        parameters=447_732,
        **_WON,
    ),
    Pretrained(
        name="won2020_crnn_mtat",
        source="won2020_crnn",
        tensors="5d9a7bd88e5ddb58aa357910a7ea43e59c7b12181a7fb2b5ce82aa1856d97263",
        file="best_model.pth",
        upstream=f"{_WON_FILES}/crnn",
        sha256="cd22fc70cafd06f8f2bfc7dd795abccb1f4b50d5b09094c39ad100baf87475a3",
        size=1_687_630,
        parameters=394_100,
        **_WON,
    ),
    Pretrained(
        name="won2020_musicnn_mtat",
        source="won2020_musicnn",
        tensors="0dffb94c23b9ab3d39cd95b72b83f445575eb8afcced47f216c713f8f96625c9",
        file="best_model.pth",
        upstream=f"{_WON_FILES}/musicnn",
        sha256="690ace3bb5d49d90dd38fe3ec05a1185350b3bc3742bd7ee941f56b649b2c893",
        size=3_257_172,
        parameters=784_300,
        **_WON,
    ),
)


def list_pretrained() -> dict[str, Pretrained]:
    """All networks that are known by name."""
    return {network.name: network for network in _NETWORKS}


def models_folder() -> Path:
    """Where pretrained networks lie: $MGR_JAX_MODELS, or a folder of the user's cache."""
    if told := os.environ.get("MGR_JAX_MODELS"):
        return expand(told).absolute()
    return expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache").absolute() / "mgr_jax" / "models"


def of_name(name: str) -> Pretrained:
    """The network of a name.

    Raises:
      UserError: none is called so.
    """
    known = list_pretrained()
    if name not in known:
        raise unknown_name("pretrained network", name, known)
    return known[name]


def of_tensors(digest: str) -> Pretrained | None:
    """The network whose arrays these are; None: they are not known."""
    return next((network for network in _NETWORKS if network.tensors == digest), None)


def find_pretrained(name: str, folder: Path) -> Path:
    """The folder of a pretrained network; or the path that a name stands for which is none.

    Args:
      name: of the network, perhaps.
      folder: what the name means as a path, where nothing is.

    Raises:
      UserError: the network is not there yet, or the name is nearly that of one.
    """
    known = list_pretrained()
    if network := known.get(name):
        if network.is_there:
            return network.folder
        raise UserError(
            f"the pretrained network {name} is not there yet; {network.get_it()}",
            code="pretrained.not_there",
        )
    if close := difflib.get_close_matches(name.lower(), known):
        raise UserError(
            f"{folder} holds no trained model (there is no model.json in it), and no pretrained "
            f"network is called {name}; did you mean {' or '.join(close)}?",
            code="model.none",
        )
    return folder
