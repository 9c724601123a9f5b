"""Published forms of SampleCNN: with gates, residual blocks, several levels or other padding."""

from typing import ClassVar

from mgr_jax.models.sample_cnn import SampleCNN


class SampleCNNSE(SampleCNN):
    """SampleCNN with gates after the pooling and multi-level features ("SE+multi").

    Kim et al. 2018, "Sample-level CNN Architectures for Music Auto-tagging Using Raw Waveforms"
    (arXiv 1710.10451), as in github.com/tae-jun/resemul: no last convolution; the maxima over time
    of the last three blocks, 1,024 values, go through a dense layer. The clips are SampleCNN's.

    It has 24,742,706 parameters with 50 classes: a gate's hidden layer is 16 times as wide as its
    channels, although the same factor usually divides. `gate_ratio=1/16` has 2,771,906. Without
    multi-level features (`levels=1`) the code's dense layer has 512 units.

    Fields: see `SampleCNN`.
    """

    registered: ClassVar[str] = "sample_cnn_se"
    source: ClassVar[str] = "Kim et al. 2018, arXiv 1710.10451"

    block: str = "se"
    last_kernel: int = 0
    levels: int = 3
    dense_units: int = 1024


class SampleCNNRes(SampleCNNSE):
    """SampleCNN of residual blocks, with multi-level features ("Res-2+multi").

    As `SampleCNNReSE` without its gates; 4,920,882 parameters with 50 classes. Kernels of residual
    blocks start from He's normal distribution, which is our choice; the original's is uniform, of
    the same variance.

    Fields: see `SampleCNN`.
    """

    registered: ClassVar[str] = "sample_cnn_res"
    source: ClassVar[str] = "Kim et al. 2018, arXiv 1710.10451"

    block: str = "res"


class SampleCNNReSE(SampleCNNSE):
    """SampleCNN of residual blocks with gates, with multi-level features ("ReSE-2+multi").

    The paper, code and clips of `SampleCNNSE`. 26,980,146 parameters with 50 classes, or 5,009,346
    with `gate_ratio=1/16`.

    Fields: see `SampleCNN`.
    """

    registered: ClassVar[str] = "sample_cnn_rese"
    source: ClassVar[str] = "Kim et al. 2018, arXiv 1710.10451"

    block: str = "rese"


class CLMR(SampleCNN):
    """The SampleCNN of CLMR (Spijkervet and Burgoyne 2021, arXiv 2103.09410).

    As in github.com/Spijkervet/CLMR, with a last kernel of 3: 2,394,162 parameters with 50 classes.
    CLMR first trains it without labels, by contrast. Here it is trained with them, for which its
    code, too, drops half of the embedding. The clips are SampleCNN's.

    Fields: see `SampleCNN`.
    """

    registered: ClassVar[str] = "clmr"
    source: ClassVar[str] = "Spijkervet and Burgoyne 2021, arXiv 2103.09410"

    last_kernel: int = 3
    momentum: float = 0.9
    epsilon: float = 1e-5


class WonSampleCNN(SampleCNN):
    """SampleCNN as trained by Won et al. 2020 (arXiv 2006.00751), whose stem pads the clip.

    As in github.com/minzwon/sota-music-tagging-models, for 59,049 samples at 16 kHz (3.7 s).
    1,869,874 parameters with 50 classes.

    Fields: see `SampleCNN`.
    """

    registered: ClassVar[str] = "won_sample_cnn"
    source: ClassVar[str] = "Lee et al. 2017, arXiv 1703.01789, as in arXiv 2006.00751"

    pad_stem: bool = True
    momentum: float = 0.9
    epsilon: float = 1e-5


class WonSampleCNNSE(WonSampleCNN):
    """SampleCNN-SE of Won et al. 2020: stem, blocks and last layer are residual, with gates.

    Unlike `SampleCNNReSE`, its shortcuts are as wide as its other kernels, the hidden layer of a
    gate is as wide as its channels, nothing is dropped within a block, and only the last output is
    classified, after a dense layer of 512. 6,951,858 parameters with 50 classes, which its last
    kernel must be 1 for: the published table does not say. Paper, code and clips of `WonSampleCNN`.

    Fields: see `SampleCNN`.
    """

    registered: ClassVar[str] = "won_sample_cnn_se"
    source: ClassVar[str] = "Kim et al. 2018, arXiv 1710.10451, as in arXiv 2006.00751"

    block: str = "rese"
    ends: str = "rese"
    shortcut_kernel: int = 3
    gate_ratio: float = 1.0
    block_dropout: float = 0.0
    dense_units: int = 512
