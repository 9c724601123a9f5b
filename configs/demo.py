"""Small networks on clips of 8 s: `make demo`, and a start for a folder of music.

    mgr-jax prepare_data --dataset=audio_folder --manual_dir=DIR --name=music --sample_rate=12000
    mgr-jax train --config=demo:model=k2c2,data=audio_folder/music --workdir=runs/a

model  crnn, k1c2, k2c1, k2c2  of Choi et al. 2016 with 0.1 M parameters (choi2016), smaller pools
       crnn_3s                 on 3 s, scored after the last step
       crnn_3s_augmented       likewise, three times as long, on clips that are played faster or
                               slower, filtered, masked and mixed
       k2c2_cqt                on constant-Q spectrograms
       prcnn                   of Feng et al. 2017 (feng2017), smaller. Of three settings tried on
                               the validation tracks of one split of rendered10, the best
       sample_cnn              3^8, a layer less than that of Lee et al. 2017 (lee2017), on 1.6 s
       fusion                  crnn beside a table with a row for every track, by its path:
                               --config.side_inputs.table=features.csv; or beside artists, with
                               --config.side_inputs.categories="('artist',)", which leak unless the
                               splits are artist-disjoint, and where they are, as by default, teach
                               nothing

Input and recipe are ours, and not those of the papers: minutes on two CPU cores.
"""

from mgr_jax.config import recipes

# 8 s are 188 frames of 43 ms. The published pools divide time by 96 and would leave the recurrent
# layers a single step; these leave 15 steps of half a second, and one bin.
CRNN = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 4), (1, 4))}
CRNN_3S = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 4), (1, 4))}  # 8 steps of 0.34 s
K2C2 = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 2), (3, 2), (4, 4))}
PRCNN = {
    "pools": ((2, 2), (2, 2), (2, 2), (4, 2), (4, 4)),
    "rnn_pool": (2, 2),
    "projection": 64,
    "units": 64,
    "axis": "time",
    "dropout": 0.5,
}
LEVELS = {"power": 2.0, "ref": 1.0, "top_db": None}
MEL = {"kwargs": {"n_fft": 1024, "hop_length": 512, "n_mels": 64, **LEVELS}}
CQT = {"name": "cqt", "kwargs": {"scale": "db", **LEVELS}}
WAVEFORM = {"name": "waveform"}
RAW = {
    "clip_samples": 19_683,
    "input_norm": "none",
    "num_steps": 400,
    "optimizer": {"learning_rate": 1e-3},
}
AUGMENT = (
    {"name": "speed", "p": 0.5},
    {"name": "random_filter", "p": 0.5},
    {"name": "gain", "p": 0.5},
    {"name": "mixup", "alpha": 0.4},
    {"name": "frequency_mask"},
)
CLIPS_3S = {"clip_samples": 3 * 12_000}
VARIANTS = {  # front end, network, its fields, and what differs
    "crnn": (MEL, "choi_crnn", CRNN, {}),
    "crnn_3s": (MEL, "choi_crnn", CRNN_3S, {**CLIPS_3S, "eval_every": 600}),
    "crnn_3s_augmented": (
        MEL,
        "choi_crnn",
        CRNN_3S,
        {**CLIPS_3S, "num_steps": 1800, "eval_every": 1800, "augment": AUGMENT},
    ),
    "k1c2": (MEL, "choi_k1c2", {"budget": "0.1M", "pools": (3, 4, 4, 3)}, {}),
    "k2c1": (MEL, "choi_k2c1", {"budget": "0.1M", "pools": (2, 2, 3, 3, 4)}, {}),
    "k2c2": (MEL, "choi_k2c2", K2C2, {}),
    "k2c2_cqt": (CQT, "choi_k2c2", K2C2, {}),
    "prcnn": (MEL, "prcnn", PRCNN, {}),
    "sample_cnn": (WAVEFORM, "sample_cnn", {"depth": 8}, RAW),
    "fusion": (
        MEL,
        "fusion",
        {"encoder": {"name": "choi_crnn", "kwargs": CRNN}},
        {"side_inputs": {"table": "features.csv"}},
    ),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("demo")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    frontend, network, fields, rest = VARIANTS[given["model"]]
    config.sample_rate = 12_000
    config.clip_samples = 8 * 12_000
    config.frontend.update(frontend)
    config.model.update(name=network, kwargs=fields)

    config.batch_size = 16
    config.optimizer.learning_rate = 3e-3
    recipes.change(config, num_steps=600, eval_every=100)
    recipes.change(config, rest)
    return config
