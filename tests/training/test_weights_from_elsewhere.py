"""A run that begins with weights from elsewhere tells what these may have heard."""

import dataclasses
import shutil

import numpy as np
import pytest
from errors import user_error
from fixed_weights import fixed_variables

import mgr_jax
from mgr_jax.classifier import abstract_variables, create_classifier
from mgr_jax.data.init_from import inherited_overlaps
from mgr_jax.data.trained_on import trained_on
from mgr_jax.evaluation import Protocol
from mgr_jax.model_folder import ModelDescription, read_description
from mgr_jax.runs.evaluate import evaluate
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.train import train
from mgr_jax.training.weights import save_variables

HEARD = "all of Magnatune"
IMPORT = {"import": {"source": "some", "file": "a.pth"}, "trained_on": HEARD}
GENRES = ("beat", "hiss", "hum")


def write_model(folder, config, classes, provenance=IMPORT, **changes):
    """A model folder as an import makes it: model.json and weights, and no run."""
    classifier, spec = create_classifier(config, len(classes))
    folder.mkdir()
    save_variables(folder, fixed_variables(abstract_variables(classifier, spec)))
    ModelDescription(
        frontend=config.frontend.to_dict(),
        model=config.model.to_dict(),
        input_norm=config.input_norm,
        compute_dtype=config.compute_dtype,
        spec=dataclasses.replace(spec, **changes),
        classes=classes,
        trained_to_classify=bool(classes),
        provenance=provenance,
    ).save(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("classes", [("fado", "enka"), GENRES, ()])
def test_training_goes_on_from_them_and_tells_what_they_may_have_heard(
    tiny_config, tmp_path, classes
):
    model = write_model(tmp_path / "model", tiny_config, classes)
    tiny_config.init_from = str(model)
    tiny_config.update({"num_steps": 1, "eval_every": 1})
    tiny_config.optimizer.learning_rate = 1e-9
    train(tiny_config, tmp_path / "run", progress=False)
    before, after = (load_variables(folder)["params"] for folder in (model, tmp_path / "run"))
    first = before["model"]["block1"]["conv"]["kernel"]
    np.testing.assert_allclose(after["model"]["block1"]["conv"]["kernel"], first, atol=1e-5)
    result = evaluate(tmp_path / "run")
    assert result.protocol.overlaps == (HEARD,)
    assert not result.protocol.leaks
    assert HEARD in str(result)
    assert Protocol.from_dict(result.protocol.as_dict()) == result.protocol
    # So does a run that begins with this one.
    assert [one.untold for one in trained_on(tmp_path / "run")] == ["", HEARD]
    assert inherited_overlaps(tmp_path / "run") == (HEARD,)


def test_what_has_heard_no_music_overlaps_with_nothing(tiny_config, tmp_path):
    model = write_model(tmp_path / "model", tiny_config, ("cat", "dog"))
    assert [one.untold for one in trained_on(model)] == [HEARD]
    described = read_description(model)
    dataclasses.replace(described, trained_to_classify=False).save(model)
    assert trained_on(model) == ()
    nameless = {"import": {"source": "some", "file": "a.pth"}}
    dataclasses.replace(described, provenance=nameless).save(model)
    assert "a.pth" in trained_on(model)[0].untold


def test_a_folder_is_scored_by_them_with_a_warning(tiny_config, tmp_path, music_folder):
    model = write_model(tmp_path / "model", tiny_config, GENRES)
    shutil.copytree(music_folder / "hum", tmp_path / "mine" / "hum")
    with pytest.warns(UserWarning, match=HEARD):
        result = evaluate(model, folder=tmp_path / "mine", workers=0, progress=False)
    assert result.protocol.overlaps == (HEARD,)
    assert result.scores["tracks"] == 10
    mgr_jax.write_report(model, split="mine")
    page = model / "report" / "mine" / "report.md"
    assert HEARD in page.read_text(encoding="utf-8")


def test_commands_say_what_such_a_model_cannot(tiny_config, tmp_path, music_folder):
    tagger = write_model(tmp_path / "tagger", tiny_config, GENRES, task="multi_label")
    with user_error("task.needs_single_label", tagger, "mgr-jax teach"):
        evaluate(tagger, folder=music_folder, progress=False)
    with user_error("config.no_run", tagger):
        evaluate(tagger)
    with user_error("config.no_run", tagger):
        mgr_jax.calibrate(tagger)
    with user_error("config.no_run", tagger):
        mgr_jax.embed(tagger, splits=["test"], out=tmp_path / "e.npz")


def test_models_without_classes_embed_and_say_that_they_tell_none(
    tiny_config, tmp_path, music_folder
):
    model = write_model(tmp_path / "model", tiny_config, ())
    song = music_folder / "hum" / "0-0.wav"
    with user_error("model.no_classes", model, "embed"):
        mgr_jax.predict_files(model, [song])
    for ask in (
        lambda: mgr_jax.listen(model, song),
        lambda: evaluate(model, folder=music_folder),
        lambda: mgr_jax.calibrate(model),
        lambda: mgr_jax.draw_timeline(model, song),
    ):
        with user_error("model.no_classes", "embed"):
            ask()
    made = mgr_jax.embed(
        model, [music_folder / "hum"], out=tmp_path / "e.npz", workers=0, progress=False
    )
    assert not made.failures
    assert set(np.load(tmp_path / "e.npz")["label"]) == {""}
    found = mgr_jax.search(str(song), tmp_path / "e.npz", top=2)
    assert len(found.nearest) == 2
    embedding = mgr_jax.load(model).predict(song).embedding
    assert embedding.shape == np.load(tmp_path / "e.npz")["embedding"][0].shape
