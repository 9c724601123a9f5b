"""Augmentation inside the train step: keyed on examples, the same however they are spread."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from flax import linen as nn

from mgr_jax.audio.augment import example_keys, make_augment
from mgr_jax.audio.frontends import create_frontend
from mgr_jax.classifier import GenreClassifier
from mgr_jax.training.optim import cross_entropy, make_optimizer
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import _augmented, create_state, make_train_step
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train

BATCH, SAMPLES = 8, 400


class Powers(nn.Module):
    """A front end: mean powers of 40 stretches of 10 samples."""

    @nn.compact
    def __call__(self, waveform, aux=None):
        del aux
        return jnp.square(waveform).reshape(len(waveform), 40, 10).mean(axis=2)[..., None]


class Linear(nn.Module):
    @nn.compact
    def __call__(self, features, *, train):
        del train
        return nn.Dense(3)(features[..., 0]), {}


def losses(config, specs, partition, index, accumulate=1):
    """Losses of a few updates, with the batch's rows in the order of `index`."""
    classifier = GenreClassifier(Powers(), Linear(), "none", partition.axis_name)
    rng = np.random.default_rng(0)
    waveforms = rng.normal(0, 0.1, (BATCH, SAMPLES)).astype(np.float32)
    targets = rng.integers(0, 3, BATCH).astype(np.int32)
    optimizer = make_optimizer(config)
    state = create_state(classifier.init(jax.random.key(0), waveforms), optimizer)
    update = partition.compile_update(
        make_train_step(
            classifier,
            optimizer,
            cross_entropy,
            lambda _, batch: batch["inputs"],
            seed=0,
            accumulate=accumulate,
            augment=make_augment(specs, sample_rate=8000) if specs else None,
        )
    )
    state = partition.replicate(jax.device_get(state))
    found = []
    for step in range(3):
        batch = {
            "inputs": waveforms[index, None],
            "targets": targets[index, None],
            "index": (index[:, None] + BATCH * step).astype(np.uint32),
        }
        state, metrics = update(state, {}, partition.shard(batch))
        found.append(float(np.mean(jax.device_get(metrics["loss"]))))
    return np.array(found)


WAVEFORM = ({"name": "gain", "min_db": -20.0, "max_db": 20.0}, {"name": "noise", "p": 0.5})
FEATURES = ({"name": "time_mask", "max_frames": 20},)


@pytest.mark.parametrize("specs", [WAVEFORM, FEATURES], ids=["waveform", "features"])
def test_an_example_is_changed_alike_on_any_device_and_in_any_row(tiny_config, specs):
    order = np.arange(BATCH)
    expected = losses(tiny_config, specs, make_partition("jit", BATCH), order)
    plain = losses(tiny_config, (), make_partition("jit", BATCH), order)
    assert np.abs(expected - plain).min() > 1e-6
    for partition, index in (("pmap", order), ("jit", order[::-1]), ("pmap", np.roll(order, 3))):
        found = losses(tiny_config, specs, make_partition(partition, BATCH), index)
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=partition)


def test_parts_of_a_batch_are_changed_alike(tiny_config):
    order = np.arange(BATCH)
    whole = losses(tiny_config, WAVEFORM + FEATURES, make_partition("jit", BATCH), order)
    parts = losses(tiny_config, WAVEFORM + FEATURES, make_partition("jit", BATCH, 2), order, 2)
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_examples_are_taught_both_targets(tiny_config, name):
    """The loss of a linear network before any update can be computed by hand."""
    specs = ({"name": name, "alpha": 1.0},)
    classifier = GenreClassifier(Powers(), Linear(), "none")
    waveforms = jnp.asarray(np.random.default_rng(0).normal(0, 0.1, (BATCH, SAMPLES)), jnp.float32)
    variables = classifier.init(jax.random.key(0), waveforms)
    augment = make_augment(specs, sample_rate=8000)
    mixed, _, share = augment.inputs(example_keys(0, np.arange(BATCH)), waveforms)
    targets = np.random.default_rng(5).integers(0, 3, BATCH)
    logits, _ = classifier.apply(variables, mixed)
    by_hand = -np.mean(
        [
            share[i] * jax.nn.log_softmax(logits[i])[targets[i]]
            + (1 - share[i]) * jax.nn.log_softmax(logits[i])[targets[i ^ 1]]
            for i in range(BATCH)
        ]
    )
    step = make_train_step(
        classifier,
        make_optimizer(tiny_config),
        cross_entropy,
        lambda _, batch: batch["inputs"],
        seed=0,
        augment=augment,
    )
    state = create_state(variables, make_optimizer(tiny_config))
    batch = {
        "inputs": waveforms[:, None],
        "targets": targets[:, None],
        "index": np.arange(BATCH, dtype=np.uint32)[:, None],
    }
    _, metrics = jax.jit(step)(state, {}, batch)
    np.testing.assert_allclose(metrics["loss"], by_hand, rtol=1e-5)


