"""The table of tested folders and tables."""

from collections.abc import Mapping

from mgr_jax.benchmark.inputs.layouts import Layout, Understood

_SONGS = "{0,1,2,3,4,5,6,7}"
_MUSIC = f"{{pop,rock}}/{_SONGS}.wav"
_SPLITS = {"train": 12, "validation": 2, "test": 2}


def _read(*parts: str, splits: Mapping[str, int] | None = None, **genres: int) -> Understood:
    """Genres that are understood, those of _MUSIC by default, and parts of the messages."""
    return Understood(genres or {"pop": 8, "rock": 8}, splits or {}, parts)


def _refused(code: str, *parts: str) -> Understood:
    """Nothing is understood; the message has these parts."""
    return Understood(said=parts, code=code)


_FOLDERS = (
    Layout("a folder for each genre", _read(), (_MUSIC,)),
    Layout(
        "albums in them",
        _read("holds the same folders (a, b)", pop=16, rock=16),
        (f"{{pop,rock}}/{{a,b}}/{_SONGS}.mp3",),
    ),
    Layout(
        "a folder around them",
        _refused("data.one_genre", "give that folder, music/music"),
        (f"music/{_MUSIC}",),
    ),
    Layout(
        "splits around them",
        _read(splits={"train": 16, "validation": 16, "test": 16}, pop=24, rock=24),
        (f"{{train,val,test}}/{_MUSIC}",),
    ),
    Layout(
        "a split beside them",
        _refused("folder.splits", "splits (test) beside others (pop, rock)"),
        (_MUSIC, f"test/{_SONGS}.wav"),
    ),
    Layout(
        "splits, no genres",
        _refused("folder.splits", "music/test/<genre>/<file>"),
        (f"{{train,test}}/{_SONGS}.wav",),
    ),
    Layout(
        "folds",
        _refused("folder.no_genres", "fold1, fold2, fold3"),
        (f"fold{{1,2,3}}/{_SONGS}.wav",),
    ),
    Layout(
        "numbers, as FMA has",
        _refused("folder.no_genres", "(001, 002)"),
        tuple(f"00{n}/00{n}00{_SONGS}.mp3" for n in (1, 2)),
    ),
    Layout("one genre", _refused("data.one_genre", "one genre (rock)"), (f"rock/{_SONGS}.wav",)),
    Layout(
        "no folders", _refused("folder.no_audio", "8 outside a genre folder"), (f"{_SONGS}.wav",)
    ),
    Layout(
        "files beside the folders",
        _read("2 outside a genre folder (intro.wav, outro.wav)"),
        (_MUSIC, "{intro,outro}.wav"),
    ),
    Layout(
        "two spellings",
        _read("'Rock' (also written 'rock')", Rock=16, pop=8),
        (f"{{rock,Rock,pop}}/{_SONGS}.wav",),
    ),
    Layout(
        "likenesses",
        Understood({"hip-hop": 8, "hiphop": 8, "pop": 8}, said=("'hip-hop', 'hiphop'",)),
        (f"{{hip-hop,hiphop,pop}}/{_SONGS}.wav",),
    ),
    Layout(
        "links to folders",
        _read(),
        (f"rock/{_SONGS}.wav", f"../store/{_SONGS}.wav"),
        links={"pop": "../store"},
    ),
    Layout(
        "a link to nowhere", _read("(pop/8.wav)"), (_MUSIC,), links={"pop/8.wav": "../gone.wav"}
    ),
    Layout("a link in a circle", _read("(pop/all)"), (_MUSIC,), links={"pop/all": "."}),
    Layout("suffixes in capitals", _read(), (f"{{pop,rock}}/{_SONGS}.WAV",)),
    Layout("clips of video", _read(), (f"{{pop,rock}}/{_SONGS}.mkv",)),
    Layout(
        "files of other types",
        _read("1 .mid (rock/tune.mid)"),
        (_MUSIC,),
        {"rock/cover.jpg": "", "rock/tune.mid": ""},
    ),
)


def _indexed(
    name: str,
    outcome: Understood,
    header: str,
    *cells: str,
    file: str = "{genre}/{song}.wav",
    also: str = "",
) -> Layout:
    """Sixteen songs and an index.csv with these cells after the file."""
    splits = ["train"] * 6 + ["validation", "test"]
    rows = [
        ",".join([file, *cells]).format(genre=genre, song=song, split=split)
        for genre in ("pop", "rock")
        for song, split in enumerate(splits)
    ]
    files = (_MUSIC, also) if also else (_MUSIC,)
    return Layout(name, outcome, files, {"index.csv": "\n".join([header, *rows])})


_NAMED = Understood({"the pop": 8, "the rock": 8})  # names as in the tables
_INDEXES = (
    _indexed("path and genre", _NAMED, "path,genre", "the {genre}"),
    _indexed("only paths", _read(), "path"),
    _indexed("other names for the columns", _NAMED, "filename,label", "the {genre}"),
    _indexed("artists", _read(), "path,artist", "{genre} band {song}"),
    _indexed("splits", _read(splits=_SPLITS), "path,split", "{split}"),
    _indexed(
        "a split that is none",
        _refused("table.unknown_split", "line 2: split 'sometimes'"),
        "path,split",
        "sometimes",
    ),
    _indexed("paths of Windows", _NAMED, "path,genre", "the {genre}", file="{genre}\\{song}.wav"),
    _indexed(
        "files without a row",
        _read("2 that index.csv does not name"),
        "path",
        also="jazz/{0,1}.wav",
    ),
    _indexed(
        "rows without a file",
        _refused("table.no_match", "none of the 16 paths"),
        "path",
        file="{genre}/{song}.mp3",
    ),
    _indexed(
        "no column of paths",
        _refused("table.wrong_columns", "song, genre"),
        "song,genre",
        "the {genre}",
    ),
)

_GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae")


def _gtzan(
    name: str,
    root: str,
    suffix: str,
    *parts: str,
    folders: tuple[str, ...] = (*_GENRES, "rock"),
) -> Layout:
    """The genre folders of GTZAN, with eight tracks in each."""
    genres = [folder.lower().replace("-", "") for folder in folders]
    files = tuple(
        f"{root}/{folder}/{genre}.0000{_SONGS}.{suffix}"
        for folder, genre in zip(folders, genres, strict=True)
    )
    shown = f"`{root}/<genre>/<genre>.0000{{0…7}}.{suffix}`<br>{', '.join(folders)}"
    outcome = Understood(dict.fromkeys(genres, 8), said=parts)
    return Layout(name, outcome, files, dataset="gtzan/stratified", shown=shown)


_GTZAN = (
    _gtzan("as published", "genres", "au"),
    _gtzan("as on Kaggle", "Data/genres_original", "wav"),
    _gtzan("without rock", "genres", "au", "no track of rock", folders=_GENRES),
    _gtzan(
        "with Blues",
        "genres",
        "au",
        "Blues/blues.00000.au as track blues.00000",
        folders=("Blues", *_GENRES[1:], "rock"),
    ),
    _gtzan(
        "with hip-hop",
        "genres",
        "au",
        "hip-hop/hiphop.00000.au as track hiphop.00000",
        folders=(*_GENRES[:4], "hip-hop", *_GENRES[5:], "rock"),
    ),
    _gtzan("suffixes in capitals", "genres", "WAV"),
)

_CLIPS = tuple(f"fma_small/00{folder}/00{folder}00{_SONGS}.mp3" for folder in (1, 2))


def _fma_metadata() -> dict[str, str]:
    """The needed columns of tracks.csv and genres.csv, for sixteen tracks."""
    lines = [
        ",set,set,track,track,artist,album",
        ",split,subset,genre_top,genres_all,id,id",
        "track_id,,,,,,",
    ]
    splits = ["training"] * 6 + ["validation", "test"]
    for folder, genre, number in ((1, "Rock", 12), (2, "Pop", 10)):
        lines += [
            f"{1000 * folder + song},{split},small,{genre},[{number}],{10 * folder + song},-1"
            for song, split in enumerate(splits)
        ]
    genres = "genre_id,title,parent\n12,Rock,0\n10,Pop,0"
    return {"fma_metadata/tracks.csv": "\n".join(lines), "fma_metadata/genres.csv": genres}


def _fma(
    name: str, outcome: Understood, files: tuple[str, ...], *, metadata: bool = True
) -> Layout:
    texts = _fma_metadata() if metadata else {}
    return Layout(name, outcome, files, texts, dataset="fma/small")


_FMA = (
    _fma("metadata and clips", _read(splits=_SPLITS, Pop=8, Rock=8), _CLIPS),
    _fma("half of the clips", _refused("dataset.incomplete", "8 of the 16 clips"), _CLIPS[:1]),
    _fma(
        "no metadata",
        _refused("dataset.incomplete", "the metadata of FMA small"),
        _CLIPS,
        metadata=False,
    ),
    _fma("no clips", _refused("dataset.incomplete", "the audio of FMA small"), ()),
)


def _table(name: str, outcome: Understood, file: str, header: str, *cells: str) -> Layout:
    """A table of features with a row for each of sixteen tracks."""
    rows = [
        ",".join(cells).format(genre=genre, number=number, song=f"{number:05d}")
        for genre in ("pop", "rock")
        for number in range(8)
    ]
    return Layout(
        name,
        outcome,
        texts={file: "\n".join([header, *rows])},
        dataset="feature_array",
        options={"features": file},
    )


_TRACK = ("{genre}.{song}.wav", "{number}.5", "-{number}")
_ROW = (*_TRACK, "the {genre}")
_TABLES = (
    _table("track and label", _NAMED, "features.csv", "track,tempo,level,label", *_ROW),
    _table("other names", _NAMED, "features.csv", "filename,tempo,level,genre", *_ROW),
    _table("no label", _read(), "features.csv", "track,tempo,level", *_TRACK),
    _table(
        "no column of tracks",
        _refused("table.missing_column", "song, tempo, level"),
        "features.csv",
        "song,tempo,level",
        *_TRACK,
    ),
    _table("a suffix in capitals", _read(), "features.CSV", "track,tempo,level", *_TRACK),
    _table(
        "a spreadsheet",
        _refused("file.wrong_suffix", "music/features.xlsx is no .npz, .csv"),
        "features.xlsx",
        "track,tempo,level",
        *_TRACK,
    ),
    _table(
        "a value that is none",
        _refused("table.not_finite", "line 2, column 'level' holds 'unknown'"),
        "features.csv",
        "track,tempo,level",
        *_TRACK[:2],
        "unknown",
    ),
)

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "Folders of genres": _FOLDERS,
    "Folders with an index.csv": _INDEXES,
    "GTZAN": _GTZAN,
    "FMA": _FMA,
    "Tables of features": _TABLES,
}
