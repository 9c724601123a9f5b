"""Draws tracks and crops: random numbers that depend only on a seed and a position.

They are those of Grain's `shuffle`, `repeat`, `mix` and `random_map`, but drawn for a whole batch.
Grain calls its cipher of 16 bits or more until the result is a track: 200 times for each of 300
tracks, which was most of the cost of a crop. Here the results of a whole epoch are computed at
once.
"""

import functools
import sys
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mgr_jax.data.cache import Tracks

# Raised when the batches of a seed change. 1, balanced: class k of seed s came in the order of
# class k - 1 of seed s + 1.
DRAWS = 2

_ROUNDS = 4
_SMALLEST_BLOCK = 16  # bits
_WORD = 2**32


class Order(Protocol):
    """An endless order of tracks."""

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """The tracks at some positions, [positions]."""


class Shuffled:
    """Each track once per epoch, in a new order for each."""

    def __init__(self, members: np.ndarray, seed: int) -> None:
        """Stores the tracks' numbers, [tracks]."""
        self._members = members
        self._seed = derive_seed(seed, 1)
        # Prefetching threads may be in the next epoch already.
        self._in_epoch = functools.lru_cache(maxsize=2)(self._shuffle)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """See Order."""
        epochs, rest = np.divmod(places, len(self._members))
        found = np.empty(len(places), np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            found[here] = self._in_epoch(int(epoch))[rest[here]]
        return found

    def _shuffle(self, epoch: int) -> np.ndarray:
        return self._members[permutation(len(self._members), (self._seed + epoch) % _WORD)]


class Balanced:
    """The classes in turn, each in its own order."""

    def __init__(self, classes: Sequence[np.ndarray], seed: int) -> None:
        """Stores the numbers of every class's tracks."""
        seeds = np.random.SeedSequence(seed).generate_state(len(classes)).tolist()
        self._orders = [Shuffled(members, own) for members, own in zip(classes, seeds, strict=True)]

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """See Order."""
        numbers, turns = np.divmod(places, len(self._orders))
        found = np.empty(len(places), np.int64)
        for turn in np.unique(turns):
            here = turns == turn
            found[here] = self._orders[turn](numbers[here])
        return found


class Draws:
    """The random crops of every step, as (index, track, start) of this process's rows of the batch.

    The n-th is `draws[n]`, independent of earlier accesses. A change of the drawn numbers must
    raise DRAWS.
    """

    def __init__(
        self,
        tracks: Tracks,
        *,
        sampling: str,
        clip_samples: int,
        crop_step: int,
        batch_size: int,
        process_index: int,
        process_count: int,
        seed: int,
    ) -> None:
        """Sets the parameters of the draws; see `Loader` for the arguments.

        Args:
          tracks: see `Loader`.
          sampling: see `Loader`.
          clip_samples: see `Loader`.
          crop_step: crops start at multiples of it.
          batch_size: see `Loader`.
          process_index: see `Loader`.
          process_count: see `Loader`.
          seed: see `Loader`.
        """
        self._order: Order
        if sampling == "shuffle":
            self._order = Shuffled(np.arange(len(tracks)), seed)
        else:
            classes = [np.flatnonzero(tracks.label == c) for c in np.unique(tracks.label)]
            self._order = Balanced(classes, seed)
        self._mixes_batch = sampling == "balanced"
        self._seed = seed
        self._crop_seed = derive_seed(seed, 4 if sampling == "shuffle" else 2)
        self._crop_step = crop_step
        self._starts = np.maximum(0, tracks.length - clip_samples) // crop_step + 1
        self._batch_size = batch_size
        local = batch_size // process_count
        self._rows = slice(process_index * local, (process_index + 1) * local)

    def __len__(self) -> int:
        return sys.maxsize // self._batch_size

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.arange(self._batch_size)
        if self._mixes_batch:
            # Classes come in turn, but neighbours, which may be mixed, should be of any two.
            rows = np.random.default_rng((self._seed, step)).permutation(self._batch_size)
        index = step * self._batch_size + rows[self._rows].astype(np.int64)
        tracks = self._order(index)
        starts = draw_below(self._starts[tracks], index, self._crop_seed)
        return index, tracks, self._crop_step * starts


def draw_below(limits: np.ndarray, places: np.ndarray, seed: int) -> np.ndarray:
    """A random number for each position, at least 0 and less than its limit: [positions] int64.

    Args:
      limits: limit of each position.
      places: the positions.
      seed: the seed.
    """
    bits = np.random.Philox(seed)
    generator, state = np.random.Generator(bits), bits.state
    found = np.zeros(len(places), np.int64)
    for row in np.flatnonzero(limits > 1):
        state["state"]["counter"] = np.array([0, 0, 0, places[row]], np.uint64)
        bits.state = state
        found[row] = generator.integers(limits[row])
    return found


def derive_seed(seed: int, depth: int) -> int:
    """The seed that Grain gives to a step `depth` steps after the one that was seeded."""
    return int(np.random.SeedSequence([seed, depth]).generate_state(1, np.uint32)[0])


def permutation(count: int, seed: int) -> np.ndarray:
    """A random permutation of 0 … count - 1, [count] int64.

    A block cipher permutes all numbers of its block; results above the largest are encrypted again
    (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
    """
    if count == 1:
        return np.zeros(1, np.int64)
    bits = int(np.ceil(np.log2(count - 1)))
    bits = max(bits + bits % 2, _SMALLEST_BLOCK)
    once = _encrypt(bits, _words(seed))
    # Where each number gets after one, two, four, … more tries, unless it has arrived.
    goal = np.concatenate([np.arange(min(count, 2**bits)), once[count:]])
    while (goal.take(once[:count]) >= count).any():
        goal = goal.take(goal)  # twice as fast as goal[goal]
    return goal[once[np.arange(count) % 2**bits]]  # Grain's block is too small for 2 ** bits + 1


def _encrypt(bits: int, keys: Sequence[int]) -> np.ndarray:
    """All numbers of `bits` bits after rounds of Simon (Beaulieu et al. 2013): [2 ** bits]."""
    half = bits // 2
    mask = 2**half - 1
    words = np.arange(2**half)

    def rotate(by: int) -> np.ndarray:
        return (words << by | words >> (half - by)) & mask

    mixed = rotate(1) & rotate(8) ^ rotate(2)
    left, right = (x.ravel() for x in np.meshgrid(words, words, indexing="ij"))
    for first, second in zip(keys[::2], keys[1::2], strict=True):
        left = left ^ (mixed ^ first & mask).take(right)
        right = right ^ (mixed ^ second & mask).take(left)
    return left << half | right


def _words(seed: int) -> list[int]:
    """The keys: the output of C++'s `std::seed_seq` for one seed (ISO C++, rand.util.seedseq)."""
    n, p, q = _ROUNDS, 1, 2
    words = [0x8B8B8B8B] * n

    def fold(x: int) -> int:
        return x ^ x >> 27

    for k in range(n):
        mixed = 1664525 * fold(words[k] ^ words[(k + p) % n] ^ words[k - 1]) % _WORD
        told = (mixed + (1 if k == 0 else k + seed if k == 1 else k)) % _WORD
        words[(k + p) % n] = (words[(k + p) % n] + mixed) % _WORD
        words[(k + q) % n] = (words[(k + q) % n] + told) % _WORD
        words[k] = told
    for k in range(n):
        mixed = 1566083941 * fold((words[k] + words[(k + p) % n] + words[k - 1]) % _WORD) % _WORD
        told = (mixed - k) % _WORD
        words[(k + p) % n] ^= mixed
        words[(k + q) % n] ^= told
        words[k] = told
    return words