def test_short_clips_of_a_run_are_augmented_alike_by_both_loaders(tiny_config, tmp_path):
    tiny_config.model.name = "cnn1d"
    tiny_config.model.kwargs = {"widths": (4,), "conv_dropout": 0.0}
    tiny_config.update({"num_steps": 6, "eval_every": 6, "log_every": 1})
    tiny_config.clip_samples = 30_000  # tracks have 24,000
    tiny_config.augment = ({"name": "gain", "p": 0.5}, {"name": "mixup"}, {"name": "time_mask"})
    curves = {}
    for loader, steps in (("streaming", 1), ("resident", 3)):
        tiny_config.update({"loader": loader, "steps_per_dispatch": steps})
        with pytest.warns(UserWarning, match="18 of 18 train tracks .* end where their tracks do"):
            train(tiny_config, tmp_path / loader, progress=False)
        rows = read_metrics(tmp_path / loader / "metrics.jsonl")
        curves[loader] = [row["train/loss"] for row in rows if "train/loss" in row]
    assert len(curves["resident"]) == 6
    np.testing.assert_allclose(curves["resident"], curves["streaming"], atol=1e-4)


def test_clips_that_come_with_their_context_keep_all_of_their_sound():
    """A gain of 0 dB changes nothing, of full clips and of filled ones."""
    frontend = create_frontend("log_mel", n_fft=64, hop_length=32, n_mels=4, whole_track=True)
    classifier = GenreClassifier(frontend, Linear(), "none")
    context, clip = frontend.crop.context, 320
    assert context == 32
    inputs = np.random.default_rng(0).normal(0, 0.1, (2, clip + 2 * context)).astype(np.float32)
    inputs[1, context + 96 :] = 0
    batch = {
        "index": np.arange(2),
        "targets": np.zeros(2, np.int32),
        "lengths": np.array([clip, 96], np.int32),
    }
    augment = make_augment(({"name": "gain", "min_db": 0.0, "max_db": 0.0},), sample_rate=22_050)
    examples = _augmented(augment, 0, inputs, batch, classifier)
    np.testing.assert_allclose(examples["inputs"], inputs, atol=1e-7)
    np.testing.assert_array_equal(examples["lengths"], batch["lengths"])


def test_examples_that_cannot_be_mixed_are_refused(tiny_config, tmp_path):
    tiny_config.augment = ({"name": "mixup"},)
    for size, partition, named in ((12, "pmap", ("has 3 on each of 4", "multiple of 8")),):
        tiny_config.update({"batch_size": size, "partition": partition})
        with user_error("augment.odd_batch", f"a batch of {size}", *named):
            train(tiny_config, tmp_path / "run", progress=False)
    whole = {"whole_track": True, "ref": "max", "normalise_over": "track"}
    tiny_config.frontend.kwargs.update(whole)
    with user_error("augment.track_statistics", "config.frontend", "mixup"):
        train(tiny_config, tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("augment", "code", "named"),
    [
        (({"name": "gian"},), "unknown_name", ("'gian'", "gain")),
        (({"name": "gain", "p": 2.0},), "augment.out_of_range", ("augment[0] (gain)", "p=2.0")),
        (({"p": 0.5},), "augment.not_a_dict", ("augment[0]",)),
        (({"name": "mixup"}, {"name": "cutmix"}), "augment.two_mix", ("mixup", "cutmix")),
    ],
)
def test_what_cannot_be_composed_is_refused_before_anything_is_read(
    tiny_config, tmp_path, augment, code, named
):
    tiny_config.augment = augment
    tiny_config.data_dir = str(tmp_path / "nowhere")
    with user_error(code, *named):
        train(tiny_config, tmp_path / "run", progress=False)
