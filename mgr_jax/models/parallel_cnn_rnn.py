"""The PRCNN that priya-dwivedi published for FMA small, with Keras."""

from typing import ClassVar

from mgr_jax.models.prcnn import PRCNN


class ParallelCNNRNN(PRCNN):
    """Five convolutions along time beside a GRU in both directions, on 640 frames of 128 mel bins.

    github.com/priya-dwivedi/Music_Genre_Classification, CNN_RNN_parallel, after Feng et al. (arXiv
    1712.08370). It differs from `prcnn`, the paper's form as recalled, in the axis of the kernels,
    the fourth width, the padding, and the recurrent branch, which has no embedding. The input is
    `prcnn_mel`, 29.7 s at 22,050 Hz:

        [640, 128, 1] → [319, 64, 16] → [158, 32, 32] → [78, 16, 64] → [19, 4, 64] → [4, 1, 64] ⎫
        [640, 128] → max pooling [160, 64] → 128                                               ⎭ 384

    With 8 classes it has 85,160 parameters, with 50 classes 101,330. Its authors report 52.5 % on
    the validation and 44.4 % on the test split. Dropout, a dense layer and a penalty of the weights
    that its code declares are not used there, nor here.

    Filling counts, as in `PRCNN`.

    Fields: see `PRCNN` and `Network`.
    """

    registered: ClassVar[str] = "parallel_cnn_rnn"
    source: ClassVar[str] = "Dwivedi 2018 (GitHub), after Feng et al. 2017, arXiv 1712.08370"

    widths: tuple[int, ...] = (16, 32, 64, 64, 64)
    axis: str = "time"
    padding: str = "VALID"
    rnn_pool: tuple[int, int] = (4, 2)
    projection: int = 0
    units: int = 64
    gate: str = "hard_sigmoid"
