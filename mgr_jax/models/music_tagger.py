"""The two networks that Choi et al. released, with weights for tags of the Million Song Dataset.

Source: github.com/keunwoochoi/music-auto_tagging-keras. The paper's networks are `ChoiK2C2` and
`ChoiCRNN`. Both released networks normalise the input frame by frame, so clips have one length:
1366 frames of 96 mel bins (29.1 s at 12 kHz, preset "choi2016"). The code normalises by bins
instead, but the weights do not fit that. In both, the stored statistics of the input have a median
mean of 0.1 and a median deviation of 1: they were trained on standardised inputs. But the script
that came with them, and with it the published tags of the CRNN, uses raw decibels. The values
stored as "running_std" are deviations, which that script takes for variances.
`interop/sources/choi.py` reads the weights either way.
"""

from typing import ClassVar

from mgr_jax.models.choi import ChoiCRNN
from mgr_jax.models.choi_cnn import ChoiK2C2


class MusicTaggerCNN(ChoiK2C2):
    """Five 3x3 convolutions in the widths of the released weights.

    They are 32, 128, 128, 192 and 256; the code has 64, 128, 128, 128 and 64. Their pools are not
    recorded: these are the code's. 865,950 parameters with 50 classes.

    Filling counts, as in `ChoiK2C2`.

    Fields: see `ChoiK2C2`.
    """

    registered: ClassVar[str] = "music_tagger_cnn"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243, as its weights were released"

    budget: str = "msd"
    input_norm: bool = True
    momentum: float = 0.99


class MusicTaggerCRNN(ChoiCRNN):
    """Four 3x3 convolutions and two GRUs, in the form and the widths of the released weights.

    The clips are padded to 1440 frames, which leave 15 steps, and the gates are hard sigmoids.
    396,786 parameters with 50 classes.

    Filling counts, as in `ChoiCRNN` with these fields.

    Fields: see `ChoiCRNN`.
    """

    registered: ClassVar[str] = "music_tagger_crnn"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243, as its weights were released"

    budget: str = "msd"
    gate: str = "hard_sigmoid"
    time_pad: int | None = 1440
    input_norm: bool = True
    momentum: float = 0.99
