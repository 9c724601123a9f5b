"""Weights of EfficientAT's MobileNetV3: any width, any classes, with and without gates."""

import importlib.util
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.audio.frontends.recipes import EFFICIENTAT
from mgr_jax.interop.import_weights import import_weights
from mgr_jax.interop.read import read_tensors
from mgr_jax.interop.source import Tensors
from mgr_jax.interop.sources.efficientat import SOURCES
from mgr_jax.model_folder import read_model
from mgr_jax.models.efficientat import block_channels
from mgr_jax.training.checkpoint import load_variables

HERE = Path(__file__).parent
with np.load(HERE / "goldens" / "efficientat.npz") as file:
    GOLDENS = dict(file)  # by references/reference_efficientat.py
SEED, LOUDNESS, SAMPLES = 19, 0.05, 20_011
MODELS = {  # as the golden's cases are to be told
    "mn01": ("c", False, "mlp"),
    "ungated": ("none", False, "mlp"),
    "reduced": ("cf", True, "mlp"),
    "convolutional": ("f", False, "fully_convolutional"),
}


def random_tensors(case):
    path = HERE / "references" / "random_weights.py"
    spec = importlib.util.spec_from_file_location("random_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shapes = json.loads(str(GOLDENS[f"{case}/shapes"]))
    return module.random_state_dict(shapes, SEED)


def run(folder):
    """From waveforms [batch, samples] to logits and embeddings, of the model in a folder."""
    classifier, _ = read_model(folder)
    variables = load_variables(folder)
    return jax.jit(lambda y, lengths=None: classifier.apply(variables, y, None, lengths))


@pytest.mark.parametrize("case", MODELS)
def test_random_weights_give_what_the_reference_gives(case, tmp_path):
    np.savez(tmp_path / "weights.npz", **random_tensors(case))
    made = import_weights("efficientat", tmp_path / "weights.npz", tmp_path / "model")
    _, description = read_model(tmp_path / "model")
    told = description.model["kwargs"]
    assert (told["se"], told["reduced_tail"], told["head"]) == MODELS[case]
    assert description.spec.task == "multi_label"
    classes = GOLDENS[f"{case}/logits"].shape[1]
    assert made.classes[-1] == f"output {classes - 1}"
    noise = np.random.default_rng(SEED).standard_normal((2, SAMPLES)).astype(np.float32)
    logits, outputs = run(tmp_path / "model")(LOUDNESS * noise)
    for name, array in (("logits", logits), ("embedding", outputs["embedding"])):
        golden = GOLDENS[f"{case}/{name}"]
        np.testing.assert_allclose(array, golden, rtol=0, atol=1e-4 * max(1, np.abs(golden).max()))


def test_the_released_weights_give_the_published_outputs(shared_dir, tmp_path):
    weights = shared_dir / "weights/efficientat_mn04_as_mAP_432.pt"
    made = import_weights("efficientat", weights, tmp_path / "mn04")
    assert made.parameters == 983_599
    assert len(made.classes) == 527
    assert made.classes[137] == "Music"
    assert all(name.endswith("num_batches_tracked") for name in made.ignored)
    with np.load(shared_dir / "parity/efficientat_mn04.npz") as file:
        parity = dict(file)
    audio = parity["audio"] / np.float32(32768)
    # Shorter clips, filled up with noise, answer as if alone.
    lengths = np.array([320_000, 320_000, 320_000, 96_000, 32_037])
    noise = np.random.default_rng(0).uniform(-1, 1, (5, 320_000)).astype(np.float32)
    clips = np.where(np.arange(320_000) < lengths[:, None], audio[[0, 1, 2, 0, 0]], noise)
    logits, outputs = run(tmp_path / "mn04")(clips, jnp.array(lengths))
    for name, array in (("logits", logits), ("embedding", outputs["embedding"])):
        published = [*parity[name], parity[f"short_{name}"], parity[f"odd_{name}"]]
        for row, expected in enumerate(published):
            np.testing.assert_allclose(array[row], np.squeeze(expected), rtol=0, atol=1e-4)
    np.testing.assert_allclose(outputs["hidden"][0], parity["hidden0"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("reduced_tail", [False, True])
def test_the_width_is_told_whatever_it_is(reduced_tail):
    """Channels of the blocks say it, in files of any width."""
    for width in (0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.75, 0.8, 1.0, 1.1, 1.25, 2.0, 3.0, 4.0):
        channels = block_channels(width, reduced_tail=reduced_tail)
        hidden = 8 * max(1, round((640 if reduced_tail else 1280) * width / 8))
        shapes = {"classifier.5.weight": (7, hidden), "classifier.2.weight": (hidden, 9)}
        for number, block in enumerate(channels, start=1):
            shapes[f"features.{number}.block.2.0.weight"] = (
                block.outputs,
                block.expanded,
                1,
                1,
            )
        told = SOURCES[0].convert(
            Tensors(
                {name: np.broadcast_to(0.0, shape) for name, shape in shapes.items()}, "some.pt"
            ),
            "tags",
        )
        assert (
            block_channels(
                told.model["kwargs"]["width"], reduced_tail=told.model["kwargs"]["reduced_tail"]
            )
            == channels
        )
        assert told.num_classes == 7
        assert told.labels == ""


def test_what_arrays_do_not_tell_is_a_reading():
    tensors = Tensors(random_tensors("mn01"), "mn01.pt")
    convert, readings = SOURCES[0].convert, SOURCES[0].readings
    assert next(iter(readings)) == "tags"
    frames_and_bins = {"hop_5": (2000, 128), "hop_25": (400, 128), "mels_64": (1000, 64)}
    for reading in readings:
        told = convert(tensors, reading)
        frontend = create_frontend(
            told.frontend["name"], sample_rate=told.sample_rate, **told.frontend["kwargs"]
        )
        expected = frames_and_bins.get(reading)
        if expected:
            assert (frontend.num_frames(told.clip_samples), frontend.num_bins) == expected
        assert (told.task == "single_label") == (reading == "classes")
    assert convert(tensors, "s2211").model["kwargs"]["strides"] == (2, 2, 1, 1)
    # The same settings as those of the preset.
    same = create_frontend("log_mel", sample_rate=32_000, **EFFICIENTAT)
    assert same.bands == create_frontend("efficientat").bands


def test_another_network_is_refused(tmp_path):
    arrays = random_tensors("mn01")
    del arrays["features.9.block.1.0.weight"]
    np.savez(tmp_path / "a.npz", **arrays | {"teacher.weight": np.zeros(3)})
    with user_error("weights.other_arrays", "features.9.block.1.0.weight", "teacher.weight"):
        import_weights("efficientat", tmp_path / "a.npz", tmp_path / "model")
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    with user_error("weights.other_source", "classifier.5.weight"):
        import_weights("efficientat", tmp_path / "b.npz", tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert read_tensors(tmp_path / "b.npz").keys() == {"x"}
