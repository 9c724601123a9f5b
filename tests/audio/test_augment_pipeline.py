"""What every augmentation promises, how lists of them are composed, and what is refused."""

import functools
import inspect
import re

import jax
import ml_collections
import numpy as np
import pytest
from errors import user_error

import mgr_jax.audio.augment
from mgr_jax.audio.augment import AUGMENTATIONS, example_keys, make_augment

RATE = 8000
BATCH = 100
# Settings that change every example. A new augmentation needs a row.
SETTINGS = {
    "cutmix": {"alpha": 5.0},
    "frequency_mask": {"masks": 12, "max_bins": 4},
    "gain": {"min_db": 1.0, "max_db": 6.0},
    "mixup": {"alpha": 5.0},
    "noise": {},
    "polarity": {},
    "random_filter": {},
    "reverb": {},
    "speed": {"max_rate": 0.99},
    "time_mask": {"masks": 12, "max_frames": 4},
    "time_shift": {"max_share": 1.0},
}
ALONE = [name for name in SETTINGS if AUGMENTATIONS[name].kind != "mix"]


def one(name, **settings):
    return make_augment([{"name": name} | SETTINGS[name] | settings], sample_rate=RATE)


def examples(name, batch=BATCH) -> np.ndarray:
    shape = (20, 16, 2) if AUGMENTATIONS[name].kind == "features" else (600,)
    return np.random.default_rng(0).normal(0, 0.1, (batch, *shape)).astype(np.float32)


@functools.cache
def program(augment):
    """Applies a list to (seed, index, batch), by whichever of the two methods it belongs to."""
    assert not (augment.changes_inputs and augment.changes_features)

    def apply(seed, index, x):
        keys = example_keys(seed, index)
        return augment.features(keys, x) if augment.changes_features else augment.inputs(keys, x)[0]

    return jax.jit(apply)


@functools.cache
def always(name):
    return one(name)


def run(augment, x, index=None, seed=0) -> np.ndarray:
    index = np.arange(len(x)) if index is None else index
    return np.asarray(program(augment)(seed, index, x))


def test_every_augmentation_is_tested():
    assert set(SETTINGS) == set(AUGMENTATIONS)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_default_and_is_documented(name):
    kind, function = AUGMENTATIONS[name]
    assert kind in ("waveform", "features", "mix")
    for setting in one(name).specs[0]:
        if setting not in ("name", "p"):
            parameter = inspect.signature(function).parameters[setting]
            assert parameter.default is not parameter.empty
            assert f"\n      {setting}: " in function.__doc__


@pytest.mark.parametrize("name", SETTINGS)
def test_shape_and_dtype_stay_and_something_changes(name):
    x = examples(name)
    result = run(always(name), x)
    assert result.shape == x.shape
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert (result != x).reshape(BATCH, -1).any(axis=1).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_silence_and_dc_stay_finite(name):
    x = np.zeros_like(examples(name))
    np.testing.assert_array_equal(run(always(name), x), 0)
    assert np.isfinite(run(always(name), x + 1)).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_p_0_is_the_identity_and_costs_nothing(name):
    augment = one(name, p=0.0)
    assert not augment.changes_inputs
    assert not augment.changes_features
    assert augment.specs[0]["p"] == 0
    np.testing.assert_array_equal(run(augment, examples(name)), examples(name))


@pytest.mark.parametrize("name", SETTINGS)
def test_p_chooses_examples_and_changes_nothing_else_about_them(name):
    x = examples(name)
    every, some = run(always(name), x), run(one(name, p=0.5), x)
    changed = (some != x).reshape(BATCH, -1).any(axis=1)
    assert 32 < changed.sum() < 68  # 3.5 standard deviations
    if name in ALONE:  # the draws do not depend on p
        np.testing.assert_allclose(some[changed], every[changed], atol=1e-6)


