"""Sources of weights by Choi et al., Liu et al. (BBNN), torchvision and yijerjer."""

import re

import numpy as np
import pytest
from errors import user_error
from imported import convert_arrays, golden_cases, import_network
from random_weights import random_state_dict

import mgr_jax
from mgr_jax.errors import UserError
from mgr_jax.interop.read import read_tensors
from mgr_jax.interop.sources import find_source
from mgr_jax.model_folder import read_description

SOURCES = (
    "bbnn", "choi_cnn", "choi_crnn", "torchvision_resnet18", "torchvision_resnet34",
    "yijerjer_bbnn", "yijerjer_cnn", "yijerjer_crnn", "yijerjer_crnn_parallel",
)  # fmt: skip
CASES = {f"{source}@{case}": source for source in SOURCES for case in golden_cases(source)}


def random_case(name: str):
    """Arrays, input, outputs and reading of a case."""
    source, case = name.split("@")
    shapes, inputs, outputs = golden_cases(source)[case]
    features = np.random.default_rng(0).standard_normal(inputs).astype(np.float32)
    reading = case if case in find_source(source).readings else ""
    return random_state_dict(shapes, 0), features, outputs, reading


@pytest.mark.parametrize("name", CASES)
def test_random_weights_give_what_a_reference_in_pytorch_gives(name):
    """Of various widths, classes, kinds of blocks and numbers of layers."""
    arrays, features, outputs, reading = random_case(name)
    network = import_network(CASES[name], arrays, reading)
    logits, intermediates = network.apply(features)
    got = logits if network.conversion.num_classes else intermediates["embedding"]
    assert got.shape == outputs.shape
    np.testing.assert_allclose(got, outputs, rtol=0, atol=1e-4 * max(1, np.abs(outputs).max()))


@pytest.mark.parametrize(
    ("name", "settings", "frontend", "clip", "classes"),
    [
        (
            "choi_crnn@plain",
            {"widths": (6, 8, 10, 12), "units": 5, "layers": 2, "time_pad": 1440},
            "choi2016", 349_440, 7,
        ),
        ("choi_crnn@standardised", {"units": 4, "time_pad": 840}, "log_mel", 765 * 256, 3),
        ("choi_crnn@bins", {"bin_norm": True, "input_norm": False}, "choi2016", 349_440, 9),
        ("choi_cnn@plain", {"widths": (3, 4, 5, 6, 7)}, "choi2016", 349_440, 4),
        ("bbnn@plain", {"width": 6, "blocks": 3, "transition": 6}, "bbnn", 661_794, 10),
        ("bbnn@other", {"width": 4, "blocks": 2, "transition": 5}, "bbnn", 661_794, 13),
        ("torchvision_resnet34@plain", {"blocks": (3, 4, 6, 3)}, "gtzan_mel3", 66_150, 0),
        ("yijerjer_cnn@freq_mel", {"dense_units": (5,)}, "fma_mel", 639 * 1024, 4),
        ("yijerjer_cnn@chroma", {"dense_units": (5, 4)}, "chroma_stft", 639 * 1024, 8),
        ("yijerjer_crnn@lstm", {"cell": "lstm", "directions": 2}, "fma_cqt", 639 * 1024, 7),
    ],
)  # fmt: skip
def test_settings_are_told_from_the_shapes(name, settings, frontend, clip, classes):
    arrays, _, _, reading = random_case(name)
    conversion = convert_arrays(CASES[name], arrays, reading)
    assert conversion.model["kwargs"].items() >= settings.items()
    assert (conversion.frontend["name"], conversion.clip_samples) == (frontend, clip)
    assert conversion.num_classes == classes


