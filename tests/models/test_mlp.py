"""The dense network against scikit-learn's."""

import warnings

import jax
import numpy as np
import pytest
from errors import user_error
from scipy import special
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from mgr_jax.models import create_model

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((30, 6)).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_probabilities_are_scikit_learns(activation):
    reference = MLPClassifier((7, 5), activation=activation, max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.fit(TABLE, RNG.integers(3, size=len(TABLE)))
    params = {
        name: {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}
        for name, kernel, bias in zip(
            ("dense1", "dense2", "head"), reference.coefs_, reference.intercepts_, strict=True
        )
    }
    model = create_model("mlp", num_classes=3, units=(7, 5), activation=activation)
    logits, _ = model.apply({"params": params}, TABLE[:, None], train=False)
    np.testing.assert_allclose(
        special.softmax(logits, axis=-1), reference.predict_proba(TABLE), atol=1e-5
    )


def test_batch_norm_sees_no_scale():
    x = TABLE[:, None]
    for batch_norm in (True, False):
        model = create_model("mlp", num_classes=3, units=(4,), batch_norm=batch_norm, dropout=0.0)
        variables = model.init(jax.random.key(0), x, train=False)
        small, large = (
            model.apply(variables, scale * x, train=True, mutable=["batch_stats"])[0][0]
            for scale in (1, 50)
        )
        assert (np.abs(small - large).max() < 1e-3) == batch_norm


def test_errors_say_what_to_do():
    with user_error("unknown_name", "thanh", "tanh"):
        create_model("mlp", num_classes=3, activation="thanh")
    with user_error("model.wrong_sizes", "units"):
        create_model("mlp", num_classes=3, units=())
