"""The networks of the shipped configs, their table in docs, and how operations are counted."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from flax import linen as nn
from jax import lax

from mgr_jax.benchmark.flops import count_flops
from mgr_jax.benchmark.models import describe, format_row, read_measured
from mgr_jax.config.files import list_configs, read_config
from mgr_jax.models import MODELS, create_model

DOCS = Path(__file__).parents[2] / "docs"
TABLE, MEASURED = DOCS / "models.md", DOCS / "performance" / "models.json"
WRITE_IT = (
    "write it anew: mgr-jax benchmark models "
    "--measured=docs/performance/models.json --markdown=docs/models.md"
)


@pytest.fixture(scope="module")
def speeds():
    return read_measured(MEASURED)["speeds"]


@pytest.mark.parametrize("spec", list_configs())
def test_a_network_fits_its_clips_and_its_row_in_the_table_is_what_it_is(spec, speeds):
    row = format_row(dataclasses.asdict(describe(spec)) | {"clips_per_second": speeds.get(spec)})
    assert row in TABLE.read_text(encoding="utf-8").splitlines(), WRITE_IT


def test_the_table_has_no_other_rows():
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert [row.split("`")[1] for row in rows] == list_configs()


def test_speeds_of_another_file_are_not_taken(tmp_path):
    for content in ("", "[]", '{"models": []}'):
        (tmp_path / "a.json").write_text(content, encoding="utf-8")
        with user_error("benchmark.not_measured", "a.json"):
            read_measured(tmp_path / "a.json")


def test_every_network_says_where_it_was_published():
    assert all(MODELS[name].source for name in MODELS)


def test_every_network_has_a_config():
    made_by_teach = {"taught"}
    found = {read_config(spec).model.name for spec in list_configs()}
    assert found == set(MODELS) - made_by_teach


def test_operations_are_counted_by_hand():
    x, w = jnp.zeros((5, 3)), jnp.zeros((3, 4))
    assert count_flops(lambda x: x @ w, x) == 2 * 5 * 3 * 4
    assert count_flops(jax.jit(lambda x: jnp.sin(x @ w)), x) == 2 * 5 * 3 * 4
    steps = lambda x: lax.scan(lambda c, row: (c, row @ w), 0, x)  # noqa: E731
    assert count_flops(steps, jnp.zeros((7, 5, 3))) == 7 * 2 * 5 * 3 * 4
    image = jnp.zeros((2, 9, 8, 3))
    conv = nn.Conv(6, (3, 5), padding="VALID")
    params = conv.init(jax.random.key(0), image)
    assert count_flops(conv.apply, params, image) == 2 * (2 * 7 * 4 * 6) * (3 * 5 * 3)
    # Every input value meets every kernel value once.
    back = nn.ConvTranspose(6, (4, 4), strides=(2, 2), padding="VALID")
    params = back.init(jax.random.key(0), image)
    expected = 2 * (2 * 9 * 8 * 3) * (4 * 4 * 6)
    assert count_flops(back.apply, params, image) == pytest.approx(expected, rel=0.3)


def test_operations_are_those_that_xla_counts():
    model = create_model("fcn", num_classes=50)
    features = jnp.zeros((1, 1813, 96))
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))

    def network(variables, features):
        return model.apply(variables, features, train=False)[0]

    counted = count_flops(network, variables, features)
    lowered = jax.jit(network).lower(variables, features)
    # XLA counts elementwise operations too, and not what meets the padding.
    np.testing.assert_allclose(counted, lowered.cost_analysis()["flops"], rtol=0.05)
