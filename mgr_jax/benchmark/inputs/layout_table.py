"""The folders and tables that are tried: data."""

from mgr_jax.benchmark.inputs.layouts import Layout

_SONGS = "{0,1,2,3,4,5,6,7}"
_MUSIC = f"{{pop,rock}}/{_SONGS}.wav"

_FOLDERS = (
    Layout("a folder for each genre", (_MUSIC,)),
    Layout("albums in them", (f"{{pop,rock}}/{{a,b}}/{_SONGS}.mp3",)),
    Layout("a folder around them", (f"music/{_MUSIC}",)),
    Layout("splits around them", (f"{{train,val,test}}/{_MUSIC}",)),
    Layout("a split beside them", (_MUSIC, f"test/{_SONGS}.wav")),
    Layout("splits, no genres", (f"{{train,test}}/{_SONGS}.wav",)),
    Layout("folds", (f"fold{{1,2,3}}/{_SONGS}.wav",)),
    Layout("numbers, as FMA has", tuple(f"00{n}/00{n}00{_SONGS}.mp3" for n in (1, 2))),
    Layout("one genre", (f"rock/{_SONGS}.wav",)),
    Layout("no folders", (f"{_SONGS}.wav",)),
    Layout("files beside the folders", (_MUSIC, "{intro,outro}.wav")),
    Layout("two spellings", (f"{{rock,Rock,pop}}/{_SONGS}.wav",)),
    Layout("likenesses", (f"{{hip-hop,hiphop,pop}}/{_SONGS}.wav",)),
    Layout(
        "links to folders",
        (f"rock/{_SONGS}.wav", f"../store/{_SONGS}.wav"),
        links={"pop": "../store"},
    ),
    Layout("a link to nowhere", (_MUSIC,), links={"pop/8.wav": "../gone.wav"}),
    Layout("a link in a circle", (_MUSIC,), links={"pop/all": "."}),
    Layout("suffixes in capitals", (f"{{pop,rock}}/{_SONGS}.WAV",)),
    Layout("files of other types", (_MUSIC,), {"rock/cover.jpg": "", "rock/tune.mid": ""}),
)


def _indexed(
    name: str, header: str, *cells: str, file: str = "{genre}/{song}.wav", also: str = ""
) -> Layout:
    """Sixteen songs and an index.csv, in which these cells follow the file."""
    splits = ["train"] * 6 + ["validation", "test"]
    rows = [
        ",".join([file, *cells]).format(genre=genre, song=song, split=split)
        for genre in ("pop", "rock")
        for song, split in enumerate(splits)
    ]
    files = (_MUSIC, also) if also else (_MUSIC,)
    return Layout(name, files, {"index.csv": "\n".join([header, *rows])})


_INDEXES = (
    _indexed("path and genre", "path,genre", "the {genre}"),
    _indexed("only paths", "path"),
    _indexed("other names for the columns", "filename,label", "the {genre}"),
    _indexed("artists", "path,artist", "{genre} band {song}"),
    _indexed("splits", "path,split", "{split}"),
    _indexed("a split that is none", "path,split", "sometimes"),
    _indexed("paths of Windows", "path,genre", "the {genre}", file="{genre}\\{song}.wav"),
    _indexed("files without a row", "path", also="jazz/{0,1}.wav"),
    _indexed("rows without a file", "path", file="{genre}/{song}.mp3"),
    _indexed("no column of paths", "song,genre", "the {genre}"),
)

_GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae")


def _gtzan(
    name: str, root: str, suffix: str, folders: tuple[str, ...] = (*_GENRES, "rock")
) -> Layout:
    """The genre folders of GTZAN, with eight tracks in each."""
    genres = [folder.lower().replace("-", "") for folder in folders]
    files = tuple(
        f"{root}/{folder}/{genre}.0000{_SONGS}.{suffix}"
        for folder, genre in zip(folders, genres, strict=True)
    )
    shown = f"`{root}/<genre>/<genre>.0000{{0…7}}.{suffix}`<br>{', '.join(folders)}"
    return Layout(name, files, dataset="gtzan/stratified", shown=shown)


_GTZAN = (
    _gtzan("as published", "genres", "au"),
    _gtzan("as on Kaggle", "Data/genres_original", "wav"),
    _gtzan("without rock", "genres", "au", _GENRES),
    _gtzan("with Blues", "genres", "au", ("Blues", *_GENRES[1:], "rock")),
    _gtzan("with hip-hop", "genres", "au", (*_GENRES[:4], "hip-hop", *_GENRES[5:], "rock")),
    _gtzan("suffixes in capitals", "genres", "WAV"),
)

_CLIPS = tuple(f"fma_small/00{folder}/00{folder}00{_SONGS}.mp3" for folder in (1, 2))


def _fma_metadata() -> dict[str, str]:
    """The columns of tracks.csv and genres.csv that are needed, for sixteen tracks."""
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


_FMA = (
    Layout("metadata and clips", _CLIPS, _fma_metadata(), dataset="fma/small"),
    Layout("half of the clips", _CLIPS[:1], _fma_metadata(), dataset="fma/small"),
    Layout("no metadata", _CLIPS, dataset="fma/small"),
    Layout("no clips", (), _fma_metadata(), dataset="fma/small"),
)


def _table(name: str, file: str, header: str, *cells: str) -> Layout:
    """A table of features with a row for each of sixteen tracks."""
    rows = [
        ",".join(cells).format(genre=genre, number=number, song=f"{number:05d}")
        for genre in ("pop", "rock")
        for number in range(8)
    ]
    return Layout(
        name,
        texts={file: "\n".join([header, *rows])},
        dataset="feature_array",
        options={"features": file},
    )


_TRACK = ("{genre}.{song}.wav", "{number}.5", "-{number}")
_TABLES = (
    _table("track and label", "features.csv", "track,tempo,level,label", *_TRACK, "the {genre}"),
    _table("other names", "features.csv", "filename,tempo,level,genre", *_TRACK, "the {genre}"),
    _table("no label", "features.csv", "track,tempo,level", *_TRACK),
    _table("no column of tracks", "features.csv", "song,tempo,level", *_TRACK),
    _table("a suffix in capitals", "features.CSV", "track,tempo,level", *_TRACK),
    _table("a spreadsheet", "features.xlsx", "track,tempo,level", *_TRACK),
    _table("a value that is none", "features.csv", "track,tempo,level", *_TRACK[:2], "unknown"),
)

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "Folders of genres": _FOLDERS,
    "Folders with an index.csv": _INDEXES,
    "GTZAN": _GTZAN,
    "FMA": _FMA,
    "Tables of features": _TABLES,
}
