"""Honest scores of teaching: every song is predicted by a model that was taught other songs."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.baselines.classical import Fitted
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Protocol, bootstrap_intervals
from mgr_jax.evaluation.scores import make_scorer
from mgr_jax.runs.teaching.choice import Choice, Songs, choose, of_several_groups
from mgr_jax.runs.teaching.folds import deal_folds
from mgr_jax.runs.teaching.heads import mean_by_song, sharpen

_FOLDS = 5
_FEW = 30  # up to this many groups, each is a fold of its own
TAUGHT, HEAD, UNTRAINED = "taught", "trained head alone", "untrained outputs"
SVM, MAJORITY = "SVM on 57 features", "majority class"


@dataclasses.dataclass(frozen=True)
class Outer:
    """The predictions of the outer folds.

    Attributes:
      table: clips of left-out songs, predicted by models taught without them.
      answers: by system, probabilities [scored songs, genres].
      rows: by system, `accuracy` and `macro_f1` as [value, low, high].
      choices: the choice of each fold.
      folds: number of folds.
    """

    table: Predictions
    answers: dict[str, np.ndarray]
    rows: dict[str, dict[str, list[float | None]]]
    choices: tuple[Choice, ...]
    folds: int


def count_folds(groups: np.ndarray, asked: int | None) -> int:
    """The number of outer folds: 5, or one per group if there are few groups or on request.

    Args:
      groups: groups of the songs that can be scored.
      asked: the number asked for, two or more; 0: leave one group out; None: as above.
    """
    count = len(np.unique(groups))
    if asked:
        return min(asked, count)
    return count if asked == 0 or count <= _FEW else _FOLDS


def score_outer(
    songs: Songs,
    scored: np.ndarray,
    *,
    names: Sequence[str],
    genres: Sequence[str],
    times: tuple[np.ndarray, np.ndarray],
    protocol: Protocol,
    hand: np.ndarray | None = None,
    folds: int,
    seed: int = 0,
    progress: bool = True,
) -> Outer:
    """Teaches without each fold, and scores the predictions of its songs.

    Args:
      songs: all songs.
      scored: which songs can be scored; the others are always training songs.
      names: names of the songs.
      genres: names of the classes.
      times: start and end of each clip in seconds.
      protocol: protocol of the predictions table.
      hand: features of the songs for the SVM, [songs, 57]; None: no SVM.
      folds: number of folds.
      seed: seed of all folds.
      progress: show a bar.

    Returns:
      Predictions and scores.
    """
    fold = np.full(len(songs), -1)
    fold[scored] = deal_folds(songs.labels[scored], songs.groups[scored], folds, seed)
    rows = np.zeros((len(songs.embedding), songs.genres))
    alone, svm = np.zeros((2, len(songs), songs.genres))
    majority = np.zeros_like(svm)  # one prediction for all, or the fold would reveal the label
    majority[:, np.bincount(songs.labels).argmax()] = 1
    choices = []
    for number in tqdm(range(folds), "scoring", unit="fold", disable=None if progress else True):
        out = fold == number
        learnt, held = songs.select(~out), songs.select(out)
        choice = choose(learnt, seed=seed)
        choices.append(choice)
        head = choice.fit(learnt)
        rows[np.repeat(out, songs.counts)] = head.probabilities(held.embedding, held.untrained)
        alone[out] = held.answers(dataclasses.replace(head, weight=0.0))
        if hand is not None:
            if fitted := _fit_svm(hand[~out], learnt, seed):
                svm[out] = fitted.predict(hand[out])
            else:
                hand = None
    answers = {TAUGHT: mean_by_song(rows, songs.counts), HEAD: alone}
    if songs.untrained is not None:
        answers[UNTRAINED] = mean_by_song(sharpen(songs.untrained, 1.0), songs.counts)
    else:
        del answers[HEAD]
    if hand is not None:
        answers[SVM] = svm
    answers[MAJORITY] = majority
    answers = {name: found[scored] for name, found in answers.items()}
    keep = np.repeat(scored, songs.counts)
    kept = np.array(names)[scored]
    table = Predictions(
        track=np.repeat(kept, songs.counts[scored]),
        start=times[0][keep],
        end=times[1][keep],
        probabilities=rows[keep].astype(np.float32),
        label=np.repeat(songs.labels[scored], songs.counts[scored]),
        classes=tuple(genres),
        task="single_label",
        split="outer_folds",
        protocol=protocol,
    )
    tracks = table.by_track()
    groups = songs.groups[scored]
    intervals = {n: _intervals(tracks, found, groups) for n, found in answers.items()}
    return Outer(table, answers, intervals, tuple(choices), folds)


def _fit_svm(hand: np.ndarray, learnt: Songs, seed: int) -> Fitted | None:
    """The SVM of some songs; None if it cannot be fitted to them.

    Its settings are chosen by folds within the songs. A genre of one group is divided by songs; a
    genre of one song is not divided.
    """
    from mgr_jax.baselines.classifiers import fit  # needs scikit-learn

    alone = ~of_several_groups(learnt)
    groups = np.where(alone, len(hand) + learnt.groups.max() + np.arange(len(hand)), learnt.groups)
    keep = np.bincount(learnt.labels, minlength=learnt.genres)[learnt.labels] > 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fit(
                "svm",
                hand[keep],
                learnt.labels[keep],
                num_classes=learnt.genres,
                groups=groups[keep].astype(str),
                seed=seed,
            )
    except UserError:
        return None


def _intervals(
    tracks: Predictions, found: np.ndarray, groups: np.ndarray
) -> dict[str, list[float | None]]:
    """Scores with 95 % intervals, by a bootstrap over the groups."""
    table = dataclasses.replace(tracks, probabilities=_normal(found))
    scores = bootstrap_intervals(make_scorer(table, decisions=True), groups)
    return {name: scores[name] for name in ("accuracy", "macro_f1")}


def _normal(found: np.ndarray) -> np.ndarray:
    total = found.sum(axis=1, keepdims=True)
    return (found / np.where(total > 0, total, 1)).astype(np.float32)


def as_rows(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The scores of each system, ready for JSON."""
    return [{"system": name, **scores} for name, scores in rows.items()]
