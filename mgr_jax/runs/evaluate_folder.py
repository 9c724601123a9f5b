"""Scoring a model on labelled files that were never a dataset."""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.data import SPLITS
from mgr_jax.data.cache import digest
from mgr_jax.data.class_names import map_labels, read_class_names, read_pairs
from mgr_jax.data.folder_index import Entry, describe_files, find_index
from mgr_jax.errors import UserError, some_names, unknown_name
from mgr_jax.evaluation import (
    Predictions,
    Protocol,
    load_result,
    save_result,
    wilson_interval,
)
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.runs.folder_result import (
    REASONS,
    FolderResult,
    LeftOut,
    find_mistakes,
    left_out_lines,
    write_lists,
)
from mgr_jax.runs.seen_files import SeenFiles
from mgr_jax.runs.told import score_run

_COLUMNS = ("path", "genre", "artist")


def evaluate_folder(
    workdir: Path,
    folder: Path,
    *,
    labels: Path | None = None,
    columns: Mapping[str, str] | str | None = None,
    class_names: Mapping[str, str] | str | Path | None = None,
    leave_out_unknown: bool = False,
    include_trained: bool = False,
    name: str | None = None,
    checkpoint: str | int = "best",
    data_dir: Path | None = None,
    aggregation: str = "probabilities",
    top_k: int | None = None,
    limits: LimitsLike = None,
    workers: int | None = None,
    progress: bool = True,
) -> FolderResult:
    """Scores a model on the labelled files of a folder; `evaluate` calls it.

    Args:
      workdir: folder of the run.
      folder: folder of the files, with an index.csv or a folder for each genre.
      labels: path of an index that lies elsewhere or has another name.
      columns: names of the index's columns, as in "path=file,genre=style,artist=band".
      class_names: which label is which class, see `read_class_names`.
      leave_out_unknown: leave out files whose label the model does not know.
      include_trained: also score files that the model was trained on; the result is marked.
      name: name of the result; None: that of the folder.
      checkpoint: see `evaluate`.
      data_dir: folder of the run's dataset, whose artists are compared.
      aggregation: see `evaluate`.
      top_k: see `evaluate`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode; see `predict_stream`.
      progress: show a bar.

    Returns:
      The scores, the mistakes and the files left out.

    Raises:
      UserError: the model predicts tags or takes more than sound, no file has a label, or labels
        are not classes of the model.
    """
    name = _name_result(workdir, name if name is not None else folder.absolute().name)
    predictor = load(workdir, checkpoint=checkpoint)
    _require_sound_to_genre(workdir, predictor)
    named = read_pairs(columns, "columns")
    if unknown := named.keys() - set(_COLUMNS):
        raise unknown_name("column of an index", min(unknown), _COLUMNS)
    entries = describe_files(folder, names_in_text=True, index=labels, columns=named)
    source = labels or find_index(folder) or folder
    pairs = read_class_names(class_names)
    label_of, left_out = _label(
        entries, folder, source, predictor.classes, pairs, leave_out_unknown
    )

    seen = SeenFiles(workdir, predictor)
    found = _predict(predictor, folder, list(label_of), seen, left_out, limits, workers, progress)
    trained = seen.trained_on(found)
    if not include_trained:
        left_out += [LeftOut(path, kind, REASONS[kind]) for path, kind in sorted(trained.items())]
        found = {path: prediction for path, prediction in found.items() if path not in trained}
    if not found:
        why = "; ".join(line.strip() for line in left_out_lines(left_out)[1:])
        raise UserError(f"no file of {folder} is left to be scored: {why}", code="split.empty")
    seen.tell_validation(found)
    artists = {entry.path: entry.artist for entry in entries if entry.path in found}
    crossing, of_nobody = seen.artists_on_both_sides(artists, data_dir)

    which = "files" if include_trained or not seen.is_known else "files not trained on"
    by = "folders" if source == folder else source.name
    leak = f"{len(trained)} of the {len(found)} files were trained on"
    protocol = Protocol(
        "file",
        origin=f"{which} of {folder.absolute().name}, labels by {by}",
        segments=f"segments of {predictor.spec.clip_samples / predictor.spec.sample_rate:.3g} s",
        crossing_artists=crossing,
        unknown_artists=of_nobody,
    ).with_leak(leak if include_trained and trained else "")
    protocol = protocol.with_overlap(*seen.untold)
    table = _table(predictor, found, label_of, name, protocol)
    result = save_result(
        workdir,
        table,
        predictor.description.training_tracks or None,
        system=predictor.description.system,
        aggregation=aggregation,
        top_k=top_k,
        told=_score_told(predictor, table, found, label_of, aggregation),
    )
    mistakes = find_mistakes(predictor.classes, found, label_of)
    write_lists(workdir / "predictions", name, mistakes, left_out)
    return FolderResult(**vars(result), mistakes=mistakes, left_out=tuple(left_out))


