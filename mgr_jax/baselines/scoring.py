"""Fits and scores a classifier by a protocol: rows in, predictions out."""

import dataclasses

import numpy as np

from mgr_jax.baselines.classifiers import SEEDED, fit
from mgr_jax.baselines.examples import Examples
from mgr_jax.data.parts import assign_parts, is_kfold, make_protocol, told_of_artists
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.evaluation import AGGREGATIONS, Predictions, Protocol, join_repeats
from mgr_jax.evaluation.protocol import LEAKING, repeated


def score(
    examples: Examples,
    classifier: str,
    *,
    protocol: str = "dataset",
    folds: int = 5,
    parts: int = 2,
    seed: int = 0,
    split: str = "",
    aggregation: str = "probabilities",
) -> Predictions:
    """Predicts every row that a protocol scores, with a classifier that did not see it.

    With folds every row is scored once, by a model that was fitted on other folds.

    Args:
      examples: of all parts.
      classifier: one of CLASSIFIERS.
      protocol: one of PROTOCOLS; `row_random` distributes rows, the others whole tracks. The caller
        must have asked for consent, see `require_consent`.
      folds: number of folds.
      parts: 2: train on all other folds; 3: on all except the next one, as for networks, which need
        it to choose a checkpoint.
      seed: of the division into folds, and of the classifier.
      split: the split to score if the parts are fixed; "" is test, or validation if there is no
        test.
      aggregation: "features" averages the rows of a track first. With the others, the code that
        scores the table combines the answers to the rows.

    Returns:
      One row per scored row, in order; its split is `crossval` if there are folds.

    Raises:
      UserError: the protocol does not fit the rows, or the classifier cannot learn from them.
    """
    if aggregation not in AGGREGATIONS:
        raise unknown_name("aggregation", aggregation, AGGREGATIONS)
    if protocol == "official" and not examples.published:
        raise UserError(
            "the protocol official takes published splits, and these examples have none; choose "
            "dataset, or for FMA's features give fma_metadata.zip (`tracks`)",
            code="protocol.not_published",
        )
    if aggregation == "features":
        examples = examples.averaged()
    units, of_row = examples.tracks, examples.of_track
    if protocol in LEAKING:
        units, of_row = examples.units_of_rows(), np.arange(len(examples.of_track))
    label = examples.label[examples.of_track]
    names = np.array(units.track)
    artist = np.where(np.array(units.artist) == "", names, units.artist)[of_row]
    probabilities = np.zeros((len(label), len(examples.classes)), np.float32)
    scored = np.full(len(label), -1)
    for fold in range(folds if is_kfold(protocol) else 1):
        part = assign_parts(protocol, units, folds=folds, fold=fold, parts=parts, seed=seed)[of_row]
        chosen = _scored_part(part, protocol, parts, split)
        train, held_out = part == "train", part == chosen
        fitted = fit(
            classifier,
            examples.features[train],
            label[train],
            num_classes=len(examples.classes),
            groups=artist[train],
            seed=seed,
        )
        probabilities[held_out] = fitted.predict(examples.features[held_out])
        scored[held_out] = fold
    sides = scored.astype(str) if is_kfold(protocol) else part
    those = scored >= 0
    return Predictions(
        track=names[of_row][those],
        start=examples.start[those],
        end=examples.end[those],
        probabilities=probabilities[those],
        label=label[those],
        classes=examples.classes,
        task="single_label",
        split="crossval" if is_kfold(protocol) else chosen,
        protocol=_describe(examples, protocol, folds, parts, seed, sides),
    )


def score_repeats(
    examples: Examples, classifier: str, *, seeds: int = 1, **options: object
) -> Predictions:
    """Runs `score` for the seeds 0, 1, …, or only once if the seed changes nothing.

    Args:
      examples: of all parts.
      classifier: one of CLASSIFIERS.
      seeds: number of seeds.
      **options: those of `score`, without the seed.

    Returns:
      The predictions, with one repeat per seed.
    """
    if classifier not in SEEDED and not is_kfold(str(options.get("protocol", "dataset"))):
        seeds = 1
    tables = [
        score(examples, classifier, seed=seed, **options)  # type: ignore[arg-type]
        for seed in range(seeds)
    ]
    if seeds == 1:
        return tables[0]
    return join_repeats(tables, protocol=repeated(tables[0].protocol, range(seeds)))


def training_tracks(examples: Examples, protocol: str) -> np.ndarray:
    """The number of training tracks per class [classes]; with folds, all tracks count."""
    label = examples.label
    if not is_kfold(protocol):
        label = label[assign_parts(protocol, examples.tracks) == "train"]
    return np.bincount(label, minlength=len(examples.classes))


def _scored_part(part: np.ndarray, protocol: str, parts: int, split: str) -> str:
    """The part to score. It and the training part must have rows, or a UserError is raised."""
    there = [name for name in ("train", "validation", "test") if name in part]
    if is_kfold(protocol):
        split = "test" if parts == 3 else "validation"
    split = split or ("test" if "test" in there else "validation")
    for name in ("train", split):
        if name not in there:
            raise UserError(
                f"by the protocol {protocol} no track is {name}"
                + (
                    f", only {', '.join(there)}; choose another protocol or split"
                    if there
                    else "; choose one that divides them: stratified_kfold, artist_kfold, or "
                    "fault_filtered for GTZAN"
                ),
                code="protocol.empty_split",
            )
    return split


def _describe(
    examples: Examples, protocol: str, folds: int, parts: int, seed: int, sides: np.ndarray
) -> Protocol:
    made = dataclasses.replace(examples.protocol, seeds=(seed,))
    if protocol != "dataset":
        units = examples.units_of_rows()
        made = make_protocol(
            protocol, units, sides.tolist(), folds=folds, fold=None, parts=parts, seed=seed
        )
        # Told of tracks, not of the rows that they are cut into.
        unknown = told_of_artists(examples.tracks, examples.tracks.split)["unknown_artists"]
        made = dataclasses.replace(made, unknown_artists=unknown)
    return dataclasses.replace(made, segments=examples.length)
