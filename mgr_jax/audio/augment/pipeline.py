"""Augmentation as a list of transforms, which are checked and composed."""

import dataclasses
import functools
import inspect
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from mgr_jax.audio.augment import features, mixing, spectral, waveform
from mgr_jax.audio.augment.settings import check_settings
from mgr_jax.errors import UserError, unknown_name

Lengths = jax.Array | None


class Augmentation(NamedTuple):
    """A transform and what it works on.

    Attributes:
      kind: "waveform" (of one clip), "features" (of one clip) or "mix" (inputs of a batch).
      function: the transform; its docstring explains the settings.
    """

    kind: str
    function: Callable


AUGMENTATIONS: dict[str, Augmentation] = {
    "cutmix": Augmentation("mix", mixing.cutmix),
    "frequency_mask": Augmentation("features", features.frequency_mask),
    "gain": Augmentation("waveform", waveform.gain),
    "mixup": Augmentation("mix", mixing.mixup),
    "noise": Augmentation("waveform", waveform.noise),
    "polarity": Augmentation("waveform", waveform.polarity),
    "random_filter": Augmentation("waveform", spectral.random_filter),
    "reverb": Augmentation("waveform", spectral.reverb),
    "speed": Augmentation("waveform", spectral.speed),
    "time_mask": Augmentation("features", features.time_mask),
    "time_shift": Augmentation("waveform", waveform.time_shift),
}


def example_keys(seed: int, index: jax.Array) -> jax.Array:
    """Random keys of examples, each from the seed and its own number alone.

    Args:
      seed: of the run.
      index: [batch] integers, numbers of the examples in the whole run.

    Returns:
      Keys [batch].
    """
    # Apart from the keys of other uses of the seed, such as dropout's, which fold in the step.
    key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(b"augment"))
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(jnp.asarray(index))