@pytest.mark.parametrize("name", ALONE)
def test_the_result_depends_on_the_example_and_its_number_alone(name):
    x, index = examples(name), np.arange(1000, 1000 + BATCH)
    result = run(always(name), x, index)
    order = np.random.default_rng(1).permutation(BATCH)
    np.testing.assert_array_equal(run(always(name), x[order], index[order]), result[order])
    np.testing.assert_array_equal(run(always(name), x[7:8], index[7:8]), result[7:8])


@pytest.mark.parametrize("name", [name for name in ALONE if name != "polarity"])
def test_other_numbers_and_seeds_draw_otherwise(name):
    same = np.broadcast_to(examples(name)[:1], examples(name).shape)
    results = [run(always(name), same), run(always(name), same, seed=1)]
    rows = {row.tobytes() for result in results for row in result}
    assert len(rows) > BATCH  # some shifts and masks come twice


@pytest.mark.parametrize("kind", ["waveform", "features"])
def test_works_under_vmap_and_pmap(kind):
    names = [name for name in SETTINGS if AUGMENTATIONS[name].kind == kind]
    specs = [{"name": name, "p": 0.7} | SETTINGS[name] for name in names]
    apply, x = program(make_augment(specs, sample_rate=RATE)), examples(names[0], batch=8)
    expected = apply(0, np.arange(8), x)
    pairs = np.arange(8).reshape(2, 4), x.reshape(2, 4, *x.shape[1:])
    for result in (
        jax.vmap(apply, in_axes=(None, 0, 0))(0, *pairs),
        jax.pmap(apply, in_axes=(None, 0, 0), devices=jax.devices()[:2])(0, *pairs),
    ):
        np.testing.assert_allclose(np.reshape(result, x.shape), expected, atol=1e-6)


def test_works_in_a_scan_and_on_a_batch_spread_over_devices():
    augment = make_augment([{"name": "gain", "p": 0.5}, {"name": "mixup"}], sample_rate=RATE)

    @jax.jit
    def apply(index, x):
        return augment.inputs(example_keys(0, index), x)

    operands = np.arange(16), examples("gain", batch=16)
    expected = apply(*operands)
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("devices",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("devices"))
    spread = apply(*jax.device_put(operands, sharding))
    steps = jax.tree.map(lambda leaf: leaf[None], operands)
    _, scanned = jax.lax.scan(lambda carry, step: (carry, apply(*step)), None, steps)
    for result in (spread, jax.tree.map(lambda leaf: leaf[0], scanned)):
        jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-6), result, expected)


def test_a_nan_stays_in_its_own_clip():
    x = examples("gain")
    x[3, 100] = np.nan
    for name in ALONE:
        if AUGMENTATIONS[name].kind == "waveform":
            finite = np.isfinite(run(always(name), x)).all(axis=1)
            np.testing.assert_array_equal(np.delete(finite, 3), True)


def test_keys_follow_from_seed_and_number():
    keys = jax.random.key_data(example_keys(7, np.arange(1000, dtype=np.int64)))
    assert len(np.unique(keys, axis=0)) == 1000
    for dtype in (np.int32, np.uint32):
        again = example_keys(7, np.arange(500, 510, dtype=dtype))
        np.testing.assert_array_equal(jax.random.key_data(again), keys[500:510])
    assert not (jax.random.key_data(example_keys(8, np.arange(1000))) == keys).all(axis=1).any()
    # Dropout's keys fold the step into the same seed.
    steps = jax.vmap(lambda step: jax.random.fold_in(jax.random.key(7), step))(np.arange(1000))
    both = np.concatenate([keys, jax.random.key_data(steps)])
    assert len(np.unique(both, axis=0)) == 2000


