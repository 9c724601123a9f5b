"""What classifies a split gives every segment what it would get without the rows that fill up."""

import jax
import numpy as np
import pytest

from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.data.pipeline import make_loader, open_split
from mgr_jax.training.inference import SplitPredictor
from mgr_jax.training.partition import make_partition

CLASSES = 3


@pytest.mark.parametrize("partition", ["pmap", "jit"])
@pytest.mark.parametrize("options", [{}, {"standardise": "bins"}, {"standardise": "all"}], ids=str)
def test_rows_that_fill_up_a_batch_change_nothing(tiny_config, partition, options):
    config = tiny_config
    config.model.name, config.model.kwargs = "mlp", {"units": (4,)}
    config.frontend.kwargs.update({"ref": "max", "normalise_over": "batch"} | options)
    config.batch_size = 20
    part = make_partition(partition, config.batch_size)
    classifier, spec = create_classifier(config, CLASSES, axis_name=part.axis_name)
    variables = jax.device_get(init_variables(classifier, spec, 0))
    loader = make_loader(config, open_split(config, "validation"), classifier.frontend)
    table = SplitPredictor(classifier, spec, loader, part)(part.replicate(variables))
    # The last batch: 4 of 24 segments, so that all rows of some devices fill up.
    *_, last = loader.eval_batches()
    assert last["mask"].sum() == 4
    alone, _ = create_classifier(config, CLASSES)
    logits, _ = jax.jit(alone.apply)(variables, last["inputs"][:4])
    np.testing.assert_allclose(table.probabilities[-4:], jax.nn.softmax(logits), atol=1e-5)


@pytest.mark.parametrize("partition", ["pmap", "jit"])
def test_a_batch_is_made_and_begun_before_the_last_is_waited_for(
    tiny_config, partition, monkeypatch
):
    """And what comes of it is bit by bit what comes of one batch after the other."""
    tiny_config.model.name, tiny_config.model.kwargs = "mlp", {"units": (4,)}
    part = make_partition(partition, tiny_config.batch_size)
    classifier, spec = create_classifier(tiny_config, CLASSES, axis_name=part.axis_name)
    variables = part.replicate(jax.device_get(init_variables(classifier, spec, 0)))
    loader = make_loader(tiny_config, open_split(tiny_config, "validation"), classifier.frontend)
    predict = SplitPredictor(classifier, spec, loader, part)
    done: list[str] = []
    monkeypatch.setattr(part, "gather", noting(done, "waited", type(part).gather, part))
    monkeypatch.setattr(predict, "_classify", noting(done, "begun", predict._classify))
    table = predict(variables)
    order = [what for what, before in zip(done, ["", *done], strict=False) if what != before]
    assert done.count("begun") == 3
    assert order == ["begun", "waited", "begun", "waited"]
    assert done[:3] == ["begun", "begun", "waited"]
    monkeypatch.setattr("mgr_jax.training.inference.behind", iter)
    one_by_one = predict(variables)
    np.testing.assert_array_equal(table.probabilities, one_by_one.probabilities)


def noting(done, what, function, *first):
    def note(*args):
        done.append(what)
        return function(*first, *args)

    return note
