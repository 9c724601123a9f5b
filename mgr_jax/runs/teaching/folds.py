"""Folds that keep groups together and balance genres."""

import numpy as np


def deal_folds(labels: np.ndarray, groups: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Assigns a fold to each song.

    Groups are assigned from the largest to the smallest, each to the fold in which its genres are
    rarest, or among equals to the smallest fold. So a genre of several groups is in several folds.

    Args:
      labels: [songs] int.
      groups: [songs] int; a group stays in one fold.
      count: number of folds; if it is the number of groups or more, each group is a fold.
      seed: breaks ties.

    Returns:
      The fold of each song, [songs] int.
    """
    names, member = np.unique(groups, return_inverse=True)
    if count >= len(names):
        return member
    genres = int(labels.max()) + 1
    table = np.zeros((len(names), genres))
    np.add.at(table, (member, labels), 1)
    totals = table.sum(axis=0)
    share = table / np.maximum(totals, 1)  # so that rare genres count as much as frequent ones
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
