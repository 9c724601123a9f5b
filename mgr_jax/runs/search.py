"""Search by sound: the nearest rows of a table of embeddings, by exact cosine similarity."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mgr_jax.audio.file_tags import read_tags
from mgr_jax.audio.io import LimitsLike
from mgr_jax.data.genres import same_key, tidy_name
from mgr_jax.errors import UserError, printable
from mgr_jax.files import expand
from mgr_jax.model_folder import find_model
from mgr_jax.prediction.digest import digest_network
from mgr_jax.prediction.predictor import load
from mgr_jax.runs.embedding_table import EmbeddingTable, as_text

# No other recording was found above this similarity; copies in other formats are above it.
_SAME = 0.9999


@dataclass(frozen=True)
class Neighbour:
    """A similar row of a table; in a table of segments, the best row of its track.

    Attributes:
      similarity: cosine of the two embeddings.
      name: name of the file or track.
      split: see `Embeddings`.
      start: see `Embeddings`.
      end: see `Embeddings`.
      label: see `Embeddings`.
      probability: see `Embeddings`.
      genre: see `Embeddings`.
      artist: see `Embeddings`.
      title: see `Embeddings`.
      is_copy: it is so similar that it may be the same recording.
    """

    similarity: float
    name: str
    split: str
    start: float
    end: float
    label: str
    probability: float
    genre: str
    artist: str
    title: str
    is_copy: bool

    def __str__(self) -> str:
        """One line of text."""
        known = [text for text in (self.artist, self.title, self.genre) if text]
        about = f" ({', '.join(known)})" if known else ""
        copy = "; the same recording?" if self.is_copy else ""
        span = f" {self.start:.1f}-{self.end:.1f} s"
        return printable(f"{self.similarity:.4f}  {self.name}{span}{about}{copy}")


@dataclass(frozen=True)
class Neighbours:
    """The result of a search.

    Attributes:
      like: what was searched for.
      artist: its artist; empty if unknown.
      nearest: the found rows, the most similar first; equal ones in the order of the table.
      searched: number of tracks that were compared.
      unknown_artists: number of rows left out because their artist is unknown.
    """

    like: str
    artist: str
    nearest: tuple[Neighbour, ...]
    searched: int
    unknown_artists: int


def search(
    like: str | os.PathLike[str],
    table: str | os.PathLike[str],
    *,
    top: int = 10,
    not_same_artist: bool = False,
    model: str | os.PathLike[str] | None = None,
    limits: LimitsLike = None,
) -> Neighbours:
    """Finds the tracks of a table of embeddings that sound like a file or a track.

        for row in mgr_jax.search("song.mp3", "embeddings.parquet").nearest:
            print(row.similarity, row.name)

    Every row is compared, block by block, so memory does not grow with the table. The query itself
    is left out, by its name.

    Args:
      like: the name of a track in the table, or the path of an audio file.
      table: a .parquet or .npz file that `embed` wrote.
      top: number of tracks to find.
      not_same_artist: leave out tracks of the same artist, and those of unknown artists.
      model: the folder of the model that made the table, if it has moved. A track of the table
        needs no model.
      limits: which files are refused; see `audio.io.Limits`.

    Returns:
      The nearest tracks.

    Raises:
      UserError: there is no such table, track or file, the table was made by another model, or the
        artist is needed and unknown.
    """
    if top < 1:
        raise UserError(f"`top` is {top}; give 1 or more", code="argument.out_of_range")
    opened, like = EmbeddingTable(expand(table)), str(like)
    if not like:
        raise UserError("`like` is empty; name a track or a file", code="search.not_found")
    spellings = {like, str(expand(like)), os.path.abspath(like), os.path.relpath(like)}
    names = set(map(as_text, spellings))
    query, artist = _of_track(opened, names)
    if query is None:
        query, artist = _of_file(opened, like, model, limits)
    elif model is not None:
        _require_same(opened, model)
    if not_same_artist and not artist:
        raise UserError(
            f"the artist of {like} is not known, so its other tracks cannot be left out; name it "
            "in the tags of the file or in an index.csv, or search without `not_same_artist`",
            code="search.unknown_artist",
        )
    best, searched, unknown = _scan(
        opened, query, top, but=names, artist=artist if not_same_artist else ""
    )
    nearest: tuple[Neighbour, ...] = ()
    if best:
        rows = opened.rows([row for _, row in best.values()])
        columns = {n: c.tolist() for n, c in vars(rows).items() if n != "embedding"}
        nearest = tuple(
            Neighbour(
                similarity=similarity,
                is_copy=similarity >= _SAME,
                **{name: column[i] for name, column in columns.items()},
            )
            for i, (similarity, _) in enumerate(best.values())
        )
    return Neighbours(like, artist, nearest, searched, unknown)


Best = Mapping[str, tuple[float, int]]


def _scan(
    table: EmbeddingTable, query: np.ndarray, top: int, *, but: set[str], artist: str
) -> tuple[Best, int, int]:
    """The best row of each of the nearest tracks.

    Args:
      table: the table to search.
      query: [dim] float32 of length 1.
      top: number of tracks.
      but: names of tracks to leave out.
      artist: leave out tracks of this artist and of unknown artists; empty: none.

    Returns:
      Similarity and row by track, the nearest first; the number of compared tracks; and the number
      of rows left out because their artist is unknown.
    """
    best: dict[str, tuple[float, int]] = {}
    searched, unknown, last = 0, 0, ""
    for first, block in table.blocks("name", *(["artist"] if artist else []), "embedding"):
        names, similarity = block["name"], _cosine(block["embedding"], query)
        counts = ~np.isin(names, sorted(but))
        if artist:
            known = {name: _artist_key(name) for name in np.unique(block["artist"]).tolist()}
            others = [name for name, key in known.items() if key not in ("", _artist_key(artist))]
            unknown += int((counts & (block["artist"] == "")).sum())
            counts &= np.isin(block["artist"], others)
        rows = np.flatnonzero(counts)
        if not len(rows):
            continue
        # Rows of a track follow each other.
        is_first = np.append(names[rows[0]] != last, names[rows[1:]] != names[rows[:-1]])
        searched, last = searched + int(is_first.sum()), str(names[rows[-1]])
        here: dict[str, tuple[float, int]] = {}
        for row in rows[np.argsort(-similarity[rows], kind="stable")]:
            here.setdefault(str(names[row]), (float(similarity[row]), first + int(row)))
            if len(here) == top:  # no other track of this block can be among the nearest
                break
        for name, found in here.items():
            best[name] = min(found, best.get(name, found), key=_order)
        best = dict(sorted(best.items(), key=lambda item: _order(item[1]))[:top])
    return best, searched, unknown


def _order(found: tuple[float, int]) -> tuple[float, int]:
    """Sort key: the most similar first; equal ones in the order of the table."""
    return -found[0], found[1]


def _cosine(embeddings: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Cosines [rows] of [rows, dim] and a query of length 1; 0 for rows of zeros."""
    lengths = np.linalg.norm(embeddings, axis=1)
    return (embeddings @ query) / np.where(lengths > 0, lengths, np.inf)