def test_transforms_apply_in_order_and_draw_the_same_in_any_company():
    x = examples("gain")
    gain, noise = {"name": "gain"}, {"name": "noise", "min_snr_db": 0.0, "max_snr_db": 0.0}

    def result(*specs):
        return run(make_augment(specs, sample_rate=RATE), x)

    factor = result(gain) / x
    np.testing.assert_allclose(result(gain, noise), factor * result(noise), rtol=1e-4, atol=1e-6)
    flipped = result({"name": "polarity"}, noise, gain)
    np.testing.assert_allclose(flipped, -factor * (2 * x - result(noise)), rtol=1e-4, atol=1e-6)
    # A second one of the same name draws for itself.
    assert not np.allclose(result(gain, gain), factor**2 * x, rtol=1e-3)


def test_inputs_and_features_take_their_own_transforms():
    mask, gain = {"name": "time_mask"} | SETTINGS["time_mask"], {"name": "gain"} | SETTINGS["gain"]
    augment = make_augment([mask, gain, {"name": "mixup"}], sample_rate=RATE)
    assert (augment.changes_inputs, augment.changes_features) == (True, True)
    masked = jax.jit(augment.features)(example_keys(0, np.arange(BATCH)), examples("time_mask"))
    np.testing.assert_array_equal(masked, run(always("time_mask"), examples("time_mask")))
    alone = make_augment([mask], sample_rate=RATE)
    assert (alone.changes_inputs, alone.changes_features) == (False, True)
    inputs, _, share = alone.inputs(example_keys(0, np.arange(BATCH)), examples("gain"))
    assert share is None
    np.testing.assert_array_equal(inputs, examples("gain"))


def test_an_empty_list_changes_nothing():
    augment = make_augment((), sample_rate=RATE)
    assert (augment.changes_inputs, augment.changes_features) == (False, False)
    assert augment.specs == ()


def test_the_record_holds_every_setting_and_makes_the_same_again():
    specs = [
        ml_collections.ConfigDict({"name": "reverb", "p": 0.3, "max_rt60": 2}),
        {"name": "mixup"},
    ]
    augment = make_augment(specs, sample_rate=RATE)
    assert augment.specs == (
        {
            "name": "reverb", "p": 0.3, "min_rt60": 0.2, "max_rt60": 2, "min_drr_db": 0.0,
            "max_drr_db": 12.0,
        },
        {"name": "mixup", "p": 1.0, "alpha": 0.4},
    )  # fmt: skip
    assert make_augment(augment.specs, sample_rate=RATE).specs == augment.specs


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_stored_features_can_be_mixed_but_not_filtered(name):
    x = examples("time_mask")
    keys = jax.eval_shape(lambda: example_keys(0, np.arange(BATCH)))
    augment = make_augment([{"name": name}], sample_rate=0)
    mixed, _, _ = jax.eval_shape(augment.inputs, keys, x)
    assert mixed.shape == x.shape
    with user_error("augment.needs_waveforms", "random_filter"):
        make_augment([{"name": name}, {"name": "random_filter"}], sample_rate=0)
    augment = make_augment([{"name": name}, {"name": "gain"}], sample_rate=RATE)
    with user_error("augment.needs_waveforms", "gain"):
        jax.eval_shape(augment.inputs, keys, x)


