"""Embeds the songs that are taught; each file is embedded once."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.file_tags import read_tags
from mgr_jax.audio.io import Limits
from mgr_jax.data.cache import digest
from mgr_jax.data.sources import file_state
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor
from mgr_jax.runs.teaching.store import Clips, Item, Store


def embed_files(
    predictor: Predictor,
    paths: Sequence[str],
    folder: Path,
    *,
    settings: Mapping[str, Any],
    limits: Limits,
    workers: int | None,
    progress: bool,
) -> Store:
    """Embeds the files that are not in a store yet, or have changed.

    Args:
      predictor: the encoder.
      paths: absolute paths of the files.
      folder: folder of the store.
      settings: settings of the store, see `Store`.
      limits: which files are refused.
      workers: processes that decode.
      progress: show a bar.

    Returns:
      The store; for files that cannot be used it holds the reason.

    Raises:
      UserError: the store was made with other settings.
    """
    store = Store(folder, settings)
    states = {path: file_state(Path(path)) for path in paths}
    todo = [p for p in paths if p not in store.items or store.items[p].state != states[p]]
    if not todo:
        return store
    found = predictor.predict_files(
        todo, limits=limits, workers=workers, look=lambda samples, rate: digest(samples)
    )
    bar = tqdm(
        found,
        "embedding",
        initial=len(paths) - len(todo),
        total=len(paths),
        unit="file",
        disable=None if progress else True,
    )
    with contextlib.closing(store), contextlib.closing(found), bar:  # type: ignore[type-var]
        for file in bar:
            item = Item(file.name, states[file.name], notes=file.notes)
            clips, error = _clips(file.prediction), str(file.error or "")
            if clips is not None and not np.isfinite(clips.embedding).all():
                clips, error = None, f"{file.name}: its embedding is not finite"
            if clips is None:
                store.add(dataclasses.replace(item, error=error), None)
                continue
            tags = read_tags(file.name)
            rows, sound = len(clips.start), str(file.overview)
            artist, album = tags.get("artist", ""), tags.get("album", "")
            told = dataclasses.replace(item, sound=sound, artist=artist, album=album)
            store.add(dataclasses.replace(told, rows=rows), clips)
    return store


def _clips(prediction: Prediction | None) -> Clips | None:
    if prediction is None:
        return None
    assert prediction.segment_embeddings is not None  # every network has some
    return Clips(
        prediction.segment_embeddings.astype(np.float32),
        prediction.probabilities.astype(np.float32),
        prediction.start.astype(np.float64),
        prediction.end.astype(np.float64),
    )
