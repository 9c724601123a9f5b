"""The steps of teaching: embed, group, score, choose, write."""

import dataclasses
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import mgr_jax
from mgr_jax.audio.io import Limits
from mgr_jax.data.folder_index import Entry
from mgr_jax.data.trained_on import keep_trained_on, untold_of
from mgr_jax.decisions import OTHER, Decisions
from mgr_jax.errors import UserError, some_names
from mgr_jax.evaluation import Protocol, save_result
from mgr_jax.files import replace_folder, scratch
from mgr_jax.integrity import write_sealed
from mgr_jax.prediction.digest import digest_network
from mgr_jax.prediction.predictor import load
from mgr_jax.runs.folder_result import LeftOut
from mgr_jax.runs.teaching.choice import Songs, choose
from mgr_jax.runs.teaching.embedding import embed_files
from mgr_jax.runs.teaching.heads import one_thread
from mgr_jax.runs.teaching.mapping import find_mapping, mapping_matrix, untrained_outputs
from mgr_jax.runs.teaching.model import (
    ACCOUNT,
    carry_over,
    describe_taught,
    other_results,
    require_encoder,
    write_taught,
)
from mgr_jax.runs.teaching.notes import note_on_mapping, notes_about, notes_on_before
from mgr_jax.runs.teaching.result import Taught
from mgr_jax.runs.teaching.scores import SVM, as_rows, count_folds, score_outer
from mgr_jax.runs.teaching.songs import (
    Grouping,
    Song,
    drop_contradictions,
    group_songs,
    list_songs,
    make_grouping,
)
from mgr_jax.runs.teaching.store import Clips, Store
from mgr_jax.runs.teaching.svm import features_beside
from mgr_jax.runs.told import fit_temperature


