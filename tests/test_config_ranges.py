"""Numbers of a config that cannot be: each is one sentence that names the field."""

import pytest
from errors import user_error
from ml_collections import ConfigDict

from mgr_jax import cli
from mgr_jax.audio.io import Limits
from mgr_jax.classifier import abstract_outputs, create_classifier
from mgr_jax.config import base_config, validate
from mgr_jax.config.files import list_configs, read_config
from mgr_jax.config.ranges import HIGHEST_RATE, LOWEST_RATE, RANGES
from mgr_jax.errors import UserError

NAN, INF = float("nan"), float("inf")
DIGITS = 99_999_999_999_999_999_999

# Values by field, each of them one that the field cannot have.
WRONG = {
    "accumulate": (0, DIGITS),
    "auxiliary_weight": (-1.0, NAN),
    "batch_size": (0, -1, DIGITS, 2**31 - 1, True, "16", 1.5),
    "classification_weight": (NAN, INF),
    "clip_samples": (0, 999_999_999, 2**31 - 1, DIGITS),
    "ema_decay": (1.0, NAN),
    "eval_every": (-1, DIGITS),
    "eval_every_epochs": (INF, NAN),
    "eval_segments": (-1, 2**31 - 1, DIGITS),
    "l2": (-1.0, NAN, INF, 1e300),
    "label_smoothing": (2.0, NAN),
    "log_every": (0, DIGITS),
    "num_epochs": (NAN, INF, -1.0),
    "num_steps": (-5, DIGITS),
    "optimizer.b1": (1.0, -0.1, NAN),
    "optimizer.b2": (1.0, NAN),
    "optimizer.clip_norm": (-1.0, NAN, INF),
    "optimizer.eps": (-1.0, 0.0, NAN, INF, 1e-300, "1e-8"),
    "optimizer.learning_rate": (0.0, -1.0, NAN, 1e300),
    "optimizer.momentum": (2.0, NAN),
    "optimizer.weight_decay": (-1.0, INF),
    "patience": (-1, DIGITS),
    "plateau.factor": (0.0, NAN),
    "plateau.min_delta": (NAN, -1.0),
    "plateau.patience": (0, DIGITS),
    "protocol.fold": (-1, DIGITS),
    "protocol.folds": (0, 1, -1, DIGITS),
    "protocol.parts": (-1, 1, 7),
    "sample_rate": (-1, 1, 2_000_000_000, DIGITS, "22050"),
    "schedule.decay": (NAN, -1.0),
    "schedule.final_fraction": (NAN, -1.0, INF, 2.0),
    "schedule.initial_fraction": (NAN, -1.0, INF),
    "schedule.warmup_fraction": (NAN, 1.0),
    "schedule.warmup_steps": (-3, DIGITS),
    "seed": (-1, DIGITS),
    "steps_per_dispatch": (0, DIGITS),
    "augment": (
        ({"name": "gain", "p": NAN},),
        ({"name": "time_mask", "max_frames": DIGITS},),
        ({"name": "mixup", "alpha": INF},),
    ),
    "stages": (
        ({"steps": 5, "optimizer": {"eps": -1.0}},),
        ({"steps": 5, "optimizer": {"eps": NAN}},),
        ({"steps": True},),
        ({"epochs": INF},),
    ),
    "frontend.kwargs.fmin": (NAN, -5.0, "0"),
    "frontend.kwargs.fmax": (INF, 0.0, 99_999.0),
    "frontend.kwargs.hop_length": (0, -1, DIGITS, True, 1.5),
    "frontend.kwargs.n_fft": (-1, 0, DIGITS, 10**9),
    "frontend.kwargs.n_mels": (0, DIGITS, 10**9, "128"),
    "frontend.kwargs.power": (NAN, -1.0),
    "frontend.kwargs.amin": (0.0, NAN),
    "frontend.kwargs.top_db": (NAN, INF),
    "frontend.kwargs.win_length": (0, DIGITS),
    "model.kwargs.dropout": (NAN, 2.0, -1.0, "0.5", True),
    "model.kwargs.epsilon": (NAN, 0.0, INF),
    "model.kwargs.momentum": (2.0, NAN),
    "model.kwargs.pools": (((0, 0),), ((DIGITS, 2),), ((NAN, 2),)),
    "model.kwargs.time_pad": (0, 10**9, DIGITS),
}


def build(config):
    """What a command does with a config before it reads any data, but for building steps."""
    validate(config)
    classifier, spec = create_classifier(config, 10)
    abstract_outputs(classifier, spec)


def with_value(field, value):
    config, (*groups, last) = base_config(), field.split(".")
    group = config
    for name in groups:
        group = group[name]
    with config.unlocked(), group.ignore_type():
        group[last] = value
    return config


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG.items() for value in values]
)
def test_a_number_that_cannot_be_is_one_sentence_that_names_the_field(field, value):
    with pytest.raises(UserError) as caught:
        build(with_value(field, value))
    assert field.rpartition(".")[2] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_number_has_a_range():
    ranged = {field for _, _, fields in RANGES for field in fields}

    def numbers(config, prefix=""):
        for name, value in config.items():
            if isinstance(value, ConfigDict):
                yield from numbers(value, f"{prefix}{name}.")
            elif type(value) in (int, float):
                yield prefix + name

    assert ranged == set(numbers(base_config())) - {"version"}


def test_rates_are_those_of_files_that_are_read():
    """A config imports nothing of sound, so it names them again."""
    limits = Limits()
    assert (limits.min_rate, limits.max_rate) == (LOWEST_RATE, HIGHEST_RATE)


def test_all_shipped_configs_are_in_range():
    for spec in list_configs():
        validate(read_config(spec))


def test_the_largest_frame_norm_is_infinite_and_may_be_said():
    config = base_config()
    config.frontend = {"name": "chroma_stft", "kwargs": {"norm": INF}}
    validate(config)


@pytest.mark.parametrize(
    ("model", "kwargs", "named"),
    [
        ("ast", {"layers": 10**9}, "layers"),
        ("ast", {"hidden": 2**20, "layers": 12}, "parameters"),
        ("bbnn", {"blocks": 10**6}, "blocks"),
        ("ltc", {"unfolds": 10**6}, "unfolds"),
    ],
)
def test_a_network_that_no_machine_holds_is_refused_before_it_is_built(model, kwargs, named):
    config = base_config()
    config.model = {"name": model, "kwargs": kwargs}
    with pytest.raises(UserError, match=named):
        build(config)


def test_a_batch_of_features_that_no_machine_holds_is_refused():
    config = base_config()
    config.frontend = {"name": "tempogram", "kwargs": {"win_length": 2**20}}
    with user_error("classifier.too_large", "tempogram", "config.frontend.kwargs"):
        build(config)


@pytest.mark.parametrize(
    "override",
    [
        "batch_size=True", "batch_size=1.5", "optimizer.learning_rate=abc", "optimizer.eps=-1",
        "schedule.final_fraction=nan", "clip_samples=999999999", "num_epochs=1e999",
        "frontend.kwargs.n_mels=100000000000000000000", "frontend.kwargs.top_db=3",
    ],
)  # fmt: skip
def test_an_override_that_cannot_be_ends_the_command(override, capsys):
    code = cli.main(["train", "--config=demo", f"--config.{override}", "--workdir=never"])
    told = capsys.readouterr().err
    assert code in (1, 2)
    assert override.partition("=")[0].rpartition(".")[2] in told
    assert told.count("\n") == 1
