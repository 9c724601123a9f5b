"""Won et al. 2020 (2006.00751): nine networks for tags, trained alike, on 3 to 29 s.

    mgr-jax prepare_data --dataset=gtzan --manual_dir=DIR --sample_rate=16000
    mgr-jax train --config=won2020:model=short_chunk_res --workdir=runs/a

model  short_chunk      seven 3x3 layers on 3.7 s, global maximum
       short_chunk_res  strided residual blocks on 3.7 s
       cnn_sa           residual blocks, then self-attention over 15 s: Won et al. 2019 (1906.04972)
       harmonic_cnn     learnt filters at harmonics as channels, on 5 s: Won et al. 2020 (ICASSP)
       fcn              five 3x3 layers on 29 s: Choi et al. 2016 (1606.00298)
       crnn             PyTorch's GRU behind convolutions, on 29 s: Choi et al. 2016 (1609.04243)
       musicnn          batch norm before ReLU, tempo of the mean, on 3 s: Pons and Serra 2019
       sample_cnn       at 16 kHz: Lee et al. 2017 (1703.01789)
       sample_cnn_se    gated residual blocks from stem to last layer

The recipe is the authors' (github.com/minzwon/sota-music-tagging-models): 80 passes over the tracks
with Adam, then 20, 20 and 80 with SGD, each from the weights of the lowest validation loss; batch,
rates and the 16 chunks of a scored track too. Theirs was for 50 tags of MagnaTagATune; its L2
also holds biases and norms, its momentum outlives a change of rate, and every pass is evaluated,
not every fifth.
"""

from mgr_jax.config import recipes

VARIANTS = {  # network, front end, samples of a clip
    "short_chunk": ("short_chunk", "won2020_128", 59_049),
    "short_chunk_res": ("short_chunk_res", "won2020_128", 59_049),
    "cnn_sa": ("cnn_sa", "won2020_128", 240_000),
    "harmonic_cnn": ("harmonic_cnn", "harmonic", 80_000),
    "fcn": ("fcn", "won2020_96", 464_000),
    "crnn": ("won_crnn", "won2020_96", 464_000),
    "musicnn": ("musicnn_torch", "won2020_96", 48_000),
    "sample_cnn": ("won_sample_cnn", "waveform", 59_049),
    "sample_cnn_se": ("won_sample_cnn_se", "waveform", 59_049),
}
ARGUMENTS = {"model": VARIANTS, "data": recipes.Data("gtzan")}


def get_config(arg=""):
    """Returns the config."""
    config, given = recipes.start(arg, ARGUMENTS)
    config.model.name, config.frontend.name, config.clip_samples = VARIANTS[given["model"]]
    config.sample_rate = 16_000
    config.eval_segments = 16
    config.input_norm = "none"  # the networks have their own

    config.batch_size = 16
    recipes.constant_rate(config, "adam", 1e-4)
    recipes.change(config, num_epochs=200, eval_every_epochs=5)
    config.l2 = 5e-5  # PyTorch's weight decay of 1e-4 is the gradient of half as much
    config.stages = (
        {"epochs": 80},
        {"epochs": 20, "optimizer": {"name": "sgd", "learning_rate": 1e-3}},
        {"epochs": 20, "optimizer": {"name": "sgd", "learning_rate": 1e-4}},
        {"optimizer": {"name": "sgd", "learning_rate": 1e-5}},  # the 80 that are left
    )
    config.monitor = "log_loss"
    return config
