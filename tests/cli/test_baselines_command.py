"""`mgr-jax baselines` as a user types it: what it writes, resumes and refuses."""

import csv
import json

import numpy as np
import pytest
import threadpoolctl

from mgr_jax import cli
from mgr_jax.baselines.jobs import _run_on_one_thread
from mgr_jax.baselines.scoring import score_repeats
from mgr_jax.evaluation import Predictions
from mgr_jax.evaluation.results import load_result
from mgr_jax.features import fma518


def call(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main(["baselines", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def table(tmp_path):
    """A .csv table like Kaggle's 3-s one: four rows of each of 24 tracks, of three features."""
    rng = np.random.default_rng(0)
    header = ["filename", "length", "mfcc1_mean", "mfcc1_var", "tempo", "split", "label"]
    rows = []
    for track in range(24):
        genre = ("blues", "disco", "metal")[track % 3]
        for segment in range(4):
            values = rng.normal(size=3) + 2 * np.eye(3)[track % 3]
            name = f"{genre}.{900 + track:05}.{segment}.wav"
            rows.append([name, 66149, *values, "train" if track < 15 else "test", genre])
    path = tmp_path / "features_3_sec.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_one_classifier_is_written_right_into_the_work_directory(capsys, table, tmp_path):
    code, out, _ = call(capsys, f"--table={table}", f"--workdir={tmp_path / 'run'}")
    assert code == 0
    assert "SVM on features_3_sec" in out
    assert "splits given with features_3_sec.csv, rows of the table" in out
    found = Predictions.load(tmp_path / "run/predictions/test.npz")
    assert len(found.track) == 9 * 4
    assert len(set(found.track)) == 9
    run = load_result(tmp_path / "run", "test")
    assert run.scores["majority"]["class"] == "blues"
    assert run.cost["parameters"] is None
    assert run.cost["seconds"] > 0
    assert run.cost["device"] == "1 x cpu"
    # One at the top would hide several below it, and the other way round.
    several = ["--classifiers=lda,nb", "--workers=0"]
    code, _, err = call(capsys, f"--table={table}", f"--workdir={tmp_path / 'run'}", *several)
    assert code == 1
    assert "holds a single baseline" in err
    several[-1] = f"--workdir={tmp_path / 'several'}"
    assert call(capsys, f"--table={table}", *several, "--workers=0")[0] == 0
    code, _, err = call(capsys, f"--table={table}", f"--workdir={tmp_path / 'several'}")
    assert code == 1
    assert "holds several baselines" in err


def test_a_single_scored_track_has_no_interval(capsys, table, tmp_path):
    lines = table.read_text().splitlines()
    one = [line for line in lines if ",test," not in line or line.startswith("blues.00915.")]
    table.write_text("\n".join(one) + "\n")
    command = [f"--table={table}", "--workers=0"]
    code, out, err = call(capsys, *command, "--classifiers=lda", f"--workdir={tmp_path / 'a'}")
    assert code == 0, err
    assert "majority class (blues): 1.000 [n/a, n/a]" in out
    code, out, err = call(capsys, *command, "--classifiers=lda,nb", f"--workdir={tmp_path / 'b'}")
    assert code == 0, err
    assert "of 1 tracks" in out


def test_jobs_share_the_cores(monkeypatch):
    def run(job):
        return [library["num_threads"] for library in threadpoolctl.threadpool_info()]

    monkeypatch.setattr("mgr_jax.baselines.jobs._run", run)
    assert set(_run_on_one_thread(None)) == {1}


def test_several_make_a_table_that_compare_reads_and_that_is_resumed(
    capsys, table, tmp_path, monkeypatch
):
    command = [
        f"--table={table}",
        "--classifiers=lda,majority,dt",
        "--feature_sets=all,single",
        "--seeds=2",
        "--workers=0",
        f"--workdir={tmp_path / 'runs'}",
    ]
    code, out, _ = call(capsys, *command)
    assert code == 0
    assert "| features | dim | lda | majority | dt |" in out
    assert "| mfcc | 2 |" in out
    rows = list(csv.DictReader((tmp_path / "runs/baselines.csv").open()))
    assert [(row["feature_set"], row["classifier"]) for row in rows[:4]] == [
        ("all", "lda"),
        ("all", "majority"),
        ("all", "dt"),
        ("mfcc", "lda"),
    ]
    assert [row["seeds"] for row in rows[:3]] == ["1", "1", "2"]
    assert rows[1]["log_loss"] == ""  # decisions only
    run = load_result(tmp_path / "runs/mfcc/lda", "test")
    assert run.system == "lda on mfcc"
    assert float(rows[3]["accuracy"]) == run.scores["track"]["accuracy"][0]

    fitted = []

    def count(examples, classifier, **options):
        fitted.append(classifier)
        return score_repeats(examples, classifier, **options)

    monkeypatch.setattr("mgr_jax.baselines.jobs.score_repeats", count)
    (tmp_path / "runs/tempo/dt/baseline.json").unlink()  # as if killed before its end
    before = (tmp_path / "runs/baselines.md").read_text()
    assert call(capsys, *command)[0] == 0
    assert fitted == ["dt"]
    after = (tmp_path / "runs/baselines.md").read_text()
    assert before == after
    assert call(capsys, *command, "--aggregation=vote")[0] == 0
    assert len(fitted) == 1 + 9


def test_fmas_table_is_one_command(capsys, tmp_path):
    rng = np.random.default_rng(0)
    columns = [column.split(".") for column in fma518.COLUMNS]
    parts = [("training", "validation", "test")[i // 2 % 3] for i in range(48)]
    with (tmp_path / "features.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        for level, name in enumerate(("feature", "statistics", "number")):
            writer.writerow([name, *(column[level] for column in columns)])
        writer.writerow(["track_id", *[""] * len(columns)])
        writer.writerows([[i, *(rng.normal(size=518) + i % 2).round(4)] for i in range(48)])
    with (tmp_path / "tracks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "album", "artist", "set", "set", "track", "track"])
        writer.writerow(["", "id", "id", "split", "subset", "genre_top", "genres_all"])
        writer.writerow(["track_id", *[""] * 6])
        for i, part in enumerate(parts):
            writer.writerow([i, i, i, part, "medium", ("Folk", "Rock")[i % 2], "[]"])
    code, out, err = call(
        capsys,
        f"--table={tmp_path}",
        "--subset=medium",
        "--protocol=official",
        "--classifiers=nb,svc_rbf",
        "--feature_sets=fma",
        "--workers=0",
        f"--workdir={tmp_path / 'runs'}",
    )
    assert code == 0, err
    assert "- official, whole tracks" in out
    assert "of 16 tracks (test)" in out
    lines = (tmp_path / "runs/baselines.md").read_text().splitlines()
    assert lines[-18].startswith("| chroma_cens | 84 |")
    assert lines[-1] == "| all | 518 | 100.00 | 100.00 |"


def test_a_classifier_that_cannot_be_fitted_leaves_its_cell_empty(capsys, table, tmp_path):
    code, out, err = call(
        capsys,
        f"--table={table}",
        "--classifiers=knn,lda",
        "--workers=0",
        f"--workdir={tmp_path / 'runs'}",
    )
    assert code == 0
    assert "| knn | – |" in out
    assert "Warning: all, knn: knn cannot learn from these rows" in err
    code, _, err = call(
        capsys, f"--table={table}", "--classifiers=knn", f"--workdir={tmp_path / 'knn'}"
    )
    assert code == 1
    assert err.startswith("mgr-jax: knn cannot learn")


def test_leaking_needs_consent_and_is_marked(capsys, table, tmp_path):
    command = [
        f"--table={table}",
        "--protocol=row_random",
        "--classifiers=lda,nb",
        "--workers=0",
        f"--workdir={tmp_path / 'runs'}",
    ]
    code, _, err = call(capsys, *command)
    assert code == 1
    assert "consent (i_know_this_leaks)" in err
    code, out, _ = call(capsys, *command, "--i_know_this_leaks")
    assert code == 0
    assert "- row_random, all 5 folds" in out
    assert "(LEAKS" in out
    rows = list(csv.DictReader((tmp_path / "runs/baselines.csv").open()))
    assert {row["leaks"] for row in rows} == {"yes"}
    found = Predictions.load(tmp_path / "runs/all/lda/predictions/crossval.npz")
    assert len(found.track) == 24 * 4


def test_segments_of_a_dataset_are_described_once(capsys, data_dir, tmp_path, monkeypatch):
    command = [
        "--dataset=audio_folder/music",
        "--sample_rate=12000",
        f"--data_dir={data_dir}",
        "--seconds=0.5",
        "--features=random_projection",
        "--components=20",
        "--protocol=artist_kfold",
        "--folds=3",
        "--classifiers=lda",
        "--workers=0",
    ]
    code, out, _ = call(capsys, *command, f"--workdir={tmp_path / 'a'}")
    assert code == 0
    assert "lda on random projections" in out
    assert "artist_kfold, all 3 folds" in out
    assert "segments of 0.5 s" in out
    found = Predictions.load(tmp_path / "a/predictions/crossval.npz")
    assert len(found.track) == 30 * 4
    np.testing.assert_allclose(found.start[:4], [0, 0.5, 1, 1.5])
    result = json.loads((tmp_path / "a/predictions/crossval.json").read_text())
    assert result["track"]["accuracy"][0] > 0.8
    with monkeypatch.context() as patch:
        patch.setattr("mgr_jax.features.kept.extract", None)  # would fail if it were called
        assert call(capsys, *command, f"--workdir={tmp_path / 'b'}")[0] == 0


def test_features_of_audio_have_feature_sets_and_splits_of_their_own(capsys, data_dir, tmp_path):
    code, out, err = call(
        capsys,
        "--dataset=audio_folder/music",
        "--sample_rate=12000",
        f"--data_dir={data_dir}",
        "--classifiers=lda,nb",
        "--feature_sets=single",
        "--workers=0",
        f"--workdir={tmp_path / 'runs'}",
    )
    assert code == 0, err
    assert "- artist-disjoint split, whole tracks" in out
    assert "(test)" in out
    assert "| mfcc" in out


def test_pictures_and_tables_of_prepared_arrays(capsys, table, tmp_path):
    from mgr_jax.data.prepare import prepare

    rng = np.random.default_rng(0)
    genre = np.arange(12) % 2
    names = np.array([f"{('ska', 'dub')[g]}.{i}" for i, g in enumerate(genre)])
    pictures = rng.normal(size=(12, 9, 4)).astype(np.float32) + genre[:, None, None]
    np.savez(tmp_path / "toy.npz", features=pictures, track=names)
    for path in (tmp_path / "toy.npz", table):
        prepare(
            "feature_array",
            data_dir=tmp_path / "tfds",
            features=path,
            splits="stratified",
            num_workers=0,
        )
    for name, says in (("toy", "lda on bin statistics"), ("features_3_sec", "rows of the table")):
        code, out, err = call(
            capsys,
            f"--dataset=feature_array/{name}",
            f"--data_dir={tmp_path / 'tfds'}",
            "--protocol=stratified_kfold",
            "--folds=2",
            "--classifiers=lda",
            f"--workdir={tmp_path / name}",
        )
        assert code == 0, err
        assert says in out
    code, out, _ = call(
        capsys,
        f"--table={tmp_path / 'toy.npz'}",
        "--features=random_projection",
        "--components=5",
        "--protocol=stratified_kfold",
        "--classifiers=lda",
        f"--workdir={tmp_path / 'projected'}",
    )
    assert code == 0
    assert "lda on random projections" in out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--workdir=x"], "give one of `dataset`"),
        (["--table=TABLE"], "give --workdir"),
        (["--table=TABLE", "--dataset=d", "--workdir=x"], "give one of `dataset`"),
        (["--table=/no/where.csv", "--workdir=x"], "/no/where.csv is not a file"),
        (["--table=TABLE", "--workdir=x", "--classifiers=rff"], "did you mean"),
        (["--table=TABLE", "--workdir=x", "--feature_sets=mfc"], "did you mean mfcc"),
        (["--table=TABLE", "--workdir=x", "--protocol=random"], "there is no protocol"),
        (["--table=TABLE", "--workdir=x", "--protocol=artist_kfold"], "needs artists"),
        (["--table=TABLE", "--workdir=x", "--protocol=official"], "give fma_metadata.zip"),
        (["--table=TABLE", "--workdir=x", "--protocol=fault_filtered"], "fault-filtered lists"),
        (["--table=TABLE", "--workdir=x", "--split=validation"], "no track is validation"),
        (
            ["--table=TABLE", "--workdir=x", "--protocol=stratified_kfold", "--split=test"],
            "`split` belongs to fixed protocols",
        ),
        (["--table=TABLE", "--workdir=x", "--classifiers="], "no classifier is named"),
        (["--table=TABLE", "--workdir=x", "--feature_sets="], "no feature set is named"),
        (["--table=TABLE", "--workdir=x", "--features=gtzan57"], "leave `features` out"),
        (["--table=TABLE", "--workdir=x", "--seconds=3"], "`seconds` cuts the tracks"),
        (["--table=TABLE", "--workdir=x", "--subset=small"], "tracks.csv"),
        (["--dataset=d", "--workdir=x", "--subset=small"], "`subset` belongs to a table"),
        (["--table=TABLE", "--workdir=x", "--protocol=stratified_kfold", "--folds=9"], "fewer fol"),
        (["--table=TABLE", "--workdir=x", "--artists=/no/index.csv"], "/no/index.csv cannot be"),
    ],
)
def test_mistakes_are_one_sentence(capsys, table, tmp_path, monkeypatch, flags, says):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *[flag.replace("TABLE", str(table)) for flag in flags])
    assert code == 1, err
    assert says in err
    sentences = [line for line in err.splitlines() if not line.startswith("Warning")]
    assert len(sentences) == 1
    assert sentences[0].startswith("mgr-jax: ")
