"""Looks for leaks, which make scores too high, in one call: `mgr_jax.audit`."""

import dataclasses
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.errors import UserError, printable
from mgr_jax.files import expand, require_folder, together, write_json, write_text
from mgr_jax.leakage import FINGERPRINTS
from mgr_jax.leakage.findings import find_leaks
from mgr_jax.leakage.fingerprints import find_scheme
from mgr_jax.leakage.material import Material, open_dataset, open_folder, open_table
from mgr_jax.reports.audit_page import draw_bit_error_rates, format_audit
from mgr_jax.reports.figures import save_figure


@dataclass(frozen=True)
class Audit:
    """What an audit has found; `str(audit)` is its summary.

    Attributes:
      summary: the findings in sentences.
      source: what was audited.
      crosses: how many tracks, artists, recordings etc. are in several splits although they should
        not be, such as `{"artist": 2, "recording": 1}`. Empty if there are none, or if there are
        no splits.
      splits: the number of `tracks` by split, and one entry for each of the `columns` "track",
        "artist" and further columns of the tracks: for how many tracks it is `known`, its number
        of `values`, the `crossing` values with their splits, and how many tracks of each split are
        `affected`. None if there are no splits.
      apart: the columns whose values should not cross splits.
      copies: training tracks that hold the same recording as a track that a published list scores,
        each with that track.
      unreadable: tracks that could not be read, each with the reason.
      notes: tracks that were read with a warning, each with the warning.
      duplicates: `what` was compared (recordings or features), by which `method`, and the `pairs`
        of equal tracks: their splits, whether these differ (`across`), and where the tracks are
        equal, in seconds or as a row number.
    """

    summary: tuple[str, ...]
    source: str
    crosses: dict[str, int]
    splits: dict[str, Any] | None
    apart: tuple[str, ...]
    copies: dict[str, str]
    unreadable: dict[str, str]
    notes: dict[str, list[str]]
    duplicates: dict[str, Any]

    def __str__(self) -> str:
        """The summary, one sentence per line."""
        return "\n".join(map(printable, [f"Audit of {self.source}", *self.summary]))

    def markdown(self) -> str:
        """The summary, the crossing values and the pairs as a Markdown page."""
        return format_audit(dataclasses.asdict(self))

    def save(self, folder: str | Path) -> Path:
        """Writes audit.md, audit.json and, if matplotlib is installed, audit.png.

        The picture is a histogram of the similarity of the compared recordings.

        Args:
          folder: the folder to write to; made if absent.

        Returns:
          The path of audit.md.

        Raises:
          UserError: the folder cannot be written.
        """
        folder = expand(folder)
        require_folder(folder)
        content = dataclasses.asdict(self)
        rates = self.duplicates.get("bit_error_rates", [])
        drawn = bool(rates) and importlib.util.find_spec("matplotlib") is not None
        with together(folder) as new:
            write_json(new / "audit.json", content)
            if drawn:
                title = f"{self.source}: how alike pairs of recordings are"
                figure = draw_bit_error_rates(rates, self.duplicates["limit"], title)
                save_figure(figure, new / "audit.png")
            write_text(new / "audit.md", format_audit(content, "audit.png" if drawn else ""))
        return folder / "audit.md"

    def require_apart(self) -> None:
        """Checks that nothing crosses splits that should not.

        Raises:
          UserError: something does (`crosses` is not empty).
        """
        if self.crosses:
            found = ", ".join(f"{what} ({count})" for what, count in self.crosses.items())
            raise UserError(
                f"the splits of {self.source} share {found}; keep what the audit names in one "
                "split, or leave it out",
                code="split.overlap",
            )


def audit(
    *,
    dataset: str | None = None,
    audio: str | Path | None = None,
    table: str | Path | None = None,
    sample_rate: int = 22_050,
    data_dir: str | Path | None = None,
    artists: str | Path | None = None,
    tracks: str | Path | None = None,
    subset: str | None = None,
    protocol: str = "dataset",
    fingerprint: str = FINGERPRINTS[0],
    store: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    limits: LimitsLike = None,
) -> Audit:
    """Looks for leaks: the same music in training and in test, which makes scores too high.

        audit = mgr_jax.audit(dataset="gtzan/fault_filtered")
        print(audit)
        audit.save("audits/gtzan")
        assert not audit.crosses

    In a dataset or a table it finds tracks, artists and values of further columns that are in
    several splits. In a dataset or a folder of audio it finds recordings that two tracks share,
    whole or in part, by acoustic fingerprints; re-encoding, a shift, a gain or noise do not hide
    them. In features it finds identical rows. It also reports training tracks that are known copies
    of tracks that a published list scores, even if the latter are not there to be compared.

    Args:
      dataset: a prepared dataset, such as "gtzan/fault_filtered".
      audio: a folder of audio files; an `index.csv` in it may name artists and splits.
      table: a file of features: .csv, .parquet, .npz, or fma_metadata.zip. Give exactly one of
        these three.
      sample_rate: of a dataset of audio, in Hz.
      data_dir: the TFDS folder; None: $TFDS_DATA_DIR, else ~/tensorflow_datasets.
      artists: an index of artists: a CSV file with the columns track and artist, or index.txt of
        https://github.com/boblsturm/GTZAN. It takes precedence over the dataset's own artists.
      tracks: for a table of FMA: tracks.csv or fma_metadata.zip, which hold artists and splits.
      subset: for a table of FMA: "small", "medium", "large" or "full".
      protocol: "dataset" audits the splits of the data itself; the name of a published list, such
        as "fault_filtered", audits the splits of that list.
      fingerprint: how recordings are compared: "haitsma_kalker", or "chromaprint", which needs its
        program fpcalc.
      store: folder that keeps the fingerprints of a folder of audio, so that they are computed
        once; None: one in the user's cache ($XDG_CACHE_HOME, else ~/.cache). Those of a dataset
        are kept beside the dataset.
      workers: processes that decode audio; 0: this one; None: one per CPU.
      progress: show bars.
      limits: which files of a folder are refused; see `audio.io.Limits`.

    Returns:
      The findings.

    Raises:
      UserError: not exactly one of dataset, audio and table is given, or an input cannot be read.
    """
    if sum(given is not None for given in (dataset, audio, table)) != 1:
        raise UserError(
            "an audit takes one of dataset, audio and table, such as the folder of your audio "
            "files",
            code="argument.choose_one",
        )
    for name, value in (("tracks", tracks), ("subset", subset)):
        if value is not None and table is None:
            raise UserError(
                f"{name} describes a table; leave it out with a dataset or audio",
                code="argument.not_applicable",
            )
    limits = Limits.of(limits)
    scheme = find_scheme(fingerprint)
    store = _path(store)
    if store:  # checked before the work, not after it
        require_folder(store)
    material: Material
    if dataset is not None:
        material = open_dataset(dataset, sample_rate=sample_rate, data_dir=data_dir, scheme=scheme)
    elif audio is not None:
        material = open_folder(expand(audio), store=store, scheme=scheme, limits=limits)
    else:
        assert table is not None
        material = open_table(expand(table), tracks=_path(tracks), subset=subset)
    material = material.with_artists(_path(artists)).with_protocol(protocol)
    workers = (os.cpu_count() or 1) if workers is None else workers
    return Audit(**find_leaks(material, scheme, workers=workers, progress=progress))


def _path(given: str | Path | None) -> Path | None:
    return expand(given) if given else None
