"""kill -9: the same command goes on, and it all comes to what it would have come to undisturbed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from commands import (
    RATE,
    Command,
    Place,
    content_of,
    difference,
    leftovers,
    make_music,
    numbers_of,
    prepare,
    tell,
    write_config,
)

SEED = 17
_SAVE = r"checkpoints/\d+\.orbax-checkpoint-tmp$"
_HALF = "with half a line of the log"
# In this order a run that is killed at one goes past it the next time.
TRAINING = (
    Place("as it starts", "open", r"/\.lock$"),
    Place("before model.json is there", "os.rename", r"/\.model\.json\."),
    Place("before config.json is there", "os.rename", r"/\.config\.json\."),
    Place("after the first step", "open", r"/metrics\.jsonl$"),
    Place(_HALF, "open", r"/metrics\.jsonl$", nth=2),
    Place("during an evaluation", "open", r"/metrics\.jsonl$", nth=2, delay=0.05),
    Place("as a save begins", "os.mkdir", _SAVE),
    Place("within a save", "os.rename", r"/model\.orbax-checkpoint-tmp$"),
    Place("before a save is named", "os.rename", _SAVE),
    Place("after a save is named", "os.rename", _SAVE, later=1),
    Place("as the log is cut back", "os.rename", r"/\.metrics\.jsonl\."),
    Place("as an older checkpoint is removed", "os.remove", r"^commit_success", later=3),
    Place("at the end", "os.rename", r"/\.run\.json\."),
)
BUILDING = (
    Place("as it starts", "os.mkdir", r"/\.scratch-\w+$"),
    Place("as tracks are written", "open", r"/cache/train/data\.bin$", later=9),
    Place("as a cache is written", "open", r"/cache/validation/index\.npz$"),
    Place("as its account is written", "open", r"/protocol\.json$"),
    Place("before it is whole", "open", r"/dataset_info\.json$"),
    Place("before it takes its place", "os.rename", r"/1\.0\.0$"),
)
REPLACING = (
    *BUILDING[1:5],
    Place("after it has taken its place", "os.remove", r"/\.audio_folder.*\.lock$"),
    Place("as the older one is removed", "os.remove", r"^sums\.json$"),
)
CROSSVAL = (
    Place("within a save", "os.rename", r"/model\.orbax-checkpoint-tmp$"),
    Place("in another fold", "os.rename", r"/fold1/\.model\.json\."),
    Place("during its evaluation", "open", r"/fold1/metrics\.jsonl$", nth=2, delay=0.05),
    Place("before the predictions are there", "os.rename", r"/\.crossval\.npz\."),
    Place("before the scores are there", "os.rename", r"/\.crossval\.json\."),
)
PREDICTING = (
    Place("as it starts", "open", r"/\.genres\.jsonl\.lock$"),
    Place("before the first line", "open", r"/genres\.jsonl$"),
    Place("with a line that the table lacks", "open", r"/genres\.csv$", nth=5),
    Place("with half a line", "open", r"/genres\.jsonl$", nth=7),
    Place("before labels are there", "os.rename", r"/genres\.labels/.*\.partial$", nth=9),
    Place("before the Parquet table is there", "os.rename", r"/\.genres\.parquet\."),
    Place("before a playlist is there", "os.rename", r"/\.\w+\.m3u8\."),
)
EVERYTHING: dict[str, Any] = {
    "batch_size": 8,
    "model": {"kwargs": {"dropout": 0.5}},
    "augment": ({"name": "noise", "p": 0.5}, {"name": "mixup", "alpha": 0.4}),
    "accumulate": 2,
    "ema_decay": 0.9,
    "plateau": {"factor": 0.5, "patience": 1},
    "stages": ({"steps": 4}, {"optimizer": {"learning_rate": 3e-4}}),
}


@dataclass
class Count:
    """What has been killed where.

    Attributes:
      kills: processes that were killed before they had ended.
      places: names of the chosen places that were reached.
    """

    kills: int = 0
    places: frozenset[str] = frozenset()


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """Kills training, preparing, cross-validating, predicting; see `commands.Command`."""
    music = make_music(folder / "music")
    prepare(music, folder / "data")
    rng = np.random.default_rng(SEED)
    everywhere = ((TRAINING, 7), (BUILDING, 4), (REPLACING, 4), (CROSSVAL, 5), (PREDICTING, 8))
    chosen = [places for places, _ in everywhere]
    moments = [count for _, count in everywhere]
    configs: dict[str, dict[str, Any]] = {
        "plain": {"partition": "jit"},
        "everything": EVERYTHING,
    }
    if reduced:
        wanted = ((4, 7), (1,), (5,), (0,), (2, 3, 5))
        chosen = [[places[n] for n in ns] for places, ns in zip(chosen, wanted, strict=True)]
        moments = [0, 0, 1, 0, 0]
        configs = {"everything": EVERYTHING | {"stages": (), "num_steps": 6}}
    training = Count()
    for name, changes in configs.items():
        flag = write_config(folder / f"{name}.py", folder / "data", **changes)
        _kill_training(folder / name, flag, chosen[0], moments[0], rng, training)
    preparing = _kill_preparing(folder / "prepared", music, chosen[1:3], moments[1:3], rng)
    flag = write_config(folder / "folds.py", folder / "data", num_steps=2)
    crossval = Count()
    folds = (flag, "--folds=2", "--parts=2")
    _kill("crossval", folds, folder / "crossval", chosen[3], moments[3], rng, crossval)
    model = folder / "everything" / "undisturbed"
    predicting = _kill_predicting(folder / "predicted", model, music, chosen[4], moments[4], rng)
    counts = {"training": training, "preparing": preparing, "crossval": crossval}
    counts["predicting"] = predicting
    return {name: f"{count.kills}" for name, count in counts.items()}


def _kill_training(
    folder: Path,
    flag: str,
    places: Sequence[Place],
    moments: int,
    rng: np.random.Generator,
    count: Count,
) -> None:
    _kill("train", (flag,), folder, places, moments, rng, count)
    for workdir in sorted(folder.iterdir()):
        Command("evaluate", f"--model={workdir}").finish()
    _require_same(folder)


def _kill(
    command: str,
    flags: Sequence[str],
    folder: Path,
    places: Sequence[Place],
    moments: int,
    rng: np.random.Generator,
    count: Count,
) -> None:
    """Kills what has a work directory, at chosen places in one, at random moments in others."""
    # The second one finds its programs compiled, and tells how long one takes.
    for name in ("undisturbed", "again") if moments else ("undisturbed",):
        since = time.perf_counter()
        Command(command, *flags, f"--workdir={folder / name}", devices=2).finish()
        seconds = time.perf_counter() - since
    workdir = folder / "chosen"

    def start(place: Place | None = None) -> Command:
        return Command(command, *flags, f"--workdir={workdir}", devices=2, kill=place)

    for place in places:
        if _killed(start(place), f"{command} {place.name}", count):
            count.places |= {place.name}
            if place.name == _HALF:
                log = workdir / "metrics.jsonl"
                log.write_bytes(log.read_bytes()[:-20])
    start().finish()
    goal = count.kills + moments
    for number in range(3 * moments):
        if count.kills == goal:
            break
        workdir = folder / f"moments{number}"
        while count.kills < goal:  # until it has ended before it was killed
            after = rng.uniform(0, seconds)
            if not _killed(start(), f"{command} after {after:.2f} s", count, after):
                break
        start().finish()
    assert count.kills == goal, f"{command} ends before it can be killed"
    _require_same(folder)


def _killed(process: Command, name: str, count: Count, after: float | None = None) -> bool:
    """Waits for a process that kills itself, or kills it after some seconds."""
    code = process.wait() if after is None else process.wait(after)
    if code is None:
        assert after is not None, f"{name}: it hangs"
        process.kill()
        code = process.wait()
    assert code in (0, -9), f"{name}: it ended with {code}: {process.said}"
    process.forget()
    count.kills += code == -9
    tell(f"{name}: {'killed' if code else 'ended before'}")
    return code == -9


def _require_same(folder: Path) -> None:
    """Makes sure that all runs in a folder are the same, and that nothing else is there."""
    wanted = _all_numbers(folder / "undisturbed")
    for workdir in sorted(folder.iterdir()):
        assert not (told := difference(wanted, _all_numbers(workdir))), f"{workdir.name}{told}"
    # The next write clears away what a killed one has left; of run.json there is none.
    left = [name for name in leftovers(folder) if "/.run.json." not in name]
    assert not left, left


def _all_numbers(workdir: Path) -> dict[str, Any]:
    runs = [path.parent for path in sorted(workdir.rglob("model.json"))]
    return {str(run.relative_to(workdir)): numbers_of(run) for run in [workdir, *runs]}


def _kill_preparing(
    folder: Path,
    music: Path,
    places: Sequence[Sequence[Place]],
    moments: Sequence[int],
    rng: np.random.Generator,
) -> Count:
    """Kills what builds a dataset, and what replaces one."""
    count = Count()

    def start(data_dir: Path, *flags: str, place: Place | None = None) -> Command:
        return Command(
            *("prepare_data", "--dataset=audio_folder", f"--manual_dir={music}", "--name=music"),
            *(f"--data_dir={data_dir}", f"--sample_rate={RATE}", *flags),
            kill=place,
        )

    since = time.perf_counter()
    start(folder / "new", "--workers=1").finish()
    seconds = time.perf_counter() - since
    start(folder / "old", "--workers=0", "--seed=1").finish()
    new, old = _dataset(folder / "new"), _dataset(folder / "old")
    assert new != old

    def kill_all(
        data_dir: Path, *flags: str, places: Sequence[Place], moments: int, check: Callable
    ) -> None:
        for place in places:
            process = start(data_dir, *flags, "--workers=0", place=place)
            if _killed(process, f"prepare_data {place.name}", count):
                count.places |= {place.name}
            check()
        for _ in range(moments):
            after = rng.uniform(0, seconds)
            process = start(data_dir, *flags, "--workers=1")
            _killed(process, f"prepare_data after {after:.2f} s", count, after)
            check()
        start(data_dir, *flags, "--workers=0").finish()
        assert _dataset(data_dir) == new, "it is another dataset"
        assert not leftovers(data_dir), leftovers(data_dir)

    fresh = folder / "fresh"

    def check_fresh() -> None:
        assert _dataset(fresh) in (new, {}), "there is half a dataset"

    def check_old() -> None:
        assert _dataset(folder / "old") in (new, old), "what was there is lost"

    kill_all(fresh, places=places[0], moments=moments[0], check=check_fresh)
    replacing = {"places": places[1], "moments": moments[1], "check": check_old}
    kill_all(folder / "old", "--overwrite", **replacing)
    return count


def _kill_predicting(
    folder: Path,
    model: Path,
    music: Path,
    places: Sequence[Place],
    moments: int,
    rng: np.random.Generator,
) -> Count:
    """Kills what predicts, again and again, at chosen places and at random moments."""
    count = Count()

    def start(name: str, place: Place | None = None) -> Command:
        return Command(
            *("predict", f"--model={model}", music, f"--out={folder / name / 'genres'}"),
            *("--format=csv,parquet,audacity,m3u", "--workers=2"),
            kill=place,
        )

    since = time.perf_counter()
    start("undisturbed").finish()
    seconds = time.perf_counter() - since
    wanted = content_of(folder / "undisturbed")

    def finish(name: str) -> None:
        start(name).finish()
        found = content_of(folder / name)
        assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
        # Playlists name files by the way from their folder, which is alike in all of them.
        differ = [path for path, content in wanted.items() if found[path] != content]
        assert not differ, f"{name}: {differ}"

    record = folder / "chosen" / "genres.jsonl"
    for place in places:
        if _killed(start("chosen", place), f"predict {place.name}", count):
            count.places |= {place.name}
            if place.name == "with half a line":
                record.write_bytes(record.read_bytes()[:-20])
    finish("chosen")
    goal = count.kills + moments
    for number in range(3 * moments):
        if count.kills == goal:
            break
        name = f"moments{number}"
        while count.kills < goal:  # until it has ended before it was killed
            after = rng.uniform(0, seconds)
            if not _killed(start(name), f"predict after {after:.2f} s", count, after):
                break
        finish(name)
    assert count.kills == goal, "predict ends before it can be killed"
    return count


def _dataset(data_dir: Path) -> dict[str, bytes]:
    return content_of(data_dir / f"audio_folder/music_{RATE}")
