"""Every network in a few thousand parameters, with all kinds of its layers."""

from networks import PARAMETERS

from mgr_jax.side_inputs import SideFormat

# Fields, and [frames, bins(, channels)] of the input, by name: as published, or smaller where that
# would take long.
SMALLER = {row[0]: (row[1], row[2]) for row in reversed(PARAMETERS)} | {
    "choi_crnn": ({"pools": ((2, 2), (2, 2), (2, 2), (1, 2))}, (24, 16)),
    "choi_k1c2": ({"pools": (2, 2, 2, 2)}, (16, 4)),
    "choi_k2c1": ({"pools": (2, 2, 2, 1, 1)}, (16, 4)),
    "choi_k2c2": ({"pools": ((2, 2), (2, 2), (2, 2), (1, 1), (1, 1))}, (16, 8)),
    "prcnn": (
        {"widths": (4, 6), "pools": ((2, 2), (2, 2)), "units": 8, "projection": 8, "dropout": 0.2},
        (16, 12),
    ),
    "square_cnn": (
        {
            "widths": (4, 6),
            "kernels": ((3, 3), (3, 3)),
            "pools": ((2, 2), (2, 2)),
            "dense_units": (8,),
        },
        (16, 8),
    ),
    "freq_cnn": (
        {
            "widths": (4, 6, 6),
            "kernels": ((5, 1), (5, 1), (5, 1)),
            "pools": ((2, 1), (2, 1), (2, 1)),
            "dense_units": (8,),
            "block": ("basic", "resnet", "densenet"),
        },
        (16, 6),
    ),
    "temporal_cnn": (
        {
            "widths": (4, 6),
            "kernels": ((5, 1), (5, 1)),
            "pools": ((2, 1), (2, 1)),
            "dense_units": (8,),
        },
        (16, 6),
    ),
    "fma_crnn": (
        {
            "widths": (4, 6),
            "kernels": ((3, 3), (3, 3)),
            "pools": ((2, 2), (2, 2)),
            "dense_units": (8,),
            "units": 8,
        },
        (16, 8),
    ),
    "fma_parallel": (
        {
            "widths": (4, 6),
            "kernels": ((3, 3), (3, 3)),
            "pools": ((2, 2), (2, 2)),
            "dense_units": (8,),
            "units": 8,
            "average": 4,
            "branch_units": 16,
        },
        (16, 8),
    ),
    # The published graph has no dropout, which training must show here.
    "parallel_cnn_rnn": (
        {"widths": (4, 6), "pools": ((2, 2), (2, 2)), "units": 8, "dropout": 0.2},
        (24, 8),
    ),
    "bbnn": ({"width": 4, "blocks": 1, "transition": 6, "dropout": 0.2}, (16, 8)),
    "bbnn_cqt": ({"width": 4, "blocks": 1, "transition": 6}, (20, 8)),
    "crnn1d": ({"widths": (6, 6), "units": 8, "dense_units": 6}, (24, 8)),
    "cnn1d": ({"widths": (6, 8), "pool": 2}, (16, 8)),
    "rnn": ({"units": 8}, (8, 6)),
    "simple_crnn": ({"widths": (4, 6), "pools": ((2, 2), (2, 2)), "units": 8}, (16, 8)),
    "mlp": ({"units": (16, 8), "batch_norm": True}, (1, 57)),
    "fcn": ({"widths": (4, 6), "pools": ((2, 2), (2, 4))}, (16, 16)),
    "won_crnn": ({"widths": (4, 6), "pools": ((2, 2), (3, 4)), "units": 5}, (24, 16)),
    "musicnn": (
        {"timbre": 4, "lengths": (8, 4), "tempo": 3, "midend": 4, "dense_units": 6},
        (16, 12),
    ),
    "musicnn_torch": (
        {"timbre": 4, "lengths": (9, 5), "tempo": 3, "midend": 4, "dense_units": 6},
        (16, 12),
    ),
    "musicnn_vgg": ({"width": 4, "pools": ((2, 2), (2, 2))}, (20, 12)),
    "short_chunk": ({"widths": (4, 6), "pools": ((2, 2), (2, 2))}, (12, 8)),
    "short_chunk_res": ({"widths": (4, 6), "pools": ((2, 2), (2, 2))}, (12, 8)),
    "harmonic_cnn": (
        {"width": 4, "pools": ((2, 2), (2, 1), (1, 1), (1, 1), (2, 2), (1, 2), (1, 1))},
        (12, 8, 3),
    ),
    "cnn_sa": (
        {"widths": (8,), "pools": ((2, 2),), "layers": 1, "heads": 2, "hidden": 8},
        (12, 2),
    ),
    "sample_cnn": ({"depth": 3, "widths": (4, 6, 8)}, (81, 1)),
    "sample_cnn_se": (
        {"depth": 2, "widths": (4, 6, 8), "gate_ratio": 2.0, "levels": 2, "dense_units": 8},
        (27, 1),
    ),
    "sample_cnn_res": ({"depth": 2, "widths": (4, 6, 8), "levels": 2, "dense_units": 8}, (27, 1)),
    "sample_cnn_rese": (
        {"depth": 2, "widths": (4, 6, 8), "gate_ratio": 2.0, "levels": 2, "dense_units": 8},
        (27, 1),
    ),
    "clmr": ({"depth": 3, "widths": (4, 6, 8)}, (81, 1)),
    "won_sample_cnn": ({"depth": 3, "widths": (4, 6, 8)}, (81, 1)),
    "won_sample_cnn_se": ({"depth": 2, "widths": (4, 6, 8), "dense_units": 8}, (27, 1)),
    "dieleman2014": (
        {
            "frame_length": 8,
            "hop_length": 8,
            "widths": (4, 5, 6),
            "kernel": 2,
            "pool": 2,
            "dense_units": 8,
            "dropout": 0.5,
        },
        (64, 1),
    ),
    "li2010": ({"widths": (3, 4, 5), "kernel": 3, "stride": 2, "dropout": 0.5}, (16, 5)),
    "nakashika2012": ({"levels": 4, "widths": (4, 6), "dense_units": 8}, (12, 10)),
    "compact_cnn": ({"width": 4, "pools": ((2, 2),) * 4, "dropout": 0.5}, (32, 32)),
    "music_tagger_cnn": ({"budget": "0.1M", "pools": ((2, 2),) * 5}, (64, 32)),
    "music_tagger_crnn": (
        {"budget": "0.1M", "time_pad": 48, "pools": ((2, 2),) * 4},
        (40, 32),
    ),
    "resnet18": ({"blocks": (1, 1), "width": 4, "dropout": 0.3}, (24, 16)),
    "resnet34": ({"blocks": (1, 1), "width": 4, "dropout": 0.3}, (24, 16)),
    "densenet121": ({"blocks": (1, 1), "growth": 4, "width": 8, "layer_dropout": 0.3}, (24, 16)),
    "efficientat": (
        {"width": 0.05, "se": "c", "strides": (2, 2, 1, 1), "dilated": True},
        (20, 16),
    ),
    "ast": ({"patch": (4, 4), "stride": (3, 3), "width": 12, "layers": 1, "hidden": 16}, (16, 10)),
    "wav_transformer": (
        {"patch": 40, "stride": 32, "width": 12, "layers": 1, "hidden": 16},
        (300, 1),
    ),
    "ltc": (
        {"segment_frames": 5, "widths": (4, 8), "pools": ((2, 2), (2, 2)), "units": 6},
        (17, 16),
    ),
    "cfc": (
        {
            "segment_frames": 5,
            "widths": (4, 8),
            "pools": ((2, 2), (2, 2)),
            "units": 6,
            "backbone": 8,
            "time_offset": True,
        },
        (17, 16),
    ),
    "autoencoder": (
        {"widths": (4, 8), "pools": ((2, 4), (2, 2)), "code": 6, "dropout": 0.3},
        (17, 16),
    ),
    "taught": (
        {
            "encoder": {
                "name": "choi_crnn",
                "kwargs": {"pools": ((2, 2), (2, 2), (2, 2), (1, 2))},
            },
            "encoder_classes": 5,
            "head": "mlp",
            "units": 6,
            "mapped": True,
        },
        (24, 16),
    ),
    "fusion": (
        {
            "encoder": {"name": "nakashika2012", "kwargs": {"levels": 4, "widths": (4, 6)}},
            "side": SideFormat(3, (("artist", 2),)),
            "table_units": 4,
            "category_units": 3,
            "units": (8, 6),
        },
        (12, 10),
    ),
}