@pytest.mark.parametrize(
    "name", [f"{source}@{next(iter(golden_cases(source)))}" for source in SOURCES]
)
def test_arrays_that_are_missing_and_that_are_too_many_are_named_together(name):
    arrays, _, _, reading = random_case(name)
    conversion = convert_arrays(CASES[name], arrays, reading)
    needed = {array for leaf in conversion.leaves for array in leaf.names}
    lost = min(array for array in needed if array.endswith(("beta:0", "bias")))
    del arrays[lost]
    arrays["ema/shadow"] = np.zeros(3)
    told = lost.rsplit("/", 1)[-1].removesuffix(":0")  # as it would be called in another group
    with user_error("weights.other_arrays", "random.npz", told, "ema/shadow"):
        import_network(CASES[name], arrays, reading)


@pytest.mark.parametrize(
    ("name", "lost", "told"),
    [
        ("choi_crnn@plain", "conv3/", "3 convolutions (conv1, conv2, conv4)"),
        ("bbnn@plain", "model_weights/conv2d_5/", "19 convs"),
        ("bbnn@plain", "model_weights/dense_1/", "0 denses (none)"),
        ("yijerjer_cnn@cqt", "conv2.", "conv1"),
        ("torchvision_resnet18@plain", "conv1.weight", "conv1.weight"),
    ],
)
def test_a_whole_layer_that_is_missing_is_said(name, lost, told):
    arrays, *_ = random_case(name)
    kept = {n: array for n, array in arrays.items() if not n.startswith(lost)}
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        import_network(CASES[name], kept)
    assert caught.value.code in ("weights.other_source", "weights.other_arrays")


def test_an_empty_array_is_said():
    arrays, *_ = random_case("yijerjer_crnn@gru")
    arrays["rnn.weight_hh_l0"] = np.zeros((0, 0))
    with user_error("weights.other_source", "random.npz", "rnn.weight_hh_l0"):
        import_network("yijerjer_crnn", arrays)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("theano", [False, True])
def test_kernels_of_either_layout_and_program(theano, channels_last):
    """Theano names its arrays without ":0", and convolves where TensorFlow correlates."""
    arrays, features, outputs, _ = random_case("choi_cnn@plain")
    for name, array in list(arrays.items()):
        if array.ndim == 4 and theano:
            array = array[:, :, ::-1, ::-1]
        if array.ndim == 4 and channels_last:
            array = array.transpose(2, 3, 1, 0)
        del arrays[name]
        arrays[name.removesuffix(":0") if theano else name] = array
    logits, _ = import_network("choi_cnn", arrays).apply(features)
    np.testing.assert_allclose(logits, outputs, rtol=0, atol=1e-4)


def test_numbers_after_names_do_not_matter():
    """Keras 1 numbers arrays by session, as in the released files."""
    arrays, *_ = random_case("choi_crnn@plain")
    renamed = {re.sub(r":0$", "_12:0", name): array for name, array in arrays.items()}
    assert renamed.keys().isdisjoint(arrays)
    other, first = (convert_arrays("choi_crnn", each) for each in (renamed, arrays))
    assert other.model == first.model
    assert len({name for leaf in other.leaves for name in leaf.names}) == len(arrays)


@pytest.mark.parametrize(("layers", "classes", "first"), [(5, 0, 1), (3, 0, 6), (5, 8, 2)])
def test_compact_networks_of_other_sizes(layers, classes, first):
    """Upstream also keeps networks that are cut off, and code with an output layer."""
    widths, shapes, before = (3, 4, 5, 6, 7)[:layers], {}, 1
    for number, width in enumerate(widths, start=first):
        conv, norm = f"convolution2d_{number}", f"batchnormalization_{number + 3}"
        shapes[f"ConvBNEluDr/{conv}_W:0"], shapes[f"ConvBNEluDr/{conv}_b:0"] = (
            (width, before, 3, 3),
            (width,),
        )
        before = width
        for array in ("gamma", "beta", "running_mean", "running_std"):
            shapes[f"ConvBNEluDr/{norm}_{array}:0"] = (width,)
    if classes:
        shapes |= {"dense_1/dense_1_W:0": (7, classes), "dense_1/dense_1_b:0": (classes,)}
    shapes["melgram/Variable_5:0"] = (257, 100)
    network = import_network("compact_cnn", random_state_dict(shapes, 0))
    assert network.conversion.model["kwargs"]["width"] == widths
    assert network.conversion.frontend["kwargs"]["n_mels"] == 100
    assert len(network.ignored) == 2 * layers + 1
    features = np.random.default_rng(0).standard_normal((1, 1360, 100)).astype(np.float32)
    logits, intermediates = network.apply(features)
    assert logits.shape == (1, classes)
    assert intermediates["embedding"].shape == (1, 7 if classes else sum(widths))


