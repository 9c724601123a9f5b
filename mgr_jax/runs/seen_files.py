"""Finds the files of a folder that a run was trained on or chosen by, and shared artists."""

import logging
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from mgr_jax.config import load_config
from mgr_jax.data.genres import same_key, tidy_name
from mgr_jax.data.pipeline import open_split
from mgr_jax.data.table_rows import match_rows
from mgr_jax.data.trained_on import TrainedOn, read_tracks, trained_on
from mgr_jax.errors import UserError, some_names
from mgr_jax.prediction.predictor import Predictor

log = logging.getLogger(__name__)


class SeenFiles:
    """Compares files with the tracks that a run was made with.

    Attributes:
      is_known: whether the training tracks of the run are known.
      untold: training data whose tracks are not known, in words; see `TrainedOn`.
    """

    def __init__(self, workdir: Path, predictor: Predictor) -> None:
        """Reads what a run was trained on; warns if that is not known.

        Args:
          workdir: folder of the run.
          predictor: the run's predictor.
        """
        self._workdir, self._rate = workdir, predictor.audio_rate()
        self._heard: dict[str, str] = {}
        self._validation = []
        try:
            self._seen = trained_on(workdir)
            if not _is_import(self._seen):
                self._validation = read_tracks(workdir)["validation"]
        except UserError as error:
            self._seen = ()
            warnings.warn(
                f"it is not known what {workdir} was trained on ({error}): if it was trained on "
                "these files, scores are too high",
                stacklevel=3,
            )
        self.is_known = not _is_import(self._seen)
        self.untold = tuple(run.untold for run in self._seen if run.untold)
        if self.untold:
            warnings.warn(
                f"the weights of {workdir} come from elsewhere, with no list of their training "
                f"tracks ({' and '.join(self.untold)}): if these files are among them, scores "
                "are too high",
                stacklevel=3,
            )

    def hear(self, path: str, digest: str) -> None:
        """Stores the digest of a file's samples at the rate of the model.

        Args:
          path: the file.
          digest: see `data.cache.digest`.
        """
        self._heard[path] = digest

    def trained_on(self, paths: Collection[str]) -> dict[str, str]:
        """The files that the run, or a run whose weights it began with, was trained on.

        They are recognised by content ("trained_on"). If a run kept no comparable content, as for
        features, they are recognised by name ("named_alike"). A warning names files of equal name
        and other content.

        Args:
          paths: the files.

        Returns:
          "trained_on" or "named_alike" by path.
        """
        found: dict[str, str] = {}
        for run in self._seen:
            if run.untold:
                continue
            named = match_rows(run.tracks, paths).keys()
            kept = run.format["kind"] == "waveform" and run.format.get("rate") == self._rate
            if not (run.digests and kept):
                found = dict.fromkeys(named, "named_alike") | found
                continue
            digests = set(run.digests)
            alike = {path for path in paths if self._heard.get(path) in digests}
            found |= dict.fromkeys(alike, "trained_on")
            if others := sorted(named - alike):
                warnings.warn(
                    f"{len(others)} files have the names of tracks that {run.run} was trained on, "
                    f"such as {others[0]}, but hold other samples; if they are the same music in "
                    "another form, scores are too high",
                    stacklevel=3,
                )
        twins = Counter(self._heard[path] for path in paths if path in self._heard)
        if more := sum(count - 1 for count in twins.values()):
            those = [path for path in paths if twins[self._heard.get(path, "")] > 1]
            warnings.warn(
                f"{more} files hold the same sound as others of the folder ({some_names(those)}) "
                "and count each time",
                stacklevel=3,
            )
        return found

    def tell_validation(self, paths: Collection[str]) -> None:
        """Logs how many files have the names of tracks that chose the checkpoint.

        Args:
          paths: the files.
        """
        if count := len(match_rows(self._validation, paths)):
            log.info(
                "%d of %d files have the names of tracks that chose the best checkpoint.",
                count,
                len(paths),
            )

    def artists_on_both_sides(
        self, artists: Mapping[str, str], data_dir: Path | None
    ) -> tuple[int | None, int | None]:
        """Counts the artists that the files share with the training tracks.

        Args:
          artists: artist by path; empty if unknown.
          data_dir: see `evaluate`.

        Returns:
          The number of shared artists, and of files of unknown artists; None for both if the
          folder or the run knows no artist.
        """
        if not any(artists.values()) or not self.is_known:
            return None, None
        try:
            config = load_config(self._workdir / "config.json")
            if data_dir:
                config.data_dir = str(data_dir)
            trained = {_key(name) for name in open_split(config, "train").artist_id if name}
        except UserError as error:
            log.info("the artists of the training tracks cannot be compared: %s", error)
            return None, None
        if not trained:
            return None, None
        crossing = sorted({name for name in artists.values() if name and _key(name) in trained})
        if crossing:
            count = sum(_key(name) in trained for name in artists.values() if name)
            warnings.warn(
                f"{count} files are by {len(crossing)} artists that the run was trained on "
                f"({some_names(crossing)}): scores may be too high",
                stacklevel=3,
            )
        return len(crossing), sum(not name for name in artists.values())


def _is_import(seen: Sequence[TrainedOn]) -> bool:
    """Whether a model was imported, so that its folder is not that of a run."""
    return not seen or bool(seen[0].untold)


def _key(artist: str) -> str:
    return same_key(tidy_name(str(artist)))
