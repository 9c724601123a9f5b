import importlib
import sys
import warnings

import numpy as np
import pytest
from errors import user_error
from sklearn.datasets import load_digits, load_wine
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from mgr_jax.baselines.classifiers import CLASSIFIERS, FMA, fit, make_classifier

# What FMA's baselines.ipynb calls for with the defaults of scikit-learn 0.18.
SETTINGS = {
    "lr": {"C": 1.0, "solver": "liblinear", "tol": 1e-4, "max_iter": 100, "fit_intercept": True},
    "knn": {"n_neighbors": 200, "weights": "uniform", "metric": "minkowski", "p": 2},
    "svc_rbf": {"kernel": "rbf", "C": 1.0, "gamma": "auto", "tol": 1e-3, "max_iter": -1},
    "svc_poly1": {"kernel": "poly", "degree": 1, "coef0": 0.0, "C": 1.0, "gamma": "auto"},
    "svc_linear": {"kernel": "linear", "C": 1.0},
    "linear_svc": {
        "loss": "squared_hinge",
        "penalty": "l2",
        "dual": True,
        "C": 1.0,
        "max_iter": 1000,
    },
    "dt": {"max_depth": 5, "criterion": "gini", "splitter": "best", "random_state": 3},
    "rf": {
        "max_depth": 5,
        "n_estimators": 10,
        "max_features": 1,
        "bootstrap": True,
        "random_state": 3,
    },
    "ada": {"n_estimators": 10, "random_state": 3},
    "mlp1": {
        "hidden_layer_sizes": (100,),
        "max_iter": 2000,
        "n_iter_no_change": 2,
        "alpha": 1e-4,
        "solver": "adam",
    },
    "mlp2": {
        "hidden_layer_sizes": (200, 50),
        "max_iter": 2000,
        "learning_rate_init": 1e-3,
        "tol": 1e-4,
    },
    "nb": {"priors": None, "var_smoothing": 1e-9},
    "qda": {},
}


@pytest.fixture(scope="module")
def digits():
    """Training and other rows of handwritten digits, some of whose pixels never change."""
    features, labels = load_digits(return_X_y=True)
    train = np.arange(len(labels)) % 3 > 0
    scaler = StandardScaler().fit(features[train])
    return [
        (scaler.transform(features[rows]), labels[rows]) for rows in (np.flatnonzero(train), ~train)
    ]


def wine():
    features, labels = load_wine(return_X_y=True)
    train = np.arange(len(labels)) % 2 == 0
    return features[train], labels[train], features[~train], labels[~train]


def last_step(name, **options):
    model = make_classifier(name, **options).steps[-1][1]
    return model.estimator if isinstance(model, OneVsRestClassifier) else model


def test_the_thirteen_of_fma_have_their_settings():
    assert tuple(SETTINGS) == FMA
    for name, expected in SETTINGS.items():
        found = last_step(name, seed=3).get_params()
        assert {key: found[key] for key in expected} == expected, name


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_learns_and_gives_the_same_probabilities_again(name):
    features, labels, others, truth = wine()
    if name == "knn":  # needs more rows than it asks neighbours
        features, labels = np.tile(features, (4, 1)), np.tile(labels, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (
            fit(name, features, labels, num_classes=4, seed=1).predict(others) for _ in range(2)
        )
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-5)
    assert (first[:, 3] == 0).all()  # a class that training lacks
    assert (first.argmax(axis=1) == truth).mean() > (0.3 if name == "majority" else 0.7)


def test_features_are_scaled_by_training_rows_alone():
    features, labels, others, _ = wine()
    fitted = fit("svc_rbf", features, labels, num_classes=3)
    np.testing.assert_allclose(fitted.model.steps[0][1].mean_, features.mean(axis=0))
    moved = np.concatenate([others[:5], 1e6 + others[5:]])
    np.testing.assert_array_equal(fitted.predict(moved)[:5], fitted.predict(others)[:5])


@pytest.mark.parametrize("name", ["svc_rbf", "svc_poly1", "svc_linear", "linear_svc"])
def test_machines_without_probabilities_give_decisions(name):
    features, labels, others, _ = wine()
    found = fit(name, features, labels, num_classes=3).predict(others)
    assert np.isin(found, (0, 1)).all()


def test_adaboost_is_samme_r_of_scikit_learn_1_5(digits):
    # Of AdaBoostClassifier(n_estimators=10, algorithm="SAMME.R", random_state=0), version 1.5.2.
    (features, labels), (others, truth) = digits
    model = last_step("ada", seed=0).fit(features, labels)
    found = model.predict_proba(others)
    assert (model.predict(others) == truth).sum() == 152
    expected = [
        [0.99989939, 0, 1.623e-05, 1.563e-05, 1.932e-05, 2.455e-05],
        [4.1e-07, 0.11356463, 0.11328908, 0.11300737, 0.11105857, 0.11025553],
    ]
    np.testing.assert_allclose(found[:2, :6], expected, atol=1e-7)


def test_logistic_regression_is_one_against_the_rest_of_scikit_learn_1_5(digits):
    # Of LogisticRegression(solver="liblinear", multi_class="ovr"), version 1.5.2.
    (features, labels), (others, truth) = digits
    model = make_classifier("lr").steps[-1][1].fit(features, labels)
    assert (model.predict(others) == truth).sum() == 576
    expected = [0.94923809, 1.56e-06, 0.00108733, 0.00382632, 0.00957975]
    np.testing.assert_allclose(model.predict_proba(others)[0, :5], expected, atol=1e-6)


def test_discriminants_of_few_rows_are_those_of_scikit_learn_1_5(digits):
    # Of QuadraticDiscriminantAnalysis(), version 1.5.2, on 300 rows: 30 of a class, 64 features.
    (features, labels), (others, truth) = digits
    model = last_step("qda").fit(features[:300], labels[:300])
    assert (model.predict(others) == truth).sum() == pytest.approx(177, abs=6)  # rounding decides


def test_discriminants_of_many_rows_are_scikit_learns():
    features, labels, others, _ = wine()
    scaler = StandardScaler().fit(features)
    features, others = scaler.transform(features), scaler.transform(others)
    found = last_step("qda").fit(features, labels).predict(others)
    expected = QuadraticDiscriminantAnalysis().fit(features, labels).predict(others)
    np.testing.assert_array_equal(found, expected)


def test_not_converging_is_one_sentence():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(400, 60)), rng.integers(0, 5, 400)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit("linear_svc", features, labels, num_classes=5)
    assert [str(warning.message) for warning in caught] == [
        "linear_svc stopped at its limit of iterations before converging"
    ]


def test_what_cannot_be_learnt_is_one_sentence():
    features, labels, others, _ = wine()
    with user_error("baselines.cannot_learn", "knn"):
        fit("knn", features, labels, num_classes=3).predict(others)
    with user_error("baselines.cannot_learn", "qda", "two training examples"):
        fit("qda", features[:60], np.arange(60), num_classes=60)
    with user_error("unknown_name", "svc_rfb", "svc_rbf"):
        fit("svc_rfb", features, labels, num_classes=3)


def test_missing_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    monkeypatch.delitem(sys.modules, "mgr_jax.baselines.classifiers")
    with user_error("package.missing", "pip install 'mgr-jax[tables]'"):
        importlib.import_module("mgr_jax.baselines.classifiers")