@dataclasses.dataclass(frozen=True)
class _Step:
    """One transform of the list, with its function's settings bound and its own random stream."""

    name: str
    kind: str
    function: Callable
    p: float
    stream: int

    def each(self, keys: jax.Array, x: jax.Array, lengths: Lengths) -> jax.Array:
        """Transforms the chosen examples of [batch, ...]."""

        def one(key: jax.Array, x: jax.Array, *length: jax.Array) -> jax.Array:
            chosen, key = self._choose(key)
            return lax.cond(chosen, lambda: self._transform(key, x, *length), lambda: x)

        # One by one, a CPU need not compute what is not chosen, and keeps a clip in its caches.
        return lax.platform_dependent(
            *((keys, x) if lengths is None else (keys, x, lengths)),
            cpu=lambda *batch: lax.map(lambda row: one(*row), batch),
            default=jax.vmap(one),
        )

    def _transform(self, key: jax.Array, x: jax.Array, length: Lengths = None) -> jax.Array:
        """Transforms a clip; what fills a waveform is zero before and after."""
        if length is None:
            return self.function(key, x)
        told = {"length": length} if "length" in inspect.signature(self.function).parameters else {}
        if self.kind == "features":
            return self.function(key, x, **told)
        # The clip is heard again and again, as loud at its end as before.
        place = jnp.arange(len(x))
        return jnp.where(place < length, self.function(key, x[place % length], **told), 0.0)

    def mix(
        self, keys: jax.Array, x: jax.Array, lengths: Lengths
    ) -> tuple[jax.Array, Lengths, jax.Array]:
        """Mixes the chosen examples of [batch, ...]; the others keep all of their own."""
        chosen, keys = jax.vmap(self._choose)(keys)
        mixed, share, mixed_lengths = self.function(keys, x, lengths)
        x = jnp.where(chosen.reshape(-1, *[1] * (x.ndim - 1)), mixed, x)
        if lengths is not None:
            lengths = jnp.where(chosen, mixed_lengths, lengths)
        return x, lengths, jnp.where(chosen, share, 1.0)

    def _choose(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        chance, rest = jax.random.split(jax.random.fold_in(key, self.stream))
        return jax.random.bernoulli(chance, self.p), rest


@dataclasses.dataclass(frozen=True, eq=False)
class Augment:
    """A list of transforms, as `make_augment` composes it; pure functions of keys and batches.

    Attributes:
      specs: the list with every default written out: the record of an experiment.
    """

    specs: tuple[dict[str, Any], ...]
    _steps: tuple[_Step, ...]

    @property
    def changes_inputs(self) -> bool:
        """Whether `inputs` does anything."""
        return any(step.kind != "features" for step in self._steps)

    @property
    def changes_features(self) -> bool:
        """Whether `features` does anything."""
        return any(step.kind == "features" for step in self._steps)

    @property
    def mixes(self) -> bool:
        """Whether `inputs` mixes examples."""
        return any(step.kind == "mix" for step in self._steps)

    def inputs(
        self, keys: jax.Array, inputs: jax.Array, lengths: Lengths = None
    ) -> tuple[jax.Array, Lengths, jax.Array | None]:
        """Applies the transforms of waveforms and of batches, in the order of the list.

        Args:
          keys: [batch] of `example_keys`.
          inputs: waveforms [batch, samples], or stored features [batch, frames, bins(, channels)]
            where there are no transforms of waveforms; float32, zeros beyond the lengths.
          lengths: [batch] int32, samples or frames of clips that are filled; None: all are full. A
            filled clip is transformed as if it went on by repetition, and ends where it did.

        Returns:
          The inputs, their lengths, and, if examples are mixed, the share [batch] float32 that each
          row keeps of its own example. Row i should be trained on share[i] of its own target and
          the rest of its partner's; see `of_partners`.

        Raises:
          UserError: a transform of waveforms is given features.
        """
        share = None
        for step in self._steps:
            if step.kind == "mix":
                inputs, lengths, share = step.mix(keys, inputs, lengths)
            elif step.kind == "waveform":
                if inputs.ndim != 2:
                    raise _needs_waveforms(step.name)
                inputs = step.each(keys, inputs, lengths)
        return inputs, lengths, share

    def features(self, keys: jax.Array, features: jax.Array, lengths: Lengths = None) -> jax.Array:
        """Applies the transforms of features, in the order of the list.

        Args:
          keys: [batch], see `example_keys`.
          features: [batch, frames, bins] or [batch, frames, bins, channels] float32.
          lengths: [batch] int32, frames of the clips that are filled up; None: all clips are full.

        Returns:
          The features, of the same shape.

        Raises:
          UserError: a clip has too few frames or bins for a mask.
        """
        for step in self._steps:
            if step.kind == "features":
                features = step.each(keys, features, lengths)
        return features


def make_augment(specs: Sequence[Mapping[str, Any]], *, sample_rate: float) -> Augment:
    """Composes transforms.

    The random numbers of a transform depend on the key of the example, the name of the transform,
    and the number of transforms of this name before it. So adding, removing or moving one transform
    does not change what the others draw, and experiments on them compare like with like.

    Args:
      specs: dicts such as {"name": "gain", "p": 0.5, "max_db": 3.0}, of "name" (in AUGMENTATIONS),
        "p" (the share of examples to transform: 1 if not given; at 0 nothing is computed) and
        settings of that transform. They apply in this order, but all those of waveforms and
        batches before any of features.
      sample_rate: of waveforms in Hz; 0 where the inputs are stored features.

    Returns:
      The composed augmentation.

    Raises:
      UserError: an unknown name or setting, a value out of range, two transforms that mix, or a
        transform of waveforms where there are none.
    """
    records, steps, seen = [], [], Counter[str]()
    for number, spec in enumerate(specs):
        name, given = _name_and_settings(number, spec)
        kind, function = AUGMENTATIONS[name]
        if kind == "waveform" and not sample_rate:
            raise _needs_waveforms(name)
        settings = check_settings(
            f"augment[{number}] ({name})", function, given, sample_rate=sample_rate
        )
        records.append({"name": name} | settings)
        seen[name] += 1
        p = float(settings.pop("p"))
        if p == 0:
            continue
        if "sample_rate" in inspect.signature(function).parameters:
            settings["sample_rate"] = sample_rate
        stream = zlib.crc32(f"{name} {seen[name]}".encode())
        steps.append(_Step(name, kind, functools.partial(function, **settings), p, stream))
    mixing_names = [step.name for step in steps if step.kind == "mix"]
    if len(mixing_names) > 1:
        raise UserError(
            f"augment has {' and '.join(mixing_names)}; only one of them can mix a batch",
            code="augment.two_mix",
        )
    return Augment(tuple(records), tuple(steps))


def _name_and_settings(number: int, spec: Any) -> tuple[str, dict[str, Any]]:
    try:
        given = dict(spec)
    except (TypeError, ValueError):
        given = {}
    if "name" not in given:
        raise UserError(
            f'augment[{number}] is {spec!r}; expected a dict such as {{"name": "gain", "p": 0.5}}',
            code="augment.not_a_dict",
        )
    name = str(given.pop("name"))
    if name not in AUGMENTATIONS:
        raise unknown_name("augmentation", name, AUGMENTATIONS)
    return name, given


def _needs_waveforms(name: str) -> UserError:
    return UserError(
        f"the augmentation {name} needs waveforms, but the inputs are stored features; remove it",
        code="augment.needs_waveforms",
    )