@pytest.mark.parametrize(
    ("spec", "code", "named"),
    [
        ({"name": "gian"}, "unknown_name", "gain"),
        ({"name": ["gain"]}, "unknown_name", "augmentation"),
        ({"p": 0.5}, "augment.not_a_dict", "augment[0]"),
        ("gain", "augment.not_a_dict", "augment[0] is 'gain'"),
        ({"name": "gain", "min_dB": 0}, "unknown_name", "did you mean min_db"),
        ({"name": "polarity", "min_db": 0}, "unknown_name", "augment[0] (polarity) 'min_db'"),
        ({"name": "reverb", "sample_rate": 8000}, "unknown_name", "'sample_rate'"),
        (
            {"name": "gain", "p": 1.5},
            "augment.out_of_range",
            "p=1.5",
        ),
        ({"name": "gain", "p": True}, "augment.out_of_range", "p=True"),
        ({"name": "gain", "min_db": "-6"}, "augment.out_of_range", "min_db='-6'"),
        ({"name": "gain", "max_db": float("nan")}, "augment.out_of_range", "max_db=nan"),
        ({"name": "gain", "min_db": 7.0}, "augment.minimum_above_maximum", "min_db=7.0"),
        ({"name": "time_shift", "fill": "zeros"}, "unknown_name", "did you mean zero"),
        ({"name": "speed", "min_rate": 0.0}, "augment.out_of_range", "min_rate=0.0"),
        (
            {"name": "random_filter", "max_lowpass_hz": 4001.0},
            "augment.out_of_range",
            "1 to 4000",
        ),
        ({"name": "random_filter", "order": 2.5}, "augment.out_of_range", "order=2.5"),
        ({"name": "reverb", "min_rt60": 0}, "augment.out_of_range", "min_rt60=0"),
        ({"name": "time_mask", "masks": 0}, "augment.out_of_range", "masks=0"),
        ({"name": "mixup", "alpha": 0.0}, "augment.out_of_range", "alpha=0.0"),
    ],
    ids=str,
)
def test_mistakes_are_named(spec, code, named):
    with user_error(code, named):
        make_augment([spec], sample_rate=RATE)


def test_only_one_mixing_is_possible():
    specs = [{"name": "mixup"}, {"name": "gain"}, {"name": "cutmix"}]
    with user_error("augment.two_mix", "mixup", "cutmix"):
        make_augment(specs, sample_rate=RATE)


@pytest.mark.parametrize(
    "spec",
    [{"name": "gain", "p": 1}, {"name": "random_filter", "p": 1, "highpass_share": 0}],
    ids=lambda spec: spec["name"],
)
def test_shares_may_be_whole_numbers(spec):
    augment = make_augment((spec,), sample_rate=8000)
    keys = example_keys(0, np.arange(2))
    clips = np.random.default_rng(0).normal(0, 0.1, (2, 4000)).astype(np.float32)
    changed, _, _ = augment.inputs(keys, clips)
    assert np.abs(changed - clips).max() > 0


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_package_lists_every_setting_with_its_default(name):
    listed = re.split(r"\n    \w", mgr_jax.audio.augment.__doc__.partition(f"\n    {name} ")[2])[0]
    parameters = inspect.signature(AUGMENTATIONS[name].function).parameters.values()
    for parameter in parameters:
        given = parameter.name in ("length", "lengths")
        if not given and parameter.default is not inspect.Parameter.empty:
            assert f"{parameter.name}={parameter.default!r}" in listed


