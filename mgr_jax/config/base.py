"""Every field of a config, with its default."""

from ml_collections import ConfigDict

from mgr_jax.config.versions import current_version

# Short names for the argument `data` of a config file; any <builder>/<name> is possible too.
DATASETS = {
    "demo": "rendered/demo",
    "fma_full": "fma/full",
    "fma_large": "fma/large",
    "fma_medium": "fma/medium",
    "fma_small": "fma/small",
    "gtzan": "gtzan/fault_filtered",
    "gtzan_artist": "gtzan/artist",
    "gtzan_features": "feature_array/gtzan_features",
    "gtzan_mel3": "feature_array/gtzan_mel3",
    "gtzan_mel30": "feature_array/gtzan_mel30",
    "gtzan_stratified": "gtzan/stratified",
    "rendered10": "audio_folder/rendered10",
}


def base_config() -> ConfigDict:
    """A config with every field; see the comments for meaning and units."""
    config = ConfigDict()
    # What its fields are; a change to them makes a new version, see mgr_jax.config.versions.
    config.version = current_version()
    # The shipped config and arguments that it was made from, as in choi2016:model=crnn,data=gtzan.
    config.spec = ""
    config.seed = 0
    config.task = "single_label"  # or multi_label: sigmoids over the dataset's tags

    config.dataset = "rendered/demo"  # <builder>/<name> as `prepare_data` reports it
    config.data_dir = ""  # the TFDS folder; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
    config.sample_rate = 22_050  # Hz, of the dataset and the front end; 0: a feature_array
    config.clip_samples = 3 * 22_050  # input length of the network; frames of a feature_array
    config.short_clip = "zero_pad"  # or repeat: how a shorter track is filled
    # Ignore the zeros of shorter tracks, as if their clips ended before them.
    config.mask_filling = True
    config.eval_segments = 0  # clips per track in evaluation; 0: the fewest that cover it

    config.frontend = ConfigDict({"name": "log_mel", "kwargs": {}})
    config.input_norm = "batch"  # batch normalisation of every frequency bin, or none
    config.model = ConfigDict({"name": "choi_crnn", "kwargs": {}})
    # For the model fusion: a table with a row for every track, and categories ("artist", or further
    # columns of the dataset), which leak unless the splits are artist-disjoint.
    config.side_inputs = ConfigDict({"table": "", "categories": ()})
    # A run whose weights this one starts from: those of equal name and shape. Empty: none.
    config.init_from = ""
    config.compute_dtype = "float32"  # of the network; front ends are always float32

    # Of training examples, in this order: dicts of name, p (share of the examples) and settings, as
    # in ({"name": "gain", "p": 0.5}, {"name": "mixup", "alpha": 0.4}); see mgr_jax.audio.augment.
    config.augment = ()

    config.batch_size = 16  # over all devices
    config.accumulate = 1  # number of parts that a batch is divided into, to save memory
    # How long to train: in one of these units, the others are 0. An epoch is as many examples as
    # there are training tracks. A run's config.json has steps.
    config.num_steps = 1000
    config.num_epochs = 0.0
    config.num_examples = 0
    config.sampling = "shuffle"  # every track once per epoch; balanced: classes equally often
    config.class_weights = "none"  # of the loss; balanced: rare classes weigh more
    config.optimizer = ConfigDict(
        {
            "name": "adamw",  # adam, adamw, sgd (Nesterov's), rmsprop
            "learning_rate": 1e-3,  # the schedule's peak
            "weight_decay": 1e-2,  # adamw: of kernels only, not of biases and norms
            "b1": 0.9,  # adam, adamw
            "b2": 0.999,  # adam, adamw; rmsprop: of the squared gradient
            "eps": 1e-8,  # adam, adamw, rmsprop
            "momentum": 0.9,  # sgd
            "clip_norm": 1.0,  # of the global gradient; 0: off
        }
    )
    # An update that is not finite (its loss, gradients or result) is never applied: stop ends the
    # run, skip continues without it and counts it.
    config.not_finite = "stop"
    config.schedule = ConfigDict(
        {
            "name": "one_cycle",  # constant, cosine, one_cycle, inverse_time
            # one_cycle, cosine: how long the rate rises to the peak, in one of these units.
            "warmup_fraction": 0.3,  # of all steps
            "warmup_steps": 0,
            "warmup_epochs": 0.0,
            "warmup_examples": 0,
            "initial_fraction": 0.04,  # of the peak, at the first step
            "final_fraction": 1e-4,  # of the peak, at the last step
            "decay": 0.0,  # inverse_time: the rate is peak / (1 + decay * step), as Keras's decay
        }
    )
    config.l2 = 0.0  # times the sum of all squared kernels is added to the loss
    config.label_smoothing = 0.0
    # Factors of the two parts of the loss: the task's, and what the model itself adds, as
    # `autoencoder` does with its error of reconstruction.
    config.classification_weight = 1.0
    config.auxiliary_weight = 1.0
    config.ema_decay = 0.0  # of averaged weights and statistics, which are then used; 0: off
    # The learning rate is multiplied by `factor` after `patience` evaluations in which
    # config.monitor did not improve by more than `min_delta`; a factor of 1: never.
    config.plateau = ConfigDict({"factor": 1.0, "patience": 10, "min_delta": 0.0})
    # Several trainings in a row, each from the best weights so far with a fresh optimizer: dicts
    # of steps, epochs or examples (none: no limit), patience (evaluations without improvement; 0:
    # no limit) and optimizer (fields that differ from config.optimizer). Each goes through the
    # whole schedule.
    config.stages = ()
    config.monitor = "accuracy"  # of validation tracks; decides the best checkpoint
    config.patience = 0  # evaluations without improvement before stopping; 0: never

    # Between evaluations, each followed by a checkpoint: in one of these units, as num_steps.
    config.eval_every = 200  # steps
    config.eval_every_epochs = 0.0
    config.eval_every_examples = 0
    config.log_every = 20  # steps
    config.loader = "auto"  # resident on accelerators where the data fit, else streaming
    config.steps_per_dispatch = 10  # resident: steps between returns to the host, at most
    # Which tracks train, which are scored: "dataset" takes the splits as prepared, "official" and
    # "fault_filtered" published ones; the others divide `splits` of it into `folds`, see
    # mgr_jax.data.parts. `mgr-jax crossval` runs all folds.
    config.protocol = ConfigDict(
        {
            "name": "dataset",  # stratified_kfold, artist_kfold, dataset_kfold; row_random leaks
            "folds": 5,
            "fold": 0,  # the one that is scored
            "parts": 3,  # 3: the next fold chooses the checkpoint; 2: the scored one does
            "splits": ("train", "validation", "test"),
            # Consent to row_random, and to init_from where tracks scored have the names of tracks
            # that it was trained on.
            "i_know_this_leaks": False,
        }
    )
    config.partition = "pmap"  # or jit: sharded jit over the same devices
    return config
