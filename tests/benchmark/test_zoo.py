"""The configs in configs/zoo, their table in docs/models.md, and how operations are counted."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from mgr_jax.benchmark.flops import count_flops
from mgr_jax.benchmark.models import describe, format_card
from mgr_jax.config import validate
from mgr_jax.config.files import describe_config, list_configs, read_config
from mgr_jax.models import MODELS, create_model

ROOT = Path(__file__).parents[2]
ZOO = [name for name in list_configs() if name.startswith("zoo/")]


@pytest.mark.parametrize("name", ZOO)
def test_a_config_fits_and_its_row_in_the_table_is_what_it_is(name):
    validate(read_config(name))
    card, docstring = describe(name), describe_config(name)
    assert format_card(card) in (ROOT / "docs" / "models.md").read_text(encoding="utf-8"), (
        "write the table anew: mgr-jax benchmark models --markdown=docs/models.md"
    )
    for line in ("Command:  mgr-jax", "Hardware: ", "Result:   "):
        assert line in docstring
    file, _, function = card.tested.partition("::")
    assert re.search(rf"^def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_network_is_in_the_zoo():
    assert {read_config(name).model.name for name in ZOO} == set(MODELS)


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
