"""Networks on stored log-mels of GTZAN, 130 frames of 128 bins.

    mgr-jax prepare_data --dataset=feature_array --features=FILE.npz --name=gtzan_mel3 \
        --splits=fault_filtered --frame_rate=43.07
    mgr-jax train --config=gtzan_mel3:model=k2c2 --workdir=runs/a

model  crnn, k2c2      of Choi et al. 2016 with 0.1 M parameters, see choi2016
       resnet18        see torchvision
       ast             see transformers; no warm-up into a cosine, no masks
       cfc             see hasani
       nakashika2012   see nakashika2012; with batch norm of the input
       fusion          the last beside a table, --config.side_inputs.table=features_30_sec.csv
       reconstruction  see autoencoder
       genres          see autoencoder; goes on from it with --config.init_from

One run is 600 steps with the toolkit's defaults, scored after the last of them. Input and recipe
are ours, and not those of the files named here. data= takes other arrays of this form.
"""

from mgr_jax.config import recipes

CRNN = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 4), (1, 4))}  # 2 bins, 16 steps of 0.19 s
K2C2 = {"budget": "0.1M", "pools": ((2, 2), (2, 2), (2, 2), (2, 4), (4, 4))}  # 1, 2 steps of 1.5 s
FUSION = {"encoder": {"name": "nakashika2012", "kwargs": {}}}
FASTER = {"optimizer": {"learning_rate": 3e-3}}
VARIANTS = {  # network, its fields, and what differs
    "crnn": ("choi_crnn", CRNN, FASTER),
    "k2c2": ("choi_k2c2", K2C2, FASTER),
    "resnet18": ("resnet18", {}, {}),
    "ast": ("ast", {}, {}),
    "cfc": ("cfc", {}, {}),
    "nakashika2012": ("nakashika2012", {}, {}),
    "fusion": ("fusion", FUSION, {"side_inputs": {"table": "features_30_sec.csv"}}),
    "reconstruction": (
        "autoencoder",
        {},
        {"classification_weight": 0.0, "monitor": "auxiliary_loss"},
    ),
    "genres": ("autoencoder", {"dropout": 0.3}, {"auxiliary_weight": 0.0}),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan_mel3", stored=True)}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    network, fields, rest = VARIANTS[given["model"]]
    config.sample_rate = 0
    config.clip_samples = 130  # frames, all there are: 22,050 Hz, hop 512
    config.frontend.update(name="precomputed", kwargs={"preset": "gtzan_mel3"})
    config.model.update(name=network, kwargs=fields)

    config.batch_size = 16
    recipes.change(config, num_steps=600, eval_every=600)
    recipes.change(config, rest)
    return config
