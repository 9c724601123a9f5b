"""The pretrained networks that are known by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mgr_jax.catalogue.network import Pretrained

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
_CHOI: Mapping[str, Any] = {
    "sample_rate": 12_000,
    "license": "MIT",
    "owner": "Keunwoo Choi",
}
_CHOI_FILES = "github.com/keunwoochoi/music-auto_tagging-keras"
_UPF = "Music Technology Group, Universitat Pompeu Fabra"


def _musicnn(
    name: str, checkpoint: str, tensors: str, parameters: int, published: str
) -> Pretrained:
    """One of the four networks in the package musicnn."""
    data = "mtt" if name.endswith("mtt") else "msd"
    return Pretrained(
        name=name,
        source=name.removesuffix(f"_{data}"),
        tensors=tensors,
        file="musicnn-0.1.0-py3-none-any.whl",
        upstream="github.com/jordipons/musicnn, and the package index as musicnn 0.1.0",
        sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
        size=29_292_476,
        requirement="musicnn==0.1.0",
        checkpoint=checkpoint,
        parameters=parameters,
        sample_rate=16_000,
        labels=f"{'mtat' if data == 'mtt' else data}50_musicnn",
        license="ISC",
        owner=f"2019 {_UPF} (Jordi Pons)",
        published=f"{published} (in the package)",
        **(_MTAT if data == "mtt" else _MSD),
    )


def _won(kind: str, tensors: str, sha256: str, size: int, parameters: int) -> Pretrained:
    """One of the networks of Won et al. 2020 for MagnaTagATune."""
    return Pretrained(
        name=f"won2020_{kind}_mtat",
        source=f"won2020_{kind}",
        tensors=tensors,
        file="best_model.pth",
        upstream=f"github.com/minzwon/sota-music-tagging-models, models/mtat/{kind}",
        sha256=sha256,
        size=size,
        parameters=parameters,
        sample_rate=16_000,
        labels="mtat50",
        license="MIT",
        owner=f"2020 {_UPF} (Minz Won)",
        published="",
        **_MTAT,
    )


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
        measured="untrained, ten outputs as genres, 107 clips of GTZAN, which AudioSet may hold: "
        "accuracy 0.738 [0.654, 0.822]",
        **_AUDIOSET,
    ),
    _musicnn(
        "musicnn_mtt",
        "MTT_musicnn",
        "7e01a96749979f48bc7b25078a8e03cd8e06b4bb6f3b1de2930a92eaa7b1d114",
        787_159,
        "MTAT ROC-AUC 0.907, PR-AUC 0.383",
    ),
    _musicnn(
        "musicnn_msd",
        "MSD_musicnn",
        "a435820f343a66206c37970a0547fcb66a005f2ade016b2b53f6cf51f33f8569",
        787_159,
        "MSD ROC-AUC 0.880, PR-AUC 0.289",
    ),
    _musicnn(
        "musicnn_vgg_mtt",
        "MTT_vgg",
        "c190ba22f2f1f9bba2268368c989cee6b4d7d99bf7ec997f0305aabad5e53459",
        605_748,
        "MTAT ROC-AUC 0.903, PR-AUC 0.382",
    ),
    _musicnn(
        "musicnn_vgg_msd",
        "MSD_vgg",
        "355d69aa8c2f35d34458190cab49d594ed06be2e067860c634ccb8bf6121c302",
        605_748,
        "MSD ROC-AUC 0.877, PR-AUC 0.282",
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
        measured="untrained, seven tags as genres, 77 clips of GTZAN: 0.792 [0.689, 0.868]",
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
        measured="untrained, seven tags as genres, 77 clips of GTZAN: 0.753 [0.646, 0.836]",
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
    _won(
        "fcn",
        "7b2d8c24071e583813715530a5621f4e97468a321475fa6d3674eccec94eba01",
        "e89d751202d38c3ae69855782bc27010f87051958dbec64f5aa762364dbac271",
        1_902_811,
        447_732,
    ),
    _won(
        "crnn",
        "5d9a7bd88e5ddb58aa357910a7ea43e59c7b12181a7fb2b5ce82aa1856d97263",
        "cd22fc70cafd06f8f2bfc7dd795abccb1f4b50d5b09094c39ad100baf87475a3",
        1_687_630,
        394_100,
    ),
    _won(
        "musicnn",
        "0dffb94c23b9ab3d39cd95b72b83f445575eb8afcced47f216c713f8f96625c9",
        "690ace3bb5d49d90dd38fe3ec05a1185350b3bc3742bd7ee941f56b649b2c893",
        3_257_172,
        784_300,
    ),
)

# By docs/experiments/teach.py, see docs/teach.md.
_TAUGHT = {
    "efficientat_mn04": (0.888, 0.826, 0.947),
    "musicnn_msd": (0.888, 0.824, 0.946),
    "musicnn_mtt": (0.785, 0.675, 0.889),
    "choi_crnn_msd": (0.869, 0.792, 0.931),
    "choi_cnn_msd": (0.907, 0.845, 0.959),
    "compact_cnn_msd": (0.729, 0.623, 0.830),
    "won2020_musicnn_mtat": (0.692, 0.585, 0.800),
    "musicnn_vgg_msd": (0.850, 0.764, 0.934),
    "won2020_fcn_mtat": (0.692, 0.566, 0.815),
    "won2020_crnn_mtat": (0.523, 0.407, 0.642),
    "musicnn_vgg_mtt": (0.757, 0.677, 0.839),
}
NETWORKS = tuple(replace(network, taught=_TAUGHT[network.name]) for network in _NETWORKS)
