"""Every network with its number of parameters."""

from mgr_jax.side_inputs import SideFormat

# (name, fields, [frames, bins(, channels)] of the published input, parameters with 50 classes,
# source of that number). Every registered name needs a row.
PARAMETERS = [
    ("choi_crnn", {"budget": "0.1M"}, (192, 96), 97_130, "the paper's widths, computed"),
    ("choi_crnn", {"budget": "0.25M"}, (192, 96), 246_098, "the paper's widths, computed"),
    ("choi_crnn", {"budget": "0.5M"}, (192, 96), 497_157, "the paper's widths, computed"),
    ("choi_crnn", {"budget": "1M"}, (192, 96), 1_000_367, "the paper's widths, computed"),
    ("choi_crnn", {"budget": "3M"}, (192, 96), 3_027_712, "the paper's widths, computed"),
    ("choi_k2c2", {"budget": "0.1M"}, (1366, 96), 96_822, "the paper's widths, computed"),
    ("choi_k2c2", {"budget": "0.25M"}, (1366, 96), 246_097, "the paper's widths, computed"),
    ("choi_k2c2", {"budget": "0.5M"}, (1366, 96), 497_320, "the paper's widths, computed"),
    ("choi_k2c2", {"budget": "1M"}, (1366, 96), 1_003_828, "the paper's widths, computed"),
    ("choi_k2c2", {"budget": "3M"}, (1366, 96), 3_046_167, "the paper's widths, computed"),
    ("choi_k2c1", {"budget": "0.1M"}, (1366, 96), 97_165, "the paper's widths, computed"),
    ("choi_k2c1", {"budget": "0.25M"}, (1366, 96), 246_138, "the paper's widths, computed"),
    ("choi_k2c1", {"budget": "0.5M"}, (1366, 96), 503_444, "the paper's widths, computed"),
    ("choi_k2c1", {"budget": "1M"}, (1366, 96), 1_001_578, "the paper's widths, computed"),
    ("choi_k2c1", {"budget": "3M"}, (1366, 96), 2_981_475, "the paper's widths, computed"),
    # Dense layers as wide as the last convolution: not published, chosen here.
    ("choi_k1c2", {"budget": "0.1M"}, (1366, 96), 95_540, "our dense layers"),
    ("choi_k1c2", {"budget": "0.25M"}, (1366, 96), 232_555, "our dense layers"),
    ("choi_k1c2", {"budget": "0.5M"}, (1366, 96), 457_232, "our dense layers"),
    ("choi_k1c2", {"budget": "1M"}, (1366, 96), 944_251, "our dense layers"),
    ("choi_k1c2", {"budget": "3M"}, (1366, 96), 2_772_839, "our dense layers"),
    (
        "prcnn",
        {},
        (128, 513),
        # convolutions over 3 bins; embedding of 256 bins; two GRUs; 256 + 256 to the head
        (4 * 16 + 49 * 32 + 97 * 64 + 193 * 128 + 385 * 64)
        + 257 * 128
        + 2 * 3 * 128 * (128 + 128 + 1)
        + (64 * 1 * 4 + 256 + 1) * 50,
        "by hand; the paper gives none",
    ),
    # No counts published, by hand: four 3x3 convolutions with batch norm, dense 128, 32, 50.
    (
        "square_cnn",
        {},
        (640, 84),
        12 * 8 + 75 * 32 + 291 * 128 + 1155 * 256 + 257 * 128 + 129 * 32 + 33 * 50,
        "by hand",
    ),
    (
        "square_cnn",
        {"pools": ((4, 2), (4, 2), (4, 3), (6, 6))},
        (640, 128),
        374_098,
        "the form for mel bins leaves one value per channel too",
    ),
    (
        "square_cnn",
        {"kernels": ((3, 3), (3, 3), (3, 3), (5, 1)), "pools": ((4, 2), (4, 2), (4, 2), (6, 1))},
        (640, 12),
        374_098 - 4 * 128 * 256,
        "the form for chroma bins has 5 instead of 9 values per kernel in the last convolution",
    ),
    # By hand: convolutions over 5 frames with batch norm, dense 512, 128, 32, 50.
    (
        "freq_cnn",
        {},
        (640, 84),
        8 * 16
        + 83 * 16
        + 83 * 32
        + 163 * 32
        + (84 * 32 + 1) * 512
        + 513 * 128
        + 129 * 32
        + 33 * 50,
        "by hand",
    ),
    (
        "freq_cnn",
        {"block": "resnet"},
        (640, 84),
        1_457_538 + (83 + 2) * 16 + (83 + 17) * 16 + (163 + 17) * 32 + (163 + 33) * 32,
        "by hand: more than basic by a second convolution and a 1x1 one without batch norm",
    ),
    (
        "freq_cnn",
        {"block": "densenet"},
        (640, 84),
        1_457_538
        + (88 * 17 + 37 * 16)  # 17 → 17, 34 → 16
        + (163 * 32 + 67 * 16)
        + (243 * 48 + 99 * 32)
        + (323 * 64 + 131 * 32),
        "by hand: more than basic by a convolution of all before it and a 1x1 one of everything",
    ),
    (
        "freq_cnn",
        {"dense_units": (256, 32)},
        (640, 12),
        9_328 + (12 * 32 + 1) * 256 + 257 * 32 + 33 * 50,
        "the form for chroma bins, by hand",
    ),
    (
        "temporal_cnn",
        {},
        (640, 84),
        (84 * 5 + 3) * 64 + 323 * 128 + 643 * 256 + 1283 * 512 + 513 * 256 + 257 * 32 + 33 * 50,
        "by hand",
    ),
    (
        "fma_crnn",
        {},
        (640, 84),
        335_424 + 3 * 128 * (256 + 128 + 2) + 129 * 128 + 129 * 32 + 33 * 50,
        "by hand: convolutions, PyTorch's GRU with two biases per gate, dense 128, 32, 50",
    ),
    (
        "fma_crnn",
        {"cell": "lstm", "directions": 2},
        (640, 84),
        335_424 + 2 * 4 * 128 * (256 + 128 + 2) + 257 * 128 + 129 * 32 + 33 * 50,
        "by hand",
    ),
    (
        "fma_parallel",
        {},
        (640, 84),
        731_664 - 37_288 + 42 * 33,
        "the stored weights, without the three dense layers of the inner CNN that they carry along "
        "unused, with 8 classes; 33 for each further class",
    ),
    (
        "parallel_cnn_rnn",
        {},
        (640, 128),
        85_160 + 42 * 385,
        "the executed graph has 85,160 with 8 classes, 385 more for each further class",
    ),
    (
        "bbnn",
        {},
        (647, 128),
        185_642 + 40 * 33,
        "the authors' graph has 185,642 trainable with 10 classes, 33 more for each further class",
    ),
    (
        "bbnn_cqt",
        {},
        (640, 84),
        51_496 + 42 * 33,
        "the project's graph has 51,496 with 8 classes, 33 more for each further class",
    ),
    (
        "crnn1d",
        {},
        (640, 128),
        133_184 + 42 * 65,
        "the notebook's summary has 133,184 trainable with 8 classes, 65 more for each further one",
    ),
    ("cnn1d", {}, (1291, 20), 103 * 64 + 323 * 128 + 643 * 256 + 257 * 50, "our widths"),
    ("rnn", {}, (1291, 20), 3 * 64 * (20 + 65) + 3 * 64 * (64 + 65) + 65 * 50, "our widths"),
    (
        "rnn",
        {"cell": "lstm", "directions": 2},
        (1291, 20),
        8 * 64 * (20 + 65) + 8 * 64 * (128 + 65) + 129 * 50,
        "our widths",
    ),
    (
        "simple_crnn",
        {},
        (1291, 20),
        12 * 32 + 291 * 64 + 579 * 64 + 3 * 64 * (2 * 64 + 65) + 65 * 50,
        "our widths",
    ),
    ("mlp", {}, (1, 57), 58 * 256 + 257 * 128 + 129 * 64 + 65 * 50, "our widths"),
    ("mlp", {"units": (50,), "activation": "tanh"}, (1, 57), 58 * 50 + 51 * 50, "by hand"),
    (
        "mlp",
        {"units": (100, 250, 250, 100)},
        (1, 57),
        58 * 100 + 101 * 250 + 251 * 250 + 251 * 100 + 101 * 50,
        "by hand",
    ),
    (
        "mlp",
        {"units": (512, 256, 128, 64), "batch_norm": True},
        (1, 57),
        60 * 512 + 515 * 256 + 259 * 128 + 131 * 64 + 65 * 50,
        "our widths",
    ),
    (
        "mlp",
        {"units": (1000, 100)},
        (59_953, 1),
        59_954 * 1000 + 1001 * 100 + 101 * 50,
        "by hand: 29.98 s at 2 kHz",
    ),
    (
        "fcn",
        {},
        (1813, 96),
        447_732,
        "released weights (without the STFT's window and mel filters)",
    ),
    ("won_crnn", {}, (1813, 96), 394_100, "released weights, likewise"),
    # Derived: see the two released forms; only these widths differ.
    ("musicnn", {}, (187, 96), 787_159, "released TensorFlow variables"),
    (
        "musicnn",
        {"midend": 512, "dense_units": 500},
        (187, 96),
        # norm of the input; timbre; tempo; mid-end; norm of the summary; dense; head
        2
        + (7 * (38 + 67) * 204 + 6 * 204)
        + ((128 + 64 + 32) * 51 + 9 * 51)
        + (7 * 561 * 512 + 2 * 7 * 512 * 512 + 9 * 512)
        + 2 * 2 * (561 + 3 * 512)
        + (2 * (561 + 3 * 512) * 500 + 3 * 500)
        + 501 * 50,
        "arithmetic: a convolution, its bias, and norm's two per channel; no count published",
    ),
    ("musicnn_torch", {}, (188, 96), 784_300, "released weights, likewise"),
    (
        "musicnn_vgg",
        {},
        (187, 96),
        2 + (9 + 3) * 128 + 4 * (9 * 128 + 3) * 128 + 257 * 50,
        "norm of the input, one convolution of one channel, four of 128, 256 to 50; none published",
    ),
    ("short_chunk", {}, (231, 128), 3_687_348, "computed from the authors' code"),
    ("short_chunk_res", {}, (231, 128), 12_104_244, "computed from the authors' code"),
    (
        "harmonic_cnn",
        {},
        (313, 128, 6),
        3_631_551 - 1,
        "computed from the authors' code, which counts the Q of the front end",
    ),
    (
        "cnn_sa",
        {},
        (938, 128),
        # attention, two norms and two dense layers in each of two layers; pooler; head
        8_863_490 + 2 * (4 * 257 * 256 + 4 * 256 + 257 * 1024 + 1025 * 256) + 257 * 256 + 257 * 50,
        "the part before the transformer computed from the authors' code, BERT's by arithmetic",
    ),
    # Published for 527 classes, computed with the authors' code: the head has a bias, and as many
    # units before it as the width times 1280.
    ("efficientat", {}, (1000, 128), 4_876_831 - 477 * 1281, "the authors' code, mn10"),
    (
        "efficientat",
        {"width": 0.4, "reduced_tail": True},
        (1000, 128),
        477_327 - 477 * 257,
        "the authors' code",
    ),
    ("efficientat", {"width": 0.4, "se": "none"}, (1000, 128), 733_735 - 477 * 513, "likewise"),
    ("efficientat", {"width": 0.4, "se": "f"}, (1000, 128), 735_091 - 477 * 513, "likewise"),
    ("efficientat", {"width": 0.4, "se": "cf"}, (1000, 128), 984_955 - 477 * 513, "likewise"),
    ("sample_cnn", {}, (59_049, 1), 1_869_874, "torch form of the published layers"),
    (
        "sample_cnn",
        {"base": 2, "depth": 13},
        (16_384, 1),
        640 + 2 * 33_152 + 66_304 + 9 * 131_840 + 2 * 263_680 + 512 * 50 + 50,
        "no count published: stem 640, two of 33,152, one of 66,304, nine of 131,840, two of "
        "263,680, head",
    ),
    ("sample_cnn", {"last_kernel": 3}, (59_049, 1), 2_394_162, "CLMR's form"),
    ("sample_cnn_se", {}, (59_049, 1), 24_742_706, "published: SE+multi 24.74 M"),
    ("sample_cnn_se", {"gate_ratio": 1 / 16}, (59_049, 1), 2_771_906, "reduction: 2.77 M"),
    (
        "sample_cnn_res",
        {},
        (59_049, 1),
        26_980_146 - 32 * 688_128 - 17 * 2_304,
        "rese without its gates, 32 width^2 + 17 width each: the widths sum to 2,304, their "
        "squares to 688,128",
    ),
    ("sample_cnn_rese", {}, (59_049, 1), 26_980_146, "published: ReSE+multi 26.98 M"),
    (
        "sample_cnn_rese",
        {"gate_ratio": 1 / 16},
        (59_049, 1),
        5_009_346,
        "reduction: 5.01 M",
    ),
    ("clmr", {}, (59_049, 1), 2_394_162, "published"),
    ("won_sample_cnn", {}, (59_049, 1), 1_869_874, "published"),
    ("won_sample_cnn_se", {}, (59_049, 1), 6_951_858, "published"),
    (
        "dieleman2014",
        {},
        (48_000, 1),
        513 * 128 + (8 * 128 + 1) * 32 + (8 * 32 + 1) * 32 + 97 * 100 + 101 * 50,
        "no count published: three convolutions, 3 steps of 32 into the dense layer, head",
    ),
    (
        "li2010",
        {},
        (190, 13),
        131 * 3 + 31 * 15 + 151 * 65 + 66 * 50,
        "no count published: three convolutions, head",
    ),
    (
        "nakashika2012",
        {},
        (130, 128),
        (9 * 4 + 3) * 32 + (9 * 32 + 3) * 64 + (16 * 64 + 3) * 100 + 101 * 50,
        "our widths: a bias and two of batch norm per channel",
    ),
    ("compact_cnn", {}, (1360, 96), 37_632 + 33 * 50, "37,632 before the head"),
    ("compact_cnn", {"readout": "means"}, (1360, 96), 37_632 + 161 * 50, "37,632 before the head"),
    (
        "compact_cnn",
        {"normalise_over": "segment"},
        (1360, 96),
        37_632 + 33 * 50,
        "37,632 before the head",
    ),
    ("music_tagger_cnn", {}, (1366, 96), 865_950, "published (README)"),
    ("music_tagger_crnn", {}, (1366, 96), 396_786, "published (README)"),
    # torchvision's published counts are for 3 channels and 1000 classes: one channel takes
    # 2 * 64 * 7 * 7 from the stem, 50 classes 950 * (dim + 1) from the head.
    ("resnet18", {}, (130, 128), 11_689_512 - 2 * 64 * 49 - 950 * 513, "torchvision"),
    ("resnet34", {}, (130, 128), 21_797_672 - 2 * 64 * 49 - 950 * 513, "torchvision"),
    ("densenet121", {}, (130, 128), 7_978_856 - 2 * 64 * 49 - 950 * 1025, "torchvision"),
    ("resnet18", {}, (130, 128, 3), 11_689_512 - 950 * 513, "torchvision, three channels"),
    (
        "ast",
        {},
        (501, 128),
        # patches, positions, token; by layer attention, two norms, two dense; norm; head
        (16 * 16 + 1) * 192
        + 49 * 12 * 192
        + 192
        + 6 * (4 * 193 * 192 + 2 * 384 + 193 * 768 + 769 * 192)
        + 384
        + 193 * 50,
        "our own small form; arithmetic",
    ),
    (
        "wav_transformer",
        {},
        (80_000, 1),
        # patches, norm; layers as in ast; norm; head
        (400 + 1) * 192
        + 384
        + 6 * (4 * 193 * 192 + 2 * 384 + 193 * 768 + 769 * 192)
        + 384
        + 193 * 50,
        "our own; arithmetic",
    ),
    (
        "ltc",
        {},
        (431, 128),
        # three convolutions with norms; the cell's input, state, target and leak; head
        (9 * 1 + 3) * 16
        + (9 * 16 + 3) * 32
        + (9 * 32 + 3) * 64
        + (256 + 1) * 64
        + 64 * 64
        + 64
        + 64
        + 65 * 50,
        "our own; arithmetic",
    ),
    (
        "cfc",
        {},
        (431, 128),
        # three convolutions with norms; backbone and three heads; head
        (9 * 1 + 3) * 16
        + (9 * 16 + 3) * 32
        + (9 * 32 + 3) * 64
        + (256 + 64 + 1) * 128
        + 3 * 129 * 64
        + 65 * 50,
        "our own; arithmetic",
    ),
    ("cfc", {"time_offset": True}, (431, 128), 92_626 + 129 * 64, "one head more"),
    (
        "autoencoder",
        {},
        (130, 128),
        # encoder's convolutions with norms, code; decoder's start, 4x4 convolutions with norms,
        # end; head
        (9 * 1 + 3) * 16
        + (9 * 16 + 3) * 32
        + (9 * 32 + 3) * 64
        + (9 * 64 + 3) * 64
        + (9 * 8 * 64 + 1) * 64
        + 65 * 9 * 8 * 64
        + (16 * 64 + 3) * 64
        + (16 * 64 + 3) * 32
        + (16 * 32 + 3) * 16
        + (16 * 16 + 1)
        + 65 * 50,
        "our own; arithmetic",
    ),
    (
        "fusion",
        {"side": SideFormat(518, (("artist", 100), ("album", 200)))},
        (192, 96),
        # choi_crnn's embedding of 30; table; embeddings with an unseen value; dense; head
        97_130 - 31 * 50 + 519 * 64 + (101 + 201) * 16 + (30 + 64 + 2 * 16 + 3) * 128 + 129 * 50,
        "our widths: choi_crnn without its head, and what is beside it",
    ),
    ("taught", {}, (192, 96), 97_130, "choi_crnn, whose head it has"),
    (
        "taught",
        {"encoder_classes": 527, "head": "mlp", "units": 64, "mapped": True},
        (192, 96),
        97_130 - 31 * 50 + 31 * 527 + 31 * 64 + 65 * 50,
        "choi_crnn with a head of its own, and the mlp",
    ),
]
