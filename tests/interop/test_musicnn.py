"""musicnn and its VGG through the importer: published outputs, and networks of other widths."""

import jax
import numpy as np
import pytest
import weight_files
from errors import user_error
from reference_musicnn import (
    imported_logits,
    musicnn_logits,
    random_musicnn,
    random_vgg,
    vgg_logits,
)

from mgr_jax.interop.import_weights import import_weights
from mgr_jax.interop.labels import read_labels
from mgr_jax.prediction.predictor import load


def make_patches(frames=187):
    """As the front end scales energies."""
    rng = np.random.default_rng(1)
    return np.log10(1 + 10_000 * rng.exponential(0.01, (1, frames, 96))).astype(np.float32)


def test_released_weights_give_the_published_tags(shared_dir, tmp_path):
    published = np.load(shared_dir / "parity/musicnn_joram.npz")
    folder = tmp_path / "musicnn"
    weights = shared_dir / "weights/musicnn_mtt.npz"
    imported = import_weights("musicnn", weights, folder, labels="mtat50_musicnn")
    assert list(imported.classes) == published["tags"].tolist()
    assert imported.parameters == 787_159
    assert len(imported.ignored) == 86  # slots of Adam and its powers

    logits = imported_logits(folder, published["logmel_patches"])
    np.testing.assert_allclose(jax.nn.sigmoid(logits), published["output"], rtol=0, atol=5e-6)

    waveform = np.load(shared_dir / "parity/won2020_joram.npz")["waveform_16k"][0]
    patch = 187 * 256  # samples from one to the next
    timeline = {"hop": patch / 2 / 16_000}  # every other window is one of theirs
    found = load(folder).predict(waveform[: 3 * patch], 16_000, timeline=timeline)
    found = found.probabilities[:4:2]  # the third ends where the waveform was cut
    np.testing.assert_allclose(found, published["output"][:2], rtol=0, atol=1e-4)


def test_networks_of_other_widths(tmp_path):
    arrays = random_musicnn(
        np.random.default_rng(0),
        timbre=5,
        heights=(20, 50, 96),
        tempo=3,
        lengths=(65, 16),
        midend=4,
        units=6,
        classes=7,
    )
    weights = weight_files.write_npz(tmp_path / "net.npz", arrays)
    import_weights("musicnn", weights, tmp_path / "model")
    patches = make_patches()
    found = imported_logits(tmp_path / "model", patches)
    np.testing.assert_allclose(found, musicnn_logits(arrays, patches), rtol=0, atol=1e-4)


def test_vgg_of_another_width(tmp_path):
    arrays = random_vgg(np.random.default_rng(0), width=8, classes=3)
    (tmp_path / "MTT_vgg").mkdir()
    weight_files.write_checkpoint(f"{tmp_path}/MTT_vgg/", arrays)
    (tmp_path / "configuration.py").write_text("MTT_LABELS = ['a', 'b', 'c']\n")
    imported = import_weights("musicnn_vgg", tmp_path / "MTT_vgg", tmp_path / "model")
    assert imported.classes == ("a", "b", "c")
    patches = make_patches()
    found = imported_logits(tmp_path / "model", patches)
    np.testing.assert_allclose(found, vgg_logits(arrays, patches), rtol=0, atol=1e-4)


def test_vgg_of_longer_clips(tmp_path):
    arrays = random_vgg(np.random.default_rng(0), width=2, classes=3, steps=3)
    weights = weight_files.write_npz(tmp_path / "net.npz", arrays)
    import_weights("musicnn_vgg", weights, tmp_path / "model")
    clip_samples = load(tmp_path / "model").spec.clip_samples
    patches = make_patches(frames=clip_samples // 256 + 1)
    assert patches.shape[1] == 194
    found = imported_logits(tmp_path / "model", patches)
    np.testing.assert_allclose(found, vgg_logits(arrays, patches), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("source", "make"), [("musicnn", random_musicnn), ("musicnn_vgg", random_vgg)]
)
def test_arrays_that_are_missing_or_left_over_are_listed(source, make, tmp_path):
    arrays = make(np.random.default_rng(0))
    del arrays["batch_normalization_2/gamma"], arrays["dense/bias"]
    arrays |= {"attention/kernel": np.ones(3), "other": np.ones(1)}
    weights = weight_files.write_npz(tmp_path / "net.npz", arrays)
    lost = ("lacks batch_normalization_2/gamma, dense/bias", "attention/kernel, other")
    with user_error("weights.other_arrays", weights.name, *lost):
        import_weights(source, weights, tmp_path / "model")


@pytest.mark.parametrize(
    ("source", "make"), [("musicnn", random_vgg), ("musicnn_vgg", random_musicnn)]
)
def test_one_is_not_the_other(source, make, tmp_path):
    weights = weight_files.write_npz(tmp_path / "net.npz", make(np.random.default_rng(0)))
    with user_error("weights.other_source", weights.name):
        import_weights(source, weights, tmp_path / "model")


def test_layers_side_by_side_have_one_width(tmp_path):
    arrays = random_musicnn(np.random.default_rng(0))
    arrays["conv2d_3/kernel"] = np.zeros((64, 1, 1, 9), np.float32)
    weights = weight_files.write_npz(tmp_path / "net.npz", arrays)
    with user_error("weights.other_source", "conv2d_3/kernel 9"):
        import_weights("musicnn", weights, tmp_path / "model")


def test_other_shapes_are_listed(tmp_path):
    arrays = random_vgg(np.random.default_rng(0))
    arrays["3CNN/bias"] = np.zeros(5, np.float32)
    weights = weight_files.write_npz(tmp_path / "net.npz", arrays)
    with user_error("weights.other_shapes", "3CNN/bias of (5,)", "(8,)"):
        import_weights("musicnn_vgg", weights, tmp_path / "model")


def test_both_data_sets_have_their_tags():
    assert len(set(read_labels("mtat50_musicnn", 50))) == 50
    assert read_labels("msd50_musicnn", 50) == read_labels("msd50", 50)
