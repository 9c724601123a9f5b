"""Models: Flax modules from features to logits, by name."""

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
from mgr_jax.models.registry import ALIASES, MODELS, create_model, list_models
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

__all__ = [
    "ALIASES",
    "AST",
    "BBNN",
    "BBNNCQT",
    "CLMR",
    "CNN1D",
    "CNNSA",
    "CRNN1D",
    "FCN",
    "FMACRNN",
    "LTC",
    "MLP",
    "MODELS",
    "PRCNN",
    "RNN",
    "Autoencoder",
    "CfC",
    "ChoiCRNN",
    "ChoiK1C2",
    "ChoiK2C1",
    "ChoiK2C2",
    "CompactCNN",
    "DenseNet121",
    "Dieleman2014",
    "FMAParallel",
    "FreqCNN",
    "HarmonicCNN",
    "Li2010",
    "MusicTaggerCNN",
    "MusicTaggerCRNN",
    "Musicnn",
    "MusicnnTorch",
    "MusicnnVGG",
    "Nakashika2012",
    "Network",
    "ParallelCNNRNN",
    "ResNet18",
    "ResNet34",
    "SampleCNN",
    "SampleCNNReSE",
    "SampleCNNRes",
    "SampleCNNSE",
    "ShortChunk",
    "ShortChunkRes",
    "SimpleCRNN",
    "SquareCNN",
    "TemporalCNN",
    "WavTransformer",
    "WonCRNN",
    "WonSampleCNN",
    "WonSampleCNNSE",
    "create_model",
    "list_models",
]
