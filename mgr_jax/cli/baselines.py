"""Scores classical baselines on the same split as the networks: an SVM on MFCC statistics.

  mgr-jax baselines --dataset=rendered/demo --sample_rate=12000 --workdir=runs/svm

Trains on the training split, writes predictions/<split>.npz and .json like `evaluate`.
"""

from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("dataset", None, "As prepare_data names it.", flag_values=flags)
    absl_flags.DEFINE_string("workdir", None, "Where to write.", flag_values=flags)
    absl_flags.DEFINE_integer("sample_rate", 22_050, "Of the dataset, in Hz.", flag_values=flags)
    absl_flags.DEFINE_string("data_dir", None, "TFDS folder.", flag_values=flags)
    absl_flags.DEFINE_string("split", "test", "Split to score.", flag_values=flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Fits the SVM on the training tracks and scores it."""
    if args or not flags.dataset or not flags.workdir:
        raise UserError("give --dataset and --workdir: mgr-jax baselines --dataset=… --workdir=…")
    workdir = Path(flags.workdir).expanduser()
    if (workdir / "config.json").exists():
        raise UserError(f"{workdir} holds a trained model; choose another --workdir for baselines")
    import numpy as np

    from mgr_jax.cli.results import save_result
    from mgr_jax.data.cache import open_tracks
    from mgr_jax.data.locate import find_dataset
    from mgr_jax.evaluation import Predictions
    from mgr_jax.tables.classical import fit_svm
    from mgr_jax.training.inputs import describe_protocol, usable_tracks

    data_dir = Path(flags.data_dir).expanduser() if flags.data_dir else None
    folder = find_dataset(flags.dataset, sample_rate=flags.sample_rate, data_dir=data_dir)
    train, scored = (open_tracks(folder, split) for split in ("train", flags.split))
    if train.kind != "waveform":
        raise UserError(
            f"{flags.dataset} holds feature arrays, but baselines computes MFCCs from audio; give "
            "a dataset of audio"
        )
    train, scored = (usable_tracks(tracks, "single_label") for tracks in (train, scored))
    artists = np.where(train.artist_id == "", train.track_id, train.artist_id)
    svm = fit_svm(_features(train), train.label, num_classes=len(train.classes), groups=artists)
    predictions = Predictions(
        track=scored.track_id,
        start=np.zeros(len(scored)),
        end=scored.length / scored.rate,
        probabilities=svm.predict(_features(scored)),
        label=scored.label,
        classes=scored.classes,
        task="single_label",
        split=flags.split,
        protocol=describe_protocol(scored),
    )
    counts = np.bincount(train.label, minlength=len(train.classes)).tolist()
    save_result(workdir, predictions, counts, system="SVM on MFCC statistics")


def _features(tracks):
    """MFCC statistics of every track, [tracks, features]."""
    import numpy as np
    from tqdm import tqdm

    from mgr_jax.tables.mfcc_statistics import mfcc_statistics

    rows = tqdm(range(len(tracks)), f"MFCC of {tracks.split}", unit="track")
    return np.stack(
        [
            mfcc_statistics(tracks.read(i).astype(np.float32) / 32768.0, int(tracks.rate))
            for i in rows
        ]
    )
