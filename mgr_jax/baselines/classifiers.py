"""Classical classifiers by name, with every setting that matters written out.

FMA's thirteen are those of its baselines.ipynb (Defferrard, Benzi, Vandergheynst and Bresson, FMA:
A Dataset For Music Analysis, 2017) with the defaults of scikit-learn 0.18. Later versions have
other defaults. The old ones are: logistic regression one class against the rest by liblinear,
`gamma` of one over the number of features, LinearSVC in its dual, AdaBoost by SAMME.R, forests of
10 trees, networks that stop after two epochs without gain, discriminants of singular covariances.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mgr_jax.baselines.classical import Fitted, cannot_learn, fit_svm
from mgr_jax.errors import UserError, unknown_name

try:
    from sklearn.base import BaseEstimator
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, LinearSVC
    from sklearn.tree import DecisionTreeClassifier
    from threadpoolctl import threadpool_limits

    from mgr_jax.baselines.historic import SammeR, SingularQDA
except ImportError as error:
    raise UserError(
        "classical baselines need scikit-learn; run pip install 'mgr-jax[tables]'",
        code="package.missing",
    ) from error


def _logistic_regression(seed: int) -> BaseEstimator:
    return OneVsRestClassifier(
        LogisticRegression(C=1.0, solver="liblinear", tol=1e-4, max_iter=100, random_state=seed)
    )


def _svc(kernel: str, penalty: float = 1.0, gamma: str | float = "auto") -> BaseEstimator:
    return SVC(
        kernel=kernel, C=penalty, gamma=gamma, degree=1, coef0=0.0, tol=1e-3, cache_size=1000
    )


def _linear_svc(seed: int) -> BaseEstimator:
    return LinearSVC(
        penalty="l2", loss="squared_hinge", dual=True, C=1.0, tol=1e-4, max_iter=1000,
        random_state=seed,
    )  # fmt: skip


def _forest(seed: int) -> BaseEstimator:
    return RandomForestClassifier(
        n_estimators=10, max_depth=5, max_features=1, criterion="gini", bootstrap=True,
        random_state=seed,
    )  # fmt: skip


def _mlp(sizes: tuple[int, ...], seed: int) -> BaseEstimator:
    return MLPClassifier(
        hidden_layer_sizes=sizes, activation="relu", solver="adam", alpha=1e-4, batch_size="auto",
        learning_rate_init=1e-3, max_iter=2000, tol=1e-4, n_iter_no_change=2, early_stopping=False,
        random_state=seed,
    )  # fmt: skip


def _gradient_boosting(seed: int) -> BaseEstimator:
    return HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=100, max_leaf_nodes=31, min_samples_leaf=20,
        l2_regularization=0.0, early_stopping=False, random_state=seed,
    )  # fmt: skip


_BUILDERS: dict[str, Callable[[int], BaseEstimator]] = {
    "lr": _logistic_regression,
    "knn": lambda seed: KNeighborsClassifier(n_neighbors=200, weights="uniform"),
    "svc_rbf": lambda seed: _svc("rbf"),
    "svc_poly1": lambda seed: _svc("poly"),
    "svc_linear": lambda seed: _svc("linear"),
    "linear_svc": _linear_svc,
    "dt": lambda seed: DecisionTreeClassifier(max_depth=5, criterion="gini", random_state=seed),
    "rf": _forest,
    "ada": lambda seed: SammeR(n_estimators=10, random_state=seed),
    "mlp1": lambda seed: _mlp((100,), seed),
    "mlp2": lambda seed: _mlp((200, 50), seed),
    "nb": lambda seed: GaussianNB(priors=None, var_smoothing=1e-9),
    "qda": lambda seed: SingularQDA(),
    "lda": lambda seed: LinearDiscriminantAnalysis(solver="svd", tol=1e-4),
    "gradient_boosting": _gradient_boosting,
    "lr_c01": lambda seed: LogisticRegression(C=0.1, solver="lbfgs", tol=1e-4, max_iter=1000),
    "svm_rbf_c100": lambda seed: _svc("rbf", penalty=100.0, gamma=1e-3),
    "majority": lambda seed: DummyClassifier(strategy="most_frequent"),
}
FMA = tuple(_BUILDERS)[:13]
CLASSIFIERS = (*_BUILDERS, "svm")
# What the seed decides beside the folds; the others answer alike for every seed.
SEEDED = frozenset(
    {"linear_svc", "dt", "rf", "ada", "mlp1", "mlp2", "gradient_boosting", "svm"}
)  # fmt: skip


def choose_classifiers(names: Sequence[str]) -> list[str]:
    """The names of classifiers, each once. `fma` stands for FMA's thirteen, `all` for all.

    Args:
      names: as a user gives them.

    Raises:
      UserError: there is no name, or an unknown one.
    """
    groups = {"fma": FMA, "all": CLASSIFIERS}
    if not names:
        raise UserError(
            "no classifier is named; give svm, say, or all (`classifiers`)", code="argument.missing"
        )
    chosen = dict.fromkeys(one for name in names for one in groups.get(name, (name,)))
    for name in chosen:
        if name not in CLASSIFIERS:
            raise unknown_name("classifier", name, (*CLASSIFIERS, *groups))
    return list(chosen)


def make_classifier(name: str, *, seed: int = 0) -> Any:
    """An unfitted scikit-learn pipeline: standardisation, then one of CLASSIFIERS.

    `svm` chooses its settings while it is fitted, so it is not a pipeline: see `fit`.

    Args:
      name: of the classifier.
      seed: of its random numbers.

    Raises:
      UserError: there is no such classifier.
    """
    if name not in _BUILDERS:
        raise unknown_name("classifier", name, CLASSIFIERS)
    return make_pipeline(StandardScaler(), _BUILDERS[name](seed))


def fit(
    name: str,
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    groups: Sequence[str] | np.ndarray | None = None,
    seed: int = 0,
) -> Fitted:
    """Fits standardisation and a classifier to training rows.

    Args:
      name: one of CLASSIFIERS.
      features: [rows, features].
      labels: [rows] int class indices.
      num_classes: number of classes of the task; the training rows may lack some.
      groups: [rows], groups that `svm` keeps together while it chooses its settings; see `fit_svm`.
      seed: of the random numbers of the classifier.

    Returns:
      The fitted classifier.

    Raises:
      UserError: the name is unknown, or the classifier cannot learn from the rows.
    """
    if name == "svm":
        with threadpool_limits(1):
            return fit_svm(features, labels, num_classes=num_classes, groups=groups, seed=seed)
    model = make_classifier(name, seed=seed)
    # FMA's order of rows; it decides the epochs of networks and the draws of forests.
    order = np.random.RandomState(42).permutation(len(labels))
    try:
        # One thread: small fits would only wait for others.
        with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
            warnings.simplefilter("always")
            model.fit(np.asarray(features, np.float64)[order], np.asarray(labels)[order])
    except ValueError as error:
        raise cannot_learn(name, error) from error
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        warnings.warn(f"{name} stopped at its limit of iterations before converging", stacklevel=2)
    return Fitted(name, model, num_classes)
