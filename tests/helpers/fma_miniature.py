"""A miniature of FMA in the form in which it is published."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import soundfile

from mgr_jax.data.fma.fma_dataset_builder import Builder, FmaConfig

RATE = 12_000

# The columns of the published tracks.csv.
COLUMNS = {
    "album": "comments date_created date_released engineer favorites id information listens "
    "producer tags title tracks type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created "
    "favorites id latitude location longitude members name related_projects tags website "
    "wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top "
    "genres genres_all information interest language_code license listens lyricist number "
    "publisher tags title",
}
HEADER = [(top, name) for top, names in COLUMNS.items() for name in names.split()]

# Lines of the published genres.csv.
GENRES = """genre_id,#tracks,parent,title,top_level
12,32923,0,Rock,12
15,34413,0,Electronic,15
21,8389,0,Hip-Hop,21
25,9261,12,Punk,12
89,1858,25,Post-Punk,12
181,2757,15,Techno,15
539,14,21,Hip-Hop Beats,21
763,94,0,"Holiday ""Old"", etc.",763
"""
ROOTS = {"Rock": [12, 25, 89], "Electronic": [15, 181], "Hip-Hop": [21, 539]}
HERTZ = {"Rock": 300, "Electronic": 600, "Hip-Hop": 1200}

NO_GENRE, LONG, BROKEN, EMPTY, MISSING, SHORT, NO_AUDIO = 2, 3, 10, 20, 30, 98565, 99134
ODD_TITLE = 'A "title",\nof two lines, and ""more""'


def make_rows() -> dict[int, dict[tuple[str, str], str]]:
    """10 tracks of each root: 6 to train on and 2 to 2; half of them small, half medium."""
    rows = {}
    for root, genres in ROOTS.items():
        for k in range(10):
            track = 1_000 * (1 + len(rows) // 10) + k
            split = "training" if k < 6 else "validation" if k < 8 else "test"
            rows[track] = {
                ("album", "id"): str(track // 2),
                ("album", "information"): "<p>long</p>\n" * 20_000 if k == 5 else "",
                ("album", "tags"): "[]",
                ("artist", "id"): f"{genres[0]}{k // 2}",
                ("artist", "name"): "Zoë, “the” band",
                ("set", "split"): split,
                ("set", "subset"): "medium" if k % 2 else "small",
                ("track", "genre_top"): root,
                ("track", "genres"): str(genres[-1:]),
                ("track", "genres_all"): str(genres if k % 2 else genres[:1]),
                ("track", "title"): ODD_TITLE if k == 0 else f"Song {k}",
            }
    first = next(iter(rows.values()))
    subsets = {LONG: "large", NO_GENRE: "large", SHORT: "medium"}
    for track in (NO_GENRE, LONG, BROKEN, EMPTY, MISSING, SHORT, NO_AUDIO):
        rows[track] = first | {("set", "subset"): subsets.get(track, "small")}
    # The column is said to hold the ancestors; here it lacks them.
    rows[NO_GENRE] |= {("track", "genre_top"): "", ("track", "genres_all"): "[89, 181]"}
    rows[NO_GENRE] |= {("album", "id"): "-1"}
    return rows


def write_metadata(folder: Path, rows=None, genres: str = GENRES) -> None:
    """Writes tracks.csv as pandas does with two levels of columns and a named index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genres.csv").write_text(genres, encoding="utf-8")
    (folder / "raw_tracks.csv").write_text("track_id\n")
    with (folder / "tracks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["", *(top for top, _ in HEADER)])
        writer.writerow(["", *(name for _, name in HEADER)])
        writer.writerow(["track_id", *[""] * len(HEADER)])
        for track, row in (rows or make_rows()).items():
            writer.writerow([track, *(row.get(column, "") for column in HEADER)])


def mp3_path(folder: Path, track: int) -> Path:
    return folder / f"{track // 1000:03d}" / f"{track:06d}.mp3"


def write_mp3(path: Path, track: int, hertz: float, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(44_100 * seconds)) / 44_100
    tone = 0.3 * np.sin(2 * np.pi * (hertz + track % 10) * time) * (0.6 + 0.4 * np.cos(time / 5))
    tone += np.random.default_rng(track).normal(0, 1e-3, len(time))  # no two of them equal
    soundfile.write(path, np.stack([tone, tone / 2], axis=1), 44_100)


def zip_folder(folder: Path, compression: int = zipfile.ZIP_BZIP2) -> None:
    with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w", compression) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent))


def builder(subset: str, data_dir: Path, *, allow: bool = True) -> Builder:
    config = FmaConfig(
        name=f"{subset}_{RATE}", subset=subset, sample_rate=RATE, allow_other_checksum=allow
    )
    made = Builder(config=config, data_dir=str(data_dir))
    return made