@pytest.mark.parametrize("name", SETTINGS)
def test_a_filled_clip_is_changed_within_its_length(name):
    kind, x = AUGMENTATIONS[name].kind, examples(name, batch=40)
    lengths = np.where(np.arange(40) < 21, x.shape[1] // 3, x.shape[1]).astype(np.int32)
    short, full = slice(21), slice(21, 40)  # one pair has one of each
    inside = np.arange(x.shape[1]) < lengths[:, None]
    filled = np.where(inside.reshape(*inside.shape, *[1] * (x.ndim - 2)), x, 0)
    augment, keys = always(name), example_keys(0, np.arange(40))
    if kind == "features":
        changed, after = jax.jit(augment.features)(keys, filled, lengths), lengths
    else:
        changed, after, share = jax.jit(augment.inputs)(keys, filled, lengths)
    changed = np.asarray(changed)
    assert (changed != filled)[short].reshape(21, -1).any(axis=1).mean() > 0.9  # shifts by 0
    if kind == "features":
        # Masks lie within the clip; what they hide is its own mean, without the filling.
        assert name == "frequency_mask" or not (changed != filled)[~inside].any()
        hidden = changed[0][(changed != filled)[0] & inside[0][:, None, None]]
        means = filled[0, : lengths[0]].mean(axis=(0, 1))
        assert np.abs(hidden[:, None] - means).min(axis=1).max() < 1e-6
    else:
        np.testing.assert_array_equal(changed[np.arange(x.shape[1]) >= after[:, None]], 0)
    if kind != "mix":
        np.testing.assert_allclose(changed[full], run(augment, x)[full], atol=1e-5)
        np.testing.assert_array_equal(after, lengths)
        return
    longer = np.maximum(lengths, lengths[np.arange(40) ^ 1])
    np.testing.assert_array_equal(after, longer if name == "mixup" else lengths)
    foreign = (changed != filled).sum(axis=1)
    if name == "cutmix":
        np.testing.assert_allclose(1 - share, foreign / lengths, atol=1e-6)


@pytest.mark.parametrize("fill", ["wrap", "zero"])
def test_a_filled_clip_is_shifted_within_its_length(fill):
    x = np.zeros((50, 60), np.float32)
    x[:, :10] = 1 + np.arange(10)
    lengths = np.full(50, 10, np.int32)
    augment = one("time_shift", max_share=0.5, fill=fill)
    changed, _, _ = augment.inputs(example_keys(0, np.arange(50)), x, lengths)
    shifts = set()
    for clip in np.asarray(changed)[:, :10]:
        shift = (np.flatnonzero(clip)[0] + 1 - clip[np.flatnonzero(clip)[0]]).astype(int)
        shift = (shift + 5) % 10 - 5 if fill == "wrap" else shift
        expected = np.roll(x[0, :10], shift)
        if fill == "zero":
            expected[: max(shift, 0)] = 0
            expected[10 + min(shift, 0) :] = 0
        np.testing.assert_array_equal(clip, expected)
        shifts.add(shift)
    assert max(map(abs, shifts)) == 5


def test_noise_of_a_filled_clip_has_the_ratio_to_what_is_heard():
    rng = np.random.default_rng(0)
    x = np.zeros((4, 20_000), np.float32)
    x[:, :5_000] = rng.normal(0, 0.1, (4, 5_000))
    augment = one("noise", min_snr_db=20.0, max_snr_db=20.0)
    lengths = np.full(4, 5_000, np.int32)
    changed, _, _ = augment.inputs(example_keys(0, np.arange(4)), x, lengths)
    added = (np.asarray(changed) - x)[:, :5_000]
    ratio = (np.square(x).sum(axis=1) / np.square(added).sum(axis=1)).mean()
    assert 10 * np.log10(ratio) == pytest.approx(20, abs=0.3)


def test_nothing_follows_a_filled_clip_that_plays_too_fast():
    x = np.zeros((1, 8_000), np.float32)
    x[:, :4_000] = np.random.default_rng(0).normal(0, 0.1, 4_000)
    lengths = np.array([4_000], np.int32)
    for fill, silent in (("zero", True), ("wrap", False)):
        augment = one("speed", min_rate=1.5, max_rate=1.5, fill=fill)
        changed, _, _ = augment.inputs(example_keys(0, np.arange(1)), x, lengths)
        assert (np.abs(np.asarray(changed)[0, 3_000:4_000]).mean() < 0.01) == silent


def test_masks_take_as_large_a_share_of_a_short_clip():
    x = np.random.default_rng(0).normal(size=(200, 100, 3)).astype(np.float32)
    augment, keys = one("time_mask", masks=1, max_frames=40), example_keys(0, np.arange(200))
    hidden = [
        (np.asarray(augment.features(keys, x, np.full(200, length, np.int32))) != x).any(axis=2)
        for length in (100, 10)
    ]
    assert 0.15 < hidden[0].mean() < 0.25
    assert 0.1 < hidden[1][:, :10].mean() < 0.2  # whole frames, rounded down
    assert hidden[1][:, :10].sum(axis=1).max() <= 4
