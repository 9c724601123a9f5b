"""The list of configs: all of them, their arguments, and what they have scored."""

import pytest

from mgr_jax.config.files import config_names, read_config
from mgr_jax.evaluation.ledger import read_ledger, results_of, shipped_ledger
from mgr_jax.runs.config_list import format_configs


@pytest.mark.parametrize("details", [False, True])
def test_the_list_names_every_file_and_fits_a_terminal(details):
    lines = format_configs(details=details).splitlines()
    named = [line.split()[0] for line in lines if line[:1].strip()][: len(config_names())]
    assert named == config_names()
    assert max(map(len, lines)) <= 80
    assert details or len(lines) == len(named)  # a line for each


def test_the_list_shows_scores_of_the_ledger_that_do_not_leak():
    text = " ".join(format_configs(details=True).split())
    demo = next(entry for entry in results_of("demo:model=crnn,data=demo") if entry.cells)
    assert f"{demo} demo test (dataset)" in text
    leaking = {str(entry) for entry in read_ledger(shipped_ledger()) if entry.protocol["leaks"]}
    honest = {str(entry) for entry in read_ledger(shipped_ledger()) if not entry.protocol["leaks"]}
    assert leaking - honest
    assert not [score for score in leaking - honest if score in text]


def test_specs_of_the_ledger_can_be_read():
    shipped = [
        entry
        for entry in read_ledger(shipped_ledger())
        if entry.spec.partition(":")[0] in config_names()
    ]
    assert shipped
    for entry in shipped:
        config = read_config(entry.spec)
        given = set(entry.spec.partition(":")[2].split(","))
        assert given <= set(config.spec.partition(":")[2].split(","))  # as all specs are written
        assert entry.overrides or config.dataset == entry.dataset
