"""The models by name."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from mgr_jax._registry import build
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.models.ast import AST
from mgr_jax.models.autoencoder import Autoencoder
from mgr_jax.models.bbnn import BBNN, BBNNCQT
from mgr_jax.models.choi import ChoiCRNN
from mgr_jax.models.choi_cnn import ChoiK1C2, ChoiK2C1, ChoiK2C2
from mgr_jax.models.cnn_sa import CNNSA
from mgr_jax.models.compact_cnn import CompactCNN
from mgr_jax.models.densenet import DenseNet121
from mgr_jax.models.dieleman2014 import Dieleman2014
from mgr_jax.models.fma_cnn import FreqCNN, SquareCNN, TemporalCNN
from mgr_jax.models.fma_crnn import FMACRNN, FMAParallel
from mgr_jax.models.fusion import Fusion
from mgr_jax.models.harmonic_cnn import HarmonicCNN
from mgr_jax.models.li2010 import Li2010
from mgr_jax.models.liquid import LTC, CfC
from mgr_jax.models.mlp import MLP
from mgr_jax.models.music_tagger import MusicTaggerCNN, MusicTaggerCRNN
from mgr_jax.models.musicnn import Musicnn, MusicnnTorch
from mgr_jax.models.musicnn_vgg import MusicnnVGG
from mgr_jax.models.nakashika2012 import Nakashika2012
from mgr_jax.models.network import Network
from mgr_jax.models.parallel_cnn_rnn import ParallelCNNRNN
from mgr_jax.models.prcnn import PRCNN
from mgr_jax.models.resnet import ResNet18, ResNet34
from mgr_jax.models.sample_cnn import SampleCNN
from mgr_jax.models.sample_cnn_variants import (
    CLMR,
    SampleCNNRes,
    SampleCNNReSE,
    SampleCNNSE,
    WonSampleCNN,
    WonSampleCNNSE,
)
from mgr_jax.models.sequence import CNN1D, CRNN1D, RNN, SimpleCRNN
from mgr_jax.models.short_chunk import ShortChunk, ShortChunkRes
from mgr_jax.models.wav_transformer import WavTransformer
from mgr_jax.models.won2020 import FCN, WonCRNN

_ALL: tuple[type[Network], ...] = (
    AST,
    Autoencoder,
    BBNN,
    BBNNCQT,
    CfC,
    ChoiCRNN,
    ChoiK1C2,
    ChoiK2C1,
    ChoiK2C2,
    CLMR,
    CNN1D,
    CNNSA,
    CompactCNN,
    CRNN1D,
    DenseNet121,
    Dieleman2014,
    FCN,
    FMACRNN,
    FMAParallel,
    FreqCNN,
    Fusion,
    HarmonicCNN,
    Li2010,
    LTC,
    MLP,
    Musicnn,
    MusicnnTorch,
    MusicnnVGG,
    MusicTaggerCNN,
    MusicTaggerCRNN,
    Nakashika2012,
    ParallelCNNRNN,
    PRCNN,
    ResNet18,
    ResNet34,
    RNN,
    SampleCNN,
    SampleCNNRes,
    SampleCNNReSE,
    SampleCNNSE,
    ShortChunk,
    ShortChunkRes,
    SimpleCRNN,
    SquareCNN,
    TemporalCNN,
    WavTransformer,
    WonCRNN,
    WonSampleCNN,
    WonSampleCNNSE,
)
MODELS = {model.registered: model for model in _ALL}

ALIASES = {"cnn": "choi_k2c2", "crnn": "choi_crnn"}


def create_model(
    name: str,
    *,
    num_classes: int,
    axis_name: str | None = None,
    dtype: Any = jnp.float32,
    **kwargs: Any,
) -> Network:
    """A model: a Flax module from features to (logits [batch, num_classes], intermediates).

    The intermediates are a dict of named arrays, "embedding" [batch, dim] among them. The module is
    called as `model.apply(variables, features, train=False)`; training needs a "dropout" key.

    Args:
      name: one of `list_models()` or `ALIASES`.
      num_classes: number of logits; 0 leaves out the last layer, for the embedding alone.
      axis_name: mapped axis over which batch statistics are averaged, if any.
      dtype: of the computation; parameters and logits are float32.
      **kwargs: fields of the module that differ from their defaults. "fusion" takes as `encoder` a
        dict {"name", "kwargs"}; by default choi_crnn.

    Raises:
      UserError: there is no such model, or it has no such field.
    """
    if name not in MODELS and name not in ALIASES:
        raise unknown_name("model", name, [*MODELS, *ALIASES])
    shared = {"axis_name": axis_name, "dtype": dtype}
    if name == Fusion.registered:
        kwargs["encoder"] = _encoder(kwargs.get("encoder", {"name": "choi_crnn"}), shared)
    fields = {"num_classes": num_classes, **shared, **kwargs}
    return build("model", MODELS, ALIASES.get(name, name), fields)


def _encoder(part: Any, shared: Mapping[str, Any]) -> Network:
    """The network without logits that a dict of name and kwargs describes."""
    kwargs = part.get("kwargs", {}) if isinstance(part, Mapping) else None
    if not isinstance(kwargs, Mapping) or not {"name"} <= set(part) <= {"name", "kwargs"}:
        raise UserError(
            f"fusion: encoder is {part!r}; expected {{'name': 'choi_crnn', 'kwargs': {{…}}}}"
        )
    if part["name"] == Fusion.registered:
        raise UserError("fusion cannot be the encoder of a fusion; name a network of sound")
    for field in ("num_classes", *shared):
        if field in kwargs:
            raise UserError(f"fusion: the encoder's {field} is that of the whole; remove it")
    return create_model(part["name"], num_classes=0, **shared, **kwargs)


def list_models() -> list[str]:
    """Names for `create_model`, without aliases."""
    return sorted(MODELS)
