"""ResNet and DenseNet: the sizes in their papers' tables, and what does not fit."""

import jax
import jax.numpy as jnp
import pytest
from errors import user_error

from mgr_jax.models import create_model


def outputs(model, shape):
    """The shape that each block leaves of an image [frames, bins, channels]."""

    def run():
        _, state = model.init_with_output(
            jax.random.key(0), jnp.zeros((1, *shape)), train=False, capture_intermediates=True
        )
        return state["intermediates"]

    found = jax.eval_shape(run)
    del found["__call__"]
    # Blocks give the lengths of clips too, here none.
    arrays = {name: jax.tree.leaves(calls["__call__"])[0] for name, calls in found.items()}
    return {name: array.shape[1:] for name, array in arrays.items()}


def sides(found, names):
    return [found[name][:2] for name in names]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("resnet18", ["stem", "stage1_block2", "stage2_block2", "stage3_block2", "stage4_block2"]),
        ("resnet34", ["stem", "stage1_block3", "stage2_block4", "stage3_block6", "stage4_block3"]),
        ("densenet121", ["stem", "block1_layer6", "block2_layer12", "block3_layer24"]),
    ],
)
def test_images_of_224_shrink_as_in_the_papers(name, last):
    """Table 1 of He et al. and of Huang et al.: 56, 28, 14, 7."""
    found = outputs(create_model(name, num_classes=1000), (224, 224, 3))
    expected = [(side, side) for side in (56, 56, 28, 14, 7)[: len(last)]]
    assert sides(found, last) == expected
    if name == "densenet121":
        assert found["block4_layer16"] == (7, 7, 1024)
        assert [found[f"transition{i}"][2] for i in (1, 2, 3)] == [128, 256, 512]
    else:
        assert [found[block][2] for block in last] == [64, 64, 128, 256, 512]


def test_odd_sizes_are_rounded_up():
    found = outputs(create_model("resnet18", num_classes=10), (130, 128, 1))
    assert sides(found, ["stem", "stage4_block2"]) == [(33, 32), (5, 4)]


def test_fields_set_depth_and_width():
    found = outputs(create_model("resnet18", num_classes=10, blocks=(1, 2), width=8), (9, 9, 1))
    blocks = {name for name in found if name.startswith("stage")}
    assert blocks == {"stage1_block1", "stage2_block1", "stage2_block2"}
    assert found["stage2_block2"] == (2, 2, 16)
    fields = {"blocks": (2, 1), "growth": 4, "width": 8}
    found = outputs(create_model("densenet121", num_classes=10, **fields), (9, 9, 1))
    assert found["block1_layer2"] == (3, 3, 16)
    assert found["block2_layer1"] == (1, 1, 12)


def test_what_does_not_fit_is_rejected():
    model = create_model("densenet121", num_classes=10)
    assert outputs(model, (29, 29, 1))["block4_layer16"] == (1, 1, 1024)
    with user_error("model.clip_too_small", "densenet121", "29 frames of 29"):
        outputs(model, (28, 29, 1))
    with user_error("model.clip_too_small", "resnet18"):
        outputs(create_model("resnet18", num_classes=10), (0, 8, 1))
    with user_error("model.wrong_sizes", "resnet34", "blocks"):
        create_model("resnet34", num_classes=10, blocks=(3, 0))
    with user_error("model.out_of_range", "densenet121", "growth"):
        create_model("densenet121", num_classes=10, growth=0)
