"""Calibration: fits a trained run's confidence on its validation split."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.io import convert_waveform
from mgr_jax.benchmark.timeline_study import choose_timeline, require_splices
from mgr_jax.config import load_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.pipeline import open_split
from mgr_jax.decisions import Decisions
from mgr_jax.errors import UserError, require
from mgr_jax.evaluation import Predictions
from mgr_jax.files import expand
from mgr_jax.model_folder import ModelDescription, find_model, read_description
from mgr_jax.runs.calibration import Calibration
from mgr_jax.runs.fit_background import Music, fit_background, quieter, share_refused
from mgr_jax.runs.told import (
    NEVER,
    choose_thresholds,
    cross_fit,
    fit_temperature,
    highest_precision,
    score_calibration,
    score_told,
    with_temperature,
)
from mgr_jax.training.inference import predict_run

_MOST_TRACKS = 400  # of a split that a background check hears


def calibrate(
    run: str | os.PathLike[str],
    *,
    precision: float = 0.9,
    split: str = "validation",
    report_split: str | None = None,
    data_dir: str | Path | None = None,
    background: bool = True,
    timeline: bool = False,
    progress: bool = True,
) -> Calibration:
    """Calibrates a trained run's confidence, and writes the result into its model.json.

        print(mgr_jax.calibrate("runs/a", precision=0.9, report_split="test"))
        mgr_jax.load("runs/a").predict("song.mp3").label   # "jazz", or "undecided"

    It works on a split that the run was not trained on. It fits temperatures for clips and tracks,
    so that predictions with a probability of 80 % are right 8 times out of 10. It chooses
    thresholds, below which a prediction is "undecided". And it fits a check that tells music from
    other sounds, on the split's tracks and synthetic sounds. Weights do not change, nor does what
    `evaluate` scores.

    Args:
      run: a trained run, or its folder; its best checkpoint is calibrated.
      precision: the share of decided predictions that should be right; 0: no thresholds.
      split: the split to fit on.
      report_split: another split, such as "test", that is only scored.
      data_dir: the TFDS folder, if it has moved since training.
      background: fit the check for music; only for models that read audio.
      timeline: also choose the settings of timeline sections; see `choose_timeline`.
      progress: show bars.

    Returns:
      The temperatures, thresholds and scores; as text when printed.

    Raises:
      UserError: no such run, checkpoint, dataset or split; the run was trained on the split; the
        split has a single track; the run is not a classifier; no threshold reaches the precision;
        or no timeline settings can be chosen. Nothing is written then.
    """
    workdir = find_model(run)
    described = read_description(workdir)
    described.require_classes(workdir)
    require(0 <= precision <= 1, "precision", precision, "expected a share from 0 to 1")
    _require_fit(workdir, described, split, report_split)
    if timeline:
        require_splices(workdir, described)

    def predict(name: str) -> Predictions:
        folder = expand(data_dir) if data_dir else None
        return predict_run(workdir, name, data_dir=folder, progress=progress)

    segments = predict(split)
    tracks = segments.by_track()
    if len(tracks.track) < 2:
        raise UserError(
            f"the {split} split of {workdir} has a single track, too few to calibrate on; "
            "prepare the dataset with a larger share for it",
            code="calibrate.too_few",
        )
    decisions = dataclasses.replace(
        described.decisions,
        clip_temperature=fit_temperature(segments),
        track_temperature=fit_temperature(tracks),
        thresholds={},
        precision=precision or None,
        background={},
    )
    if precision:
        calibrated = with_temperature(tracks, decisions.track_temperature)
        thresholds = choose_thresholds(calibrated, precision)
        if min(thresholds.values()) >= NEVER:
            highest = highest_precision(calibrated)
            raise UserError(
                f"no threshold reaches a precision of {precision:g} on the {len(tracks.track)} "
                f"{split} tracks of {workdir}; give {np.floor(100 * highest) / 100:g} or less, or "
                "0 to do without thresholds",
                code="calibrate.not_reached",
            )
        decisions = dataclasses.replace(decisions, thresholds=thresholds)
    measured: dict[str, Any] = {
        "split": split,
        "tracks": len(tracks.track),
        "before": _before(segments),
        "after": score_told(segments, decisions),
        "cross_fitted": cross_fit(tracks, precision),
    }
    if report_split:
        other = predict(report_split)
        after = score_told(other, decisions)
        measured["reported"] = {"split": report_split, "before": _before(other), "after": after}
    if background and described.spec.kind == "waveform":
        listen = functools.partial(_listen, workdir, described, data_dir, progress)
        music, quiet = listen("train", split), listen("train", split, soften=True)
        detector, heard = fit_background(music, quiet, described.spec)
        if report_split:
            heard |= {"refused": share_refused(listen(report_split), detector)}
        measured["background"] = heard
        decisions = dataclasses.replace(decisions, background=detector)
    if timeline:
        chosen, measured["timeline"] = choose_timeline(
            workdir, data_dir=data_dir, split=split, decisions=decisions, progress=progress
        )
        decisions = dataclasses.replace(decisions, timeline=chosen)
    decisions = dataclasses.replace(decisions, measured=measured)
    dataclasses.replace(described, decisions=decisions).save(workdir)
    return Calibration(workdir, decisions)


def _require_fit(
    workdir: Path, described: ModelDescription, split: str, report_split: str | None
) -> None:
    if "train" in (split, report_split):
        raise UserError(
            f"{workdir} was trained on its train split, where it is surer than elsewhere; give "
            "validation or test",
            code="calibrate.trained_on",
        )
    if split == report_split:
        raise UserError(
            f"the {split} split both decides and reports; give another split to report",
            code="argument.choose_one",
        )
    if not described.trained_to_classify:
        raise UserError(
            f"{workdir} was not trained to classify, so its probabilities mean nothing; give a "
            "run that was",
            code="calibrate.not_a_classifier",
        )


def _listen(
    workdir: Path,
    described: ModelDescription,
    data_dir: str | Path | None,
    progress: bool,
    *splits: str,
    soften: bool = False,
) -> Music:
    """Computes the sound statistics of the tracks of some splits, made quieter first if asked."""
    config = load_config(workdir / "config.json")
    if data_dir:
        config.data_dir = str(expand(data_dir))
    rate = int(described.spec.sample_rate)

    def waveforms(tracks: Tracks) -> Iterator[tuple[str, np.ndarray]]:
        chosen = np.random.default_rng(0).permutation(len(tracks))[:_MOST_TRACKS]
        for row in tqdm(
            chosen, f"hearing {tracks.split}", leave=False, disable=None if progress else True
        ):
            track = np.asarray(tracks.read(int(row)))
            if int(tracks.rate) != rate:
                floats = track / np.float32(2**15)
                track = convert_waveform(floats, tracks.rate, rate, dtype=np.int16)
            artist = str(tracks.artist_id[row]) or str(tracks.track_id[row])
            yield artist, quieter(track, int(row)) if soften else track

    opened = [open_split(config, split) for split in splits]
    return Music.hear(itertools.chain.from_iterable(map(waveforms, opened)), described.spec)


def _before(segments: Predictions) -> dict[str, Any]:
    """The scores of an uncalibrated run, which has no thresholds."""
    return {
        "segment": score_calibration(segments),
        "track": score_told(segments, Decisions())["track"],
    }
