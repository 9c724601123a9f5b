"""Two classifiers as in scikit-learn of 2017, when FMA's baselines were published.

Later versions lack SAMME.R (removed in 1.6) and refuse quadratic discriminants of singular
covariances (from 1.8). FMA's rare genres have those: 17 training tracks with up to 518 features.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier


class SammeR(ClassifierMixin, BaseEstimator):
    """AdaBoost on real values, over decision stumps.

    Source: Zhu, Zou, Rosset and Hastie, Multi-class AdaBoost, 2009, algorithm 4; equal to
    scikit-learn 1.5's AdaBoostClassifier(algorithm="SAMME.R").

    Args:
      n_estimators: most rounds; a round without errors is the last.
      random_state: of the stumps, which break ties by chance.
    """

    def __init__(self, n_estimators: int = 10, random_state: int | None = None):
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, features: np.ndarray, labels: np.ndarray) -> "SammeR":
        """Fits to features [rows, columns] and labels [rows]."""
        self.classes_ = np.unique(labels)
        code = np.where(labels[:, None] == self.classes_, 1.0, -1 / (len(self.classes_) - 1))
        scale = (len(self.classes_) - 1) / len(self.classes_)
        weights = np.full(len(labels), 1 / len(labels))
        seeds = np.random.RandomState(self.random_state)
        self.estimators_: list[DecisionTreeClassifier] = []
        for _ in range(self.n_estimators):
            stump = DecisionTreeClassifier(
                max_depth=1, random_state=seeds.randint(np.iinfo(np.int32).max)
            )
            self.estimators_.append(stump.fit(features, labels, sample_weight=weights))
            if (stump.predict(features) == labels).all():
                break
            weights = weights * np.exp(
                -scale * (code * _log(stump.predict_proba(features))).sum(axis=1)
            )
            weights /= weights.sum()
        return self

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [rows, classes]."""
        # The terms that are equal for all classes fall out of the softmax.
        return _softmax(
            np.mean([_log(s.predict_proba(features)) for s in self.estimators_], axis=0)
        )

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Labels [rows]."""
        return self.classes_[self.predict_proba(features).argmax(axis=1)]


class SingularQDA(ClassifierMixin, BaseEstimator):
    """Quadratic discriminant analysis that accepts a covariance without full rank.

    A class with fewer rows than features is then a thin slice of space. Points off this slice are
    almost never assigned to the class, so FMA's table has scores below chance. If all covariances
    have full rank, the result equals scikit-learn's QuadraticDiscriminantAnalysis (up to 1.7, whose
    covariances divide by rows - 1).
    """

    def fit(self, features: np.ndarray, labels: np.ndarray) -> "SingularQDA":
        """Fits to features [rows, columns] and labels [rows]; a class needs two rows.

        Raises:
          ValueError: a class has one row only.
        """
        self.classes_, counts = np.unique(labels, return_counts=True)
        if counts.min() < 2:
            raise ValueError("quadratic discriminants need two training examples of every class")
        self.priors_ = counts / len(labels)
        self.means_, self.rotations_, self.variances_ = [], [], []
        for label in self.classes_:
            rows = features[labels == label]
            self.means_.append(rows.mean(axis=0))
            _, singular, rotation = np.linalg.svd(rows - self.means_[-1], full_matrices=False)
            self.rotations_.append(rotation.T)
            self.variances_.append(singular**2 / (len(rows) - 1))
        return self

    def decision_function(self, features: np.ndarray) -> np.ndarray:
        """Logarithms of p(label, x) [rows, classes], up to a constant."""
        scores = []
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for mean, rotation, variance, prior in zip(
                self.means_, self.rotations_, self.variances_, self.priors_, strict=True
            ):
                distance = (((features - mean) @ (rotation * variance**-0.5)) ** 2).sum(axis=1)
                scores.append(-0.5 * (distance + np.log(variance).sum()) + np.log(prior))
        return np.stack(scores, axis=1)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Labels [rows]."""
        return self.classes_[self.decision_function(features).argmax(axis=1)]

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [rows, classes]."""
        return _softmax(self.decision_function(features))


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, np.finfo(np.float64).eps))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
