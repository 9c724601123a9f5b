"""The results ledger: a line for each result, once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from errors import user_error

import mgr_jax
from mgr_jax.evaluation import Protocol
from mgr_jax.evaluation.ledger import Entry, add_entry, read_ledger, results_of, shipped_ledger

SCORE = (0.8, 0.711, 0.878)


def entry(**fields) -> Entry:
    protocol = Protocol("dataset", origin="artist-disjoint split", seeds=(0,)).as_dict()
    return Entry(
        **{"system": "log_mel + choi_crnn", "metric": "accuracy", "score": SCORE, "split": "test",
           "protocol": protocol, "config": "12ab", "commit": "34cd"} | fields
    )  # fmt: skip


def test_an_entry_is_a_line_that_is_read_back(tmp_path):
    first = entry(tracks=90, hardware={"cores": 2}, cells=(("demo", "CRNN", "accuracy"),))
    second = entry(system="Mäjority", score=(0.1, None, None), by_hand=True)
    for one in (first, second):
        assert add_entry(tmp_path / "new" / "results.jsonl", one) is None
    assert read_ledger(tmp_path / "new" / "results.jsonl") == [first, second]
    assert (str(first), str(second)) == ("0.800 [0.711, 0.878]", "0.100")
    lines = (tmp_path / "new" / "results.jsonl").read_text().splitlines()
    assert set(json.loads(lines[1])) == {
        "system", "metric", "score", "level", "aggregation", "split", "protocol", "config",
        "commit", "by_hand", "crc32",
    }  # fmt: skip
    assert read_ledger(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    "other",
    [
        {"config": "56ef"}, {"commit": "78ab"}, {"split": "validation"}, {"system": "SVM"},
        {"protocol": Protocol("fault_filtered").as_dict()}, {"level": "segment"},
        {"aggregation": "vote"}, {"score": (0.8, 0.7, 0.9)},
    ],
)  # fmt: skip
def test_another_result_is_another_line(tmp_path, other):
    path = tmp_path / "results.jsonl"
    path.write_text(entry().to_json())  # without an end of the line
    assert add_entry(path, entry(**other)) is None
    assert len(path.read_text().splitlines()) == 2


def test_a_result_stands_there_once(tmp_path):
    path = tmp_path / "results.jsonl"
    add_entry(path, entry(date="2026-01-01"))
    before = path.read_text()
    again = add_entry(path, entry(date="2026-02-02", seconds=3.0))
    assert again == entry(date="2026-01-01")
    assert path.read_text() == before


def test_many_may_write_at_once(tmp_path):
    path = tmp_path / "results.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add_entry(path, entry(config=str(n))), range(40)))
    assert {each.config for each in read_ledger(path)} == set(map(str, range(40)))
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<< HEAD", "[]", "{}", '{"system": "a", "metric": "b", "score": [1, 2]}',
        entry().to_json().replace('"split"', '"splat"'), entry().to_json().replace("0.8", '"x"'),
        entry().to_json().replace('"origin"', '"organ"'),
        entry(cells=(("a", "b"),)).to_json(),
    ],
)  # fmt: skip
def test_a_damaged_line_is_named_and_nothing_is_lost(tmp_path, line):
    path = tmp_path / "results.jsonl"
    path.write_text(f"{entry().to_json()}\n{line}\n")
    before = path.read_text()
    with user_error("ledger.damaged", path, "line 2"):
        add_entry(path, entry(config="other"))
    assert path.read_text() == before


def test_a_line_is_what_was_written_unless_it_is_written_by_hand(tmp_path):
    path = tmp_path / "results.jsonl"
    add_entry(path, entry(system="Mäjority"))
    line = path.read_text(encoding="utf-8")
    assert "Mäjority" in line  # for those who read it
    path.write_text(line.replace("0.8,", "0.9,"), encoding="utf-8")
    with user_error("ledger.damaged", path, "line 1", "changed by hand"):
        read_ledger(path)
    changed = json.loads(path.read_text(encoding="utf-8"))
    del changed["crc32"]
    path.write_text(json.dumps(changed))
    assert read_ledger(path)[0].score[0] == 0.9


def test_results_of_a_config_are_those_of_its_variants_too():
    specs = ("choi2016", "choi2016:model=crnn", "choi2016:model=crnn,data=gtzan", "choi2017")
    entries = [entry(spec=spec) for spec in specs]
    found = {spec: [each.spec for each in results_of(spec, entries)] for spec in specs}
    assert found == {
        specs[0]: list(specs[:3]),
        specs[1]: list(specs[1:3]),
        specs[2]: [specs[2]],
        specs[3]: [specs[3]],
    }
    assert results_of("choi2016:model=c", entries) == []
    assert shipped_ledger().exists()
    assert any(each.spec.startswith("demo:") for each in mgr_jax.results_of("demo"))
