"""Tables as input of a trained model: features in place of sound, or beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgr_jax.data.feature_files import FeatureTracks, read_features
from mgr_jax.data.table_rows import match_rows, read_table, rows_of
from mgr_jax.errors import UserError
from mgr_jax.input_spec import InputSpec
from mgr_jax.prediction.predictor import Predictor


def read_for_model(file: Path, spec: InputSpec) -> FeatureTracks:
    """Reads a file of features; of a table, the columns that the model was trained on, by name.

    Args:
      file: path of the file.
      spec: input specification of the model.

    Returns:
      The features.
    """
    table = read_features(file)
    return table.with_columns(spec.columns) if spec.columns else table


def side_rows(file: str, predictor: Predictor, tracks: Sequence[str]) -> list[dict[str, Any]]:
    """The row of a table that a `fusion` takes beside the sound of each track.

    Args:
      file: a table, see `read_features`; empty: there is none.
      predictor: the run's predictor.
      tracks: names of tracks, or paths of files.

    Returns:
      The side inputs of each track.

    Raises:
      UserError: no such table, a missing column or row, or a model that takes no table.
    """
    if not file:
        return [{} for _ in tracks]
    columns = predictor.side.columns
    if not columns:
        raise UserError(
            f"the table {file} is given, but this model takes none; leave it out",
            code="argument.not_applicable",
        )
    table = read_table(file).with_columns(columns)
    rows = rows_of(table, match_rows(table.track_id, tracks))
    if missing := [track for track in tracks if track not in rows]:
        raise UserError(
            f"{file} has no single row for {missing[0]} ({len(missing)} of {len(tracks)} are "
            "missing); add rows, named like the files or tracks with their folders",
            code="table.missing_row",
        )
    return [{"table": rows[track]} for track in tracks]
