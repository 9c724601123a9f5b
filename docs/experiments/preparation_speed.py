"""How close `prepare` comes to decoding, resampling and encoding alone: docs/performance.md.

  python docs/experiments/preparation_speed.py ~/music /tmp/speed . ../older

The files of a folder of genre folders are decoded by libsndfile (and by PyAV, where it is
installed; the quicker one counts), resampled by soxr and encoded as FLAC, one library call after
another in as many processes as there are cores, each kind of call timed alone: together they are
the time that prepare cannot do without. Mixing to mono and rounding are not counted. Then the
folder is prepared anew by each of the source trees that are named. All take turns, so that what
else the machine does falls on all of them; ratios are of one round, and medians are printed with
the least and the largest. CPU time is that of all processes, user and system.
"""

import io
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

try:
    import av
except ImportError:
    av = None

ROUNDS = 5
# In a process of its own, whose imports are done before the clock starts.
PREPARE = """
import json, resource, sys, time
from mgr_jax.data.prepare import prepare
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)
music, data_dir, rate, workers = sys.argv[1:]
before = time.perf_counter(), cpu()
done = prepare("audio_folder", manual_dir=music, data_dir=data_dir, sample_rate=int(rate),
               num_workers=int(workers), progress=False)
wall, used = time.perf_counter() - before[0], cpu() - before[1]
tracks = sum(sum(count.values()) for count in done.tracks.values())
print(json.dumps({"wall": wall, "cpu": used, "tracks": tracks}))
"""


def decode_with_av(path: Path) -> None:
    """Decodes a file into arrays, one per packet."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            frame.to_ndarray()


def time_parts(rate: int, path: Path) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of every part of the work on a file."""
    found = {}

    def timed(part, work, *arguments, **options):
        before = time.perf_counter(), time.process_time()
        result = work(*arguments, **options)
        found[part] = time.perf_counter() - before[0], time.process_time() - before[1]
        return result

    if av:
        timed("PyAV", decode_with_av, path)
    samples, native = timed(
        "libsndfile", soundfile.read, path, dtype="float32", always_2d=True
    )  # fmt: skip
    mono = samples.sum(axis=1) / samples.shape[1]
    if native != rate:
        mono = timed("resample", soxr.resample, mono, native, rate, quality="HQ")
    rounded = np.clip(np.round(mono * 32768), -32768, 32767).astype(np.int16)
    options = {"format": "FLAC", "subtype": "PCM_16"}
    timed("encode", soundfile.write, io.BytesIO(), rounded, rate, **options)
    return found


def add(measured: list[dict[str, tuple[float, float]]]) -> dict[str, np.ndarray]:
    """Seconds of every part over all files, [wall, CPU]; "bound" is what is needed at least."""
    parts = {part for one in measured for part in one}
    total = {p: np.sum([one[p] for one in measured if p in one], axis=0) for p in parts}
    decoders = [total[name] for name in ("PyAV", "libsndfile") if name in total]
    resampling = total.get("resample", np.zeros(2))
    return total | {"bound": min(decoders, key=lambda t: t[1]) + resampling + total["encode"]}


def prepare(tree: str, music: str, work: Path, rate: int, cores: int) -> dict[str, float]:
    """What preparing by a source tree took."""
    shutil.rmtree(work, ignore_errors=True)
    # -P: what lies in the current folder must not stand before the tree.
    command = [sys.executable, "-P", "-W", "ignore", "-c", PREPARE]
    command += [music, str(work), str(rate), str(cores)]
    environment = os.environ | {"PYTHONPATH": str(Path(tree).resolve())}
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    shutil.rmtree(work)
    return json.loads(told.stdout)


def spread(values: list[float], digits: int = 2) -> str:
    """The median, the least and the largest."""
    median = statistics.median(values)
    return f"{median:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main(music: str, work: str, *trees: str, rate: int = 22_050) -> None:
    """Measures and prints."""
    files = sorted(path for path in Path(music).glob("*/*") if path.is_file())
    cores = len(os.sched_getaffinity(0))
    rounds = []
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        for _ in range(ROUNDS):
            measured = pool.map(partial(time_parts, rate), files, chunksize=4)
            took = {tree: prepare(tree, music, Path(work), rate, cores) for tree in trees}
            rounds.append((add(measured), took))
    assert all(took[tree]["tracks"] == len(files) for _, took in rounds for tree in trees)
    print(f"{len(files)} files, {cores} cores, {rate} Hz; load {os.getloadavg()[0]:.1f} at the end")
    for part in sorted(rounds[0][0]):
        each = [1e3 * parts[part][1] / len(files) for parts, _ in rounds]
        print(f"{part}: {spread(each, 1)} ms of CPU per file")
    bound = [cores * len(files) / parts["bound"][0] for parts, _ in rounds]
    print(f"bound: {spread(bound, 1)} files/s")
    for tree in trees:
        speed = [took[tree]["tracks"] / took[tree]["wall"] for _, took in rounds]
        each = [1e3 * took[tree]["cpu"] / len(files) for _, took in rounds]
        print(f"{tree}: {spread(speed, 1)} files/s, {spread(each, 1)} ms of CPU per file")
        ratio = [s / b for s, b in zip(speed, bound, strict=True)]
        print(f"{tree}: of the bound {spread(ratio)}")
        ratio = [parts["bound"][1] / took[tree]["cpu"] for parts, took in rounds]
        print(f"{tree}: of the bound, by CPU time {spread(ratio)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
