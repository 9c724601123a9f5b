"""Folds that keep groups apart, and spread genres evenly."""

import numpy as np


def deal_folds(labels: np.ndarray, groups: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """The fold of each song.

    The largest groups are dealt first, each to the fold in which its genres are rarest, and of
    equal folds to the smallest. A genre of several groups so lies in several folds.

    Args:
      labels: [songs] int.
      groups: [songs] int, what stays together.
      count: of folds; groups or more: each group is a fold.
      seed: decides among equals.
    """
    names, member = np.unique(groups, return_inverse=True)
    if count >= len(names):
        return member
    genres = int(labels.max()) + 1
    table = np.zeros((len(names), genres))
    np.add.at(table, (member, labels), 1)
    totals = table.sum(axis=0)
    share = table / np.maximum(totals, 1)  # so that rare genres count as much
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-share[order].max(axis=1), kind="stable")]
    dealt = np.zeros((count, genres))
    sizes = np.zeros(count)
    fold_of = np.zeros(len(names), int)
    for group in order:
        crowded = dealt @ share[group]
        fold = min(range(count), key=lambda f: (round(crowded[f], 9), sizes[f]))
        dealt[fold] += share[group]
        sizes[fold] += table[group].sum()
        fold_of[group] = fold
    return fold_of[member]