def test_bbnn_of_keras_3():
    """Its files number the arrays of a layer, and hold the optimizer's beside them."""
    order = ("gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias")
    arrays, features, outputs, _ = random_case("bbnn@other")
    renamed = {"optimizer/vars/0": np.zeros(())}
    for name, array in arrays.items():
        layer, _, kind = name.removesuffix(":0").split("/")
        renamed[f"layers/{layer}/vars/{order.index(kind) % 4}"] = array
    network = import_network("bbnn", renamed)
    assert network.ignored == ["optimizer/vars/0"]
    logits, _ = network.apply(features)
    np.testing.assert_allclose(logits, outputs, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("colours", "classes", "genres"), [(3, 1000, False), (3, 10, True), (1, 4, True)]
)
def test_imagenets_outputs_are_no_genres(colours, classes, genres):
    arrays, *_ = random_case("torchvision_resnet18@summed")
    arrays["conv1.weight"] = arrays["conv1.weight"][:, :colours]
    arrays["fc.weight"], arrays["fc.bias"] = np.zeros((classes, 24)), np.zeros(classes)
    assert convert_arrays("torchvision_resnet18", arrays).genres is genres


def test_a_folder_of_random_weights_predicts(tmp_path):
    arrays, *_ = random_case("torchvision_resnet18@plain")
    np.savez(tmp_path / "weights.npz", **arrays)
    labels = [f"genre {number}" for number in range(10)]
    mgr_jax.import_weights(
        "torchvision_resnet18", tmp_path / "weights.npz", tmp_path / "model", labels=labels
    )
    song = np.random.default_rng(0).uniform(-0.5, 0.5, 4 * 22_050).astype(np.float32)
    found = mgr_jax.load(tmp_path / "model").predict(song, 22_050)
    assert found.classes == tuple(labels)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_released_crnn_gives_the_published_tags(shared_dir):
    published = np.load(shared_dir / "parity/choi_crnn_bensound.npz")
    network = import_network("choi_crnn", read_tensors(shared_dir / "weights/choi_crnn_msd.h5"))
    assert not network.ignored
    logits, _ = network.apply(published["melgram"][:, 0].swapaxes(1, 2))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), published["prob"], rtol=0, atol=1e-5)


def test_released_weights_are_imported_with_their_front_ends(shared_dir, tmp_path):
    """Audio in, tags out: of a reading that standardises, and of features alone."""
    made = mgr_jax.import_weights(
        "choi_cnn",
        shared_dir / "weights/choi_cnn_msd.h5",
        tmp_path / "cnn",
        labels="msd50",
        reading="standardised",
    )
    assert (made.parameters, len(made.classes)) == (865_950, 50)
    assert "Read as standardised" in str(made)
    told = read_description(made.path)
    assert told.provenance["import"]["reading"] == "standardised"
    songs = sorted((shared_dir / "data/gtzan_audio_dev/jazz").glob("*"))[:1]
    assert mgr_jax.load(made.path).predict(songs[0]).label == "jazz"
    made = mgr_jax.import_weights(
        "compact_cnn", shared_dir / "weights/compact_cnn_msd.hdf5", tmp_path / "compact"
    )
    assert (made.parameters, made.classes) == (37_632, ())
    assert "melgram/Variable:0" in made.ignored