def _of_track(table: EmbeddingTable, names: set[str]) -> tuple[np.ndarray | None, str]:
    """The mean embedding of a table's track, of length 1 (None without one), and its artist."""
    rows = [
        first + int(row)
        for first, block in table.blocks("name")
        for row in np.flatnonzero(np.isin(block["name"], sorted(names)))
    ]
    if not rows:
        return None, ""
    found = table.rows(rows)
    return _unit(found.embedding.mean(axis=0)), str(found.artist[0])


def _of_file(
    table: EmbeddingTable, like: str, model: str | os.PathLike[str] | None, limits: LimitsLike
) -> tuple[np.ndarray, str]:
    path = expand(like)
    if not path.exists():
        raise UserError(
            f"{like} is neither a track of {table.path} nor a file; give one of them",
            code="search.not_found",
        )
    folder = find_model(model or table.metadata["model"])
    if not folder.is_dir():
        raise UserError(
            f"{table.path} was made by the model {folder}, which does not exist; give the folder "
            "of that model (`model`)",
            code="search.no_model",
        )
    _require_same(table, folder)
    predictor = load(folder, checkpoint=table.metadata["checkpoint"])
    embedding = predictor.predict(path, limits=limits).embedding
    assert embedding is not None
    return _unit(embedding), read_tags(path).get("artist", "")


def _require_same(table: EmbeddingTable, model: str | os.PathLike[str]) -> None:
    if digest_network(model, table.metadata["checkpoint"]) != table.metadata["digest"]:
        raise UserError(
            f"{table.path} was made by another model ({table.metadata['system']}, "
            f"{table.metadata['model']}) than {model}; give that one, or embed the files anew",
            code="search.other_model",
        )


def _unit(embedding: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(embedding)
    return (embedding / (length or 1.0)).astype(np.float32)


def _artist_key(artist: str) -> str:
    return same_key(tidy_name(artist))