class Work:
    """One call of `teach`, step by step."""

    def __init__(
        self,
        encoder: Path,
        out: Path,
        sources: Sequence[Mapping[str, Any]],
        limits: Limits,
        workers: int | None,
        progress: bool,
    ) -> None:
        """Loads the encoder.

        Args:
          encoder: folder or name of the encoder.
          out: the model folder to write.
          sources: the folders of songs, with their indexes.
          limits: which files are refused.
          workers: processes that decode.
          progress: show bars.

        Raises:
          UserError: the encoder cannot be taught.
        """
        self.encoder, self.out, self.sources = encoder, out, sources
        self.limits, self.workers, self.progress = limits, workers, progress
        with warnings.catch_warnings():
            # Only its embedding is used here.
            warnings.filterwarnings("ignore", message=".*was not trained to classify")
            self.predictor = load(encoder)
        require_encoder(self.predictor.description, str(encoder))
        self.digest = digest_network(encoder)
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        self.left_out: list[LeftOut] = []

    def teach(
        self,
        mapping_given: Any,
        group_by: str | None,
        folds: int | None,
        svm: bool | None,
        seed: int,
        known: Sequence[str],
        added: Sequence[str],
    ) -> Taught:
        """Does all steps; see `teach`.

        Args:
          mapping_given: see `mapping` of `teach`.
          group_by: see `teach`.
          folds: see `teach`.
          svm: see `teach`.
          seed: see `teach`.
          known: paths of the songs that were taught before.
          added: folders that were taught before, if others are added.

        Returns:
          The taught model.
        """
        songs, grouping, store = self._listen(group_by)
        self.notes += notes_on_before(songs, known, other_results(self.out))
        genres = sorted({song.genre for song in songs}, key=lambda g: (g == OTHER, g))
        counts = Counter(song.genre for song in songs)
        classes = self.predictor.classes if self.predictor.description.trained_to_classify else ()
        mapping = find_mapping(genres, classes, mapping_given)
        matrix = mapping_matrix(mapping, genres, self.predictor.classes)
        clips = store.read(song.path for song in songs)
        table = _as_numbers(songs, grouping, genres, clips, matrix if len(mapping) > 1 else None)
        self.notes += notes_about(songs, genres, grouping)
        if classes and len(mapping) < 2:
            self.notes.append(note_on_mapping(mapping, genres))
        start = time.monotonic()
        hand, note = features_beside(
            [song.path for song in songs],
            store.items,
            self.out / "embeddings" / "gtzan57.journal",
            asked=svm,
            limits=self.limits,
            workers=self.workers,
            progress=self.progress,
        )
        self.notes += [note] if note else []
        if hand is not None:
            self.seconds["57 features"] = time.monotonic() - start
        count = count_folds(table.groups[grouping.scored], folds)
        protocol = self._protocol(grouping, count, group_by, seed)

        start = time.monotonic()
        with one_thread():
            outer = score_outer(
                table,
                grouping.scored,
                names=_names(songs),
                genres=genres,
                times=(
                    np.concatenate([clips[song.path].start for song in songs]),
                    np.concatenate([clips[song.path].end for song in songs]),
                ),
                protocol=protocol,
                hand=hand,
                folds=count,
                seed=seed,
                progress=self.progress,
            )
            choice = choose(table, seed=seed)
            head = choice.fit(table)
        self.seconds["fit and score"] = time.monotonic() - start

        if hand is not None and SVM not in outer.rows:
            self.notes.append("The SVM on 57 features needs more songs.")
        decisions = Decisions(
            clip_temperature=fit_temperature(outer.table),
            track_temperature=fit_temperature(outer.table.by_track()),
        )
        described = describe_taught(
            self.predictor.description,
            head,
            genres,
            counts=[counts[genre] for genre in genres],
            decisions=decisions,
            provenance={
                "mgr_jax": mgr_jax.__version__,
                "encoder": {
                    "path": str(self.encoder),
                    "digest": self.digest,
                    "system": self.predictor.description.system,
                },
                "license": self.predictor.description.provenance.get("license"),
                "protocol": protocol.as_dict(),
            },
        )
        account = {
            "sources": [dict(source) for source in self.sources],
            "mapping_given": mapping_given,
            "mapping": {genre: list(names) for genre, names in mapping.items()},
            "songs": [dataclasses.asdict(song) for song in songs],
            "groups": grouping.by,
            "group_count": len(np.unique(grouping.groups)),
            "genres": {genre: counts[genre] for genre in genres},
            "folds": count,
            "scores": as_rows(outer.rows),
            "choice": {
                "head": str(choice.settings),
                "untrained_weight": choice.weight,
                "untrained_power": choice.power,
                "of_folds": [f"{c.settings}; untrained {c.weight:g}" for c in outer.choices],
                "log_losses": choice.losses,
            },
            "left_out": [dataclasses.asdict(one) for one in self.left_out],
            "notes": self.notes,
            "seconds": self.seconds,
        }
        with scratch(self.out.parent) as aside:
            folder = aside / "model"
            folder.mkdir()
            carry_over(self.out, folder)
            write_taught(folder, self.encoder, described, head, matrix)
            result = save_result(
                folder, outer.table, described.training_tracks, system=described.system
            )
            sounds = (store.items[song.path].sound for song in songs)
            digests = dict(zip(_names(songs), sounds, strict=True))
            keep_trained_on(folder, self.encoder, self.predictor.audio_rate(), digests)
            write_sealed(folder / ACCOUNT, account)
            replace_folder(folder, self.out)
        return Taught(self.out, dataclasses.replace(result, path=self.out), account, tuple(added))

    def _listen(self, group_by: str | None) -> tuple[list[Song], Grouping, Store]:
        """Lists and embeds the songs, and leaves out those that cannot be used."""
        songs: list[Song] = []
        known: dict[str, Entry] = {}
        for source in self.sources:
            options = {n: source[n] for n in ("columns", "class_names")}
            labels = Path(source["labels"]) if source["labels"] else None
            some, about, left = list_songs(Path(source["folder"]), labels=labels, **options)
            songs += [song for song in some if song.path not in known]
            known |= about
            self.left_out += left
        start = time.monotonic()
        store = embed_files(
            self.predictor,
            [song.path for song in songs],
            self.out / "embeddings",
            settings={"encoder": self.digest, "limits": self.limits.changed()},
            limits=self.limits,
            workers=self.workers,
            progress=self.progress,
        )
        self.seconds["embed"] = time.monotonic() - start
        unusable = [song for song in songs if not store.items[song.path].rows]
        self.left_out += [
            LeftOut(song.name, "unusable", store.items[song.path].error) for song in unusable
        ]
        songs = [song for song in songs if store.items[song.path].rows]
        songs, doubtful = drop_contradictions(songs, store.items)
        self.left_out += doubtful
        genres = sorted({song.genre for song in songs})
        if len(genres) < 2 or genres == [OTHER]:
            told = "; ".join(one.reason for one in self.left_out[:2])
            raise UserError(
                f"{self.sources[-1]['folder']} holds songs of "
                + (f"one genre ({genres[0]})" if genres else "no genre that can be used")
                + (f" ({told})" if told else "")
                + "; give two or more, each in a folder of its own, or name them in an index.csv",
                code="data.one_genre",
            )
        songs = group_songs(songs, known, store.items, group_by)
        grouping = make_grouping(songs, store.items)
        if not grouping.scored.any():
            raise UserError(
                f"{self.sources[-1]['folder']} holds one song of each genre, so none can be "
                "left out for scoring; add songs",
                code="teach.too_few_songs",
            )
        return songs, grouping, store

    def _protocol(
        self, grouping: Grouping, folds: int, group_by: str | None, seed: int
    ) -> Protocol:
        by = group_by or " and ".join(grouping.by)
        spec = self.predictor.spec
        leak = ""
        if grouping.parted:
            leak = f"the songs of {some_names(grouping.parted)} share one group each"
        protocol = Protocol(
            "artist_kfold" if set(grouping.by) == {"artist"} else "stratified_kfold",
            origin=f"songs of {some_names(Path(s['folder']).name for s in self.sources)}, "
            f"kept apart by {by}",
            folds=folds,
            parts=2,
            seeds=(seed,),
            segments=f"segments of {spec.clip_samples / spec.sample_rate:.3g} s",
        )
        return protocol.with_leak(leak).with_overlap(*untold_of(self.encoder))


def _names(songs: Sequence[Song]) -> list[str]:
    """Names below their folders; whole paths if two names are equal."""
    names = [song.name for song in songs]
    return names if len(set(names)) == len(names) else [song.path for song in songs]


def _as_numbers(
    songs: Sequence[Song],
    grouping: Grouping,
    genres: Sequence[str],
    clips: Mapping[str, Clips],
    matrix: np.ndarray | None,
) -> Songs:
    mine = [clips[song.path] for song in songs]
    untrained = None
    if matrix is not None:
        untrained = np.concatenate([untrained_outputs(c.outputs, matrix) for c in mine])
    return Songs(
        embedding=np.concatenate([c.embedding for c in mine]).astype(np.float64),
        counts=np.array([len(c.start) for c in mine]),
        labels=np.array([genres.index(song.genre) for song in songs]),
        groups=grouping.groups,
        genres=len(genres),
        untrained=untrained,
    )