def _label(
    entries: Sequence[Entry],
    folder: Path,
    source: Path,
    classes: Sequence[str],
    pairs: Mapping[str, str],
    leave_out_unknown: bool,
) -> tuple[dict[str, int], list[LeftOut]]:
    """The class of each file by path, and the files that have none or do not exist."""
    left_out = []
    labelled = []
    for entry in entries:
        if not (folder / entry.path).is_file():
            left_out.append(LeftOut(entry.path, "no_file", REASONS["no_file"]))
        elif not entry.genre:
            left_out.append(LeftOut(entry.path, "no_label", REASONS["no_label"]))
        else:
            labelled.append(entry)
    if not labelled:
        raise UserError(
            f"no audio file in {folder} has a label; put them into a folder for each genre, or "
            "name them and their genres in an index.csv (columns path and genre)",
            code="table.no_labels",
        )
    numbers = map_labels(
        [entry.genre for entry in labelled],
        classes,
        pairs,
        where=str(source),
        leave_out_unknown=leave_out_unknown,
    )
    label_of = {}
    for entry, number in zip(labelled, numbers, strict=True):
        if number is None:
            reason = f"its label '{entry.genre}' is not a class of the model"
            left_out.append(LeftOut(entry.path, "no_class", reason))
        else:
            label_of[entry.path] = number
    return label_of, left_out


def _name_result(workdir: Path, name: str) -> str:
    """The name, if scores may have it."""
    if not name or "/" in name or "\0" in name or name.startswith("."):
        raise UserError(
            f"'{name}' cannot name scores; give a name of letters and digits (`name`)",
            code="file.impossible_path",
        )
    taken = name in SPLITS
    if not taken and (workdir / "predictions" / f"{name}.json").exists():
        with contextlib.suppress(UserError):  # damaged ones may be replaced
            taken = load_result(workdir, name).protocol.name != "file"
    if taken:
        raise UserError(
            f"the scores of a folder called {name} would replace those of the {name} split; give "
            "them another name (`name`)",
            code="file.name_taken",
        )
    return name


def _require_sound_to_genre(workdir: Path, predictor: Predictor) -> None:
    if predictor.spec.task != "single_label":
        raise UserError(
            f"{workdir} tells tags, but the labels of a folder are genres, one for each file; "
            "teach it these genres (mgr-jax teach), or evaluate a single_label run",
            code="task.needs_single_label",
        )
    if predictor.side.format:
        raise UserError(
            f"{workdir} takes more than sound (config.side_inputs), which is known only for its "
            "dataset's tracks; evaluate a split of that, or predict with a table",
            code="side_inputs.dataset_only",
        )
    predictor.audio_rate()  # raises if the model reads features of unknown origin


def _predict(
    predictor: Predictor,
    folder: Path,
    paths: Sequence[str],
    seen: SeenFiles,
    left_out: list[LeftOut],
    limits: LimitsLike,
    workers: int | None,
    progress: bool,
) -> dict[str, Prediction]:
    """The predictions of files by path; files without one are added to `left_out`."""
    path_of = {str(folder / path): path for path in paths}
    outcomes = predictor.predict_files(
        path_of,
        limits=Limits.of(limits),
        workers=workers,
        look=lambda samples, rate: digest(samples),
    )
    found: dict[str, Prediction] = {}
    notes: list[str] = []
    for file in tqdm(
        outcomes, folder.name, len(paths), unit="file", disable=None if progress else True
    ):
        notes += file.notes
        if file.overview:
            seen.hear(path_of[file.name], file.overview)
        if file.prediction:
            found[path_of[file.name]] = file.prediction
        else:
            left_out.append(LeftOut(path_of[file.name], "unusable", str(file.error)))
    if notes:
        warnings.warn(
            f"{len(notes)} things are told of files that are scored, but not as they are: "
            f"{some_names(notes, between='; ')}",
            stacklevel=4,
        )
    return found


def _table(
    predictor: Predictor,
    found: Mapping[str, Prediction],
    label_of: Mapping[str, int],
    name: str,
    protocol: Protocol,
) -> Predictions:
    segments = [len(prediction.start) for prediction in found.values()]
    return Predictions(
        track=np.repeat(list(found), segments),
        start=np.concatenate([prediction.start for prediction in found.values()]),
        end=np.concatenate([prediction.end for prediction in found.values()]),
        probabilities=np.concatenate([prediction.probabilities for prediction in found.values()]),
        label=np.repeat([label_of[path] for path in found], segments),
        classes=predictor.classes,
        task=predictor.spec.task,
        split=name,
        protocol=protocol,
    )


def _score_told(
    predictor: Predictor,
    table: Predictions,
    found: Mapping[str, Prediction],
    label_of: Mapping[str, int],
    aggregation: str,
) -> dict[str, Any] | None:
    """Scores decided predictions, see `score_run`; None if every prediction is decided."""
    decisions = predictor.description.decisions
    right = [
        prediction.answer.label == predictor.classes[label_of[path]]
        for path, prediction in found.items()
        if prediction.answer.told
    ]
    if not decisions.measured and len(right) == len(found):
        return None
    scores = score_run(table, decisions, aggregation)
    # As decided from the sound: a table does not say whether it is music.
    scores["track"] |= {
        "told": len(right),
        "precision": _share(sum(right), len(right)),
        "coverage": _share(len(right), len(found)),
    }
    return scores


def _share(count: int, trials: int) -> list[float | None]:
    if not trials:
        return [None, None, None]
    return [count / trials, *wilson_interval(count / trials, trials)]
