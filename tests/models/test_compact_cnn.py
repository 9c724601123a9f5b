"""The compact network of Choi et al. 2017, and the weights they released without its head."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
import soxr
from errors import user_error
from imported import import_network
from scipy import signal

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.interop.read import read_tensors
from mgr_jax.models import create_model

POOLS = ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))


def released_params(path) -> dict:
    """The layers of the HDF5 file as parameters of `CompactCNN`."""
    arrays = read_tensors(path)
    for name, array in arrays.items():
        # Never updated: the network was trained, and is used, with the batch's own statistics.
        assert not name.endswith("running_mean:0") or not array.any()
        assert not name.endswith("running_std:0") or (array == 1).all()
    return import_network("compact_cnn", arrays).variables["params"]


@pytest.fixture(scope="module")
def embed():
    """Parameters, features [clips, frames, bins] → the paper's feature [clips, 160]."""
    model = create_model("compact_cnn", num_classes=0, readout="means", normalise_over="segment")
    embed = jax.jit(lambda params, x: model.apply({"params": params}, x, train=False)[1])
    # Clip by clip, as the authors did.
    return lambda params, clips: np.concatenate(
        [embed(params, clip[None])["embedding"] for clip in clips]
    )


@pytest.fixture(scope="module")
def tracks(shared_dir):
    """Genres and features [tracks, 1360, 96] of real music, from the preset."""
    preset = create_frontend("compact_cnn")
    extract = jax.jit(lambda clip: preset.apply({}, clip[None])[0])
    genres, features = [], []
    for path in sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac")):
        y, rate = soundfile.read(path, dtype="float32")
        y = soxr.resample(y, rate, 12_000)[:348_000]
        features.append(extract(np.pad(y, (0, 348_000 - len(y)))))
        genres.append(path.parent.name)
    return np.array(genres), np.array(features)


def test_released_layers_are_those_of_scipy(shared_dir, tracks, embed):
    params = released_params(shared_dir / "weights/compact_cnn_msd.hdf5")
    x = tracks[1][:1]
    means = []
    image = x[0, :, :, None].astype(np.float64)
    for i, pool in enumerate(POOLS, start=1):
        conv, norm = params[f"block{i}"]["conv"], params[f"block{i}"]["norm"]
        image = np.stack(
            [
                sum(
                    signal.correlate2d(image[..., c], conv["kernel"][..., c, out], mode="same")
                    for c in range(image.shape[-1])
                )
                for out in range(32)
            ],
            axis=-1,
        )
        image = image + conv["bias"]
        image = (image - image.mean((0, 1))) / np.sqrt(image.var((0, 1)) + 1e-3)
        image = image * norm["scale"] + norm["bias"]
        image = np.where(image > 0, image, np.expm1(np.minimum(image, 0)))
        frames, bins = (size // step for size, step in zip(image.shape, pool, strict=False))
        image = image[: frames * pool[0], : bins * pool[1]]
        image = image.reshape(frames, pool[0], bins, pool[1], 32).max((1, 3))
        means.append(image.mean((0, 1)))
    np.testing.assert_allclose(embed(params, x)[0], np.concatenate(means), rtol=0, atol=1e-3)


def nearest_neighbour_accuracy(features, labels):
    """Share of tracks whose nearest other track, by standardised features, has the same label."""
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    distances = np.linalg.norm(features[:, None] - features, axis=-1)
    np.fill_diagonal(distances, np.inf)
    return (labels[distances.argmin(axis=1)] == labels).mean()


def test_released_weights_know_genres_the_right_way_round(shared_dir, tracks, embed):
    """No outputs are published; but the feature tells genres apart, mirrored kernels less so."""
    genres, features = tracks
    params = released_params(shared_dir / "weights/compact_cnn_msd.hdf5")

    def mirror(path, leaf):
        return leaf[::-1, ::-1] if leaf.ndim == 4 else leaf

    accuracy = nearest_neighbour_accuracy(embed(params, features), genres)
    mirrored = jax.tree_util.tree_map_with_path(mirror, params)
    assert accuracy > 0.55  # of ten genres
    assert accuracy > nearest_neighbour_accuracy(embed(mirrored, features), genres) + 0.05


@pytest.mark.parametrize(
    ("fields", "shape", "dim"),
    [
        ({}, (1360, 96), 32),
        ({}, (2600, 200), 2 * 2 * 32),
        ({"readout": "means"}, (2600, 200), 160),
        ({"readout": "means", "width": 8, "pools": ((2, 2), (2, 2))}, (9, 9), 16),
        ({"readout": "means", "width": (3, 5), "pools": ((2, 2), (2, 2))}, (9, 9), 8),
    ],
)
def test_embedding(fields, shape, dim):
    model = create_model("compact_cnn", num_classes=3, **fields)
    (_, intermediates), _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((2, *shape)), train=False)
    )
    assert intermediates["embedding"].shape == (2, dim)


def test_segments_are_normalised_apart():
    """In training too, a clip's logits do not depend on its neighbours."""
    fields = {"width": 4, "pools": ((2, 2), (2, 2)), "normalise_over": "segment"}
    model = create_model("compact_cnn", num_classes=3, **fields)
    x = np.random.default_rng(0).standard_normal((3, 16, 16)).astype(np.float32)
    variables = model.init(jax.random.key(0), x, train=False)
    assert set(variables) == {"params"}
    alone = model.apply(variables, x[:1], train=True)[0]
    np.testing.assert_allclose(model.apply(variables, x, train=True)[0][:1], alone, atol=1e-5)


def test_clips_and_fields_that_do_not_fit_are_rejected():
    model = create_model("compact_cnn", num_classes=3)
    with user_error("model.clip_too_small", "compact_cnn", "1280 frames"):
        model.init(jax.random.key(0), jnp.zeros((1, 1279, 96)), train=False)
    with user_error("unknown_name", "normalise_over", "clip"):
        create_model("compact_cnn", num_classes=3, normalise_over="clip")
