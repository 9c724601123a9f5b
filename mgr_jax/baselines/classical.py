"""Fitted classifiers, and the baseline that every deep model should beat: `fit_svm`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mgr_jax.errors import UserError

_PENALTIES = (0.1, 1.0, 10.0, 100.0)
_MOST_FOLDS = 5

Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Fitted:
    """A fitted classifier.

    Attributes:
      name: of the classifier, see `mgr_jax.baselines.classifiers`.
      model: the fitted scikit-learn estimator.
      num_classes: number of columns of the probabilities.
    """

    name: str
    model: Any
    num_classes: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The probabilities [rows, num_classes] float32 of features [rows, features].

        They are 1 for the decision and 0 for the rest if the classifier has no probabilities
        (support vector machines except `svm`), or if it overflows on a row. A class that was not in
        the training rows has 0.

        Raises:
          UserError: the classifier cannot answer, as with fewer neighbours than it asks.
        """
        from threadpoolctl import threadpool_limits  # comes with scikit-learn

        features = np.asarray(features, np.float64)
        result = np.zeros((len(features), self.num_classes), np.float32)
        try:
            with threadpool_limits(1):
                if hasattr(self.model, "predict_proba"):
                    result[:, self.model.classes_] = self.model.predict_proba(features)
                undecided = ~np.isfinite(result).all(axis=1) | ~result.any(axis=1)
                if undecided.any():
                    answers = self.model.predict(features[undecided])
                    result[undecided] = np.eye(self.num_classes)[answers]
        except ValueError as error:
            raise cannot_learn(self.name, error) from error
        return result


def cannot_learn(name: str, error: ValueError) -> UserError:
    """The error for rows that scikit-learn refuses.

    Args:
      name: of the classifier.
      error: of scikit-learn.
    """
    reason = str(error).split("\n")[0].rstrip(".")
    return UserError(
        f"{name} cannot learn from these rows ({reason}); leave it out, or add tracks",
        code="baselines.cannot_learn",
    )


@dataclass(frozen=True)
class Svm(Fitted):
    """A fitted support vector machine.

    Attributes:
      penalty: the chosen C.
      folds: number of folds that chose C and calibrated the probabilities.
      fold_accuracy: mean accuracy over those folds at that C, on the training split.
    """

    penalty: float
    folds: int
    fold_accuracy: float


def fit_svm(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    groups: Sequence[str] | np.ndarray | None = None,
    seed: int = 0,
) -> Svm:
    """Fits standardisation, an RBF support vector machine and Platt's calibration.

    C is the most accurate of 0.1, 1, 10 and 100 in cross-validation; the same folds calibrate the
    probabilities. There are five folds, or fewer if only then every training part has every class.
    Source: Platt, Probabilistic outputs for support vector machines, 1999.

    Args:
      features: [examples, features], of the training split only.
      labels: [examples] int class indices.
      num_classes: number of classes of the task; the training split may lack some.
      groups: [examples], groups that stay in one fold, such as the artist (or the track, if a track
        gives several examples). None: examples are independent.
      seed: decides the folds.

    Returns:
      The fitted machine; the same arguments give the same predictions.

    Raises:
      UserError: scikit-learn is missing, there are fewer than two classes, or a class has too few
        examples or groups for two folds.
    """
    try:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC
    except ImportError as error:
        raise UserError(
            "the SVM baseline needs scikit-learn; run pip install 'mgr-jax[tables]'",
            code="package.missing",
        ) from error

    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        raise UserError(
            f"the training split has {len(np.unique(labels))} class; an SVM needs at least two",
            code="data.one_genre",
        )
    folds = _make_folds(labels, None if groups is None else np.asarray(groups), seed)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SVC(kernel="rbf", gamma="scale")),
        {"svc__C": _PENALTIES},
        scoring="accuracy",
        cv=folds,
        refit=False,
    ).fit(features, labels)
    penalty = search.best_params_["svc__C"]
    # SVC's own probabilities are deprecated, and their inner folds know nothing of groups.
    model = CalibratedClassifierCV(
        make_pipeline(StandardScaler(), SVC(kernel="rbf", gamma="scale", C=penalty)),
        method="sigmoid",
        cv=folds,
        ensemble=False,
    ).fit(features, labels)
    return Svm("svm", model, num_classes, penalty, len(folds), float(search.best_score_))


def _make_folds(labels: np.ndarray, groups: np.ndarray | None, seed: int) -> Folds:
    """Stratified (training, held-out) indices, groups whole, every class in all training parts."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    units = np.arange(len(labels)) if groups is None else groups
    present = np.unique(labels)
    per_class = [len(np.unique(units[labels == label])) for label in present]
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    for count in range(min(_MOST_FOLDS, *per_class), 1, -1):
        splitter = kind(n_splits=count, shuffle=True, random_state=seed)
        folds = list(splitter.split(np.zeros(len(labels)), labels, groups))
        if all(len(np.unique(labels[train])) == len(present) for train, _ in folds):
            return folds
    fewest = int(np.argmin(per_class))
    what = "example" if groups is None else "group"
    raise UserError(
        f"class {present[fewest]} has {per_class[fewest]} {what}(s) in the training split, too few "
        f"for two folds with every class; add tracks or leave the class out",
        code="split.too_few_groups",
    )
