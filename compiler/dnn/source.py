"""What a `Net` needs of a network, whichever format it has: its layers, its inputs, and something that runs it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from regraft.errors import RegraftError
from regraft.ir import Shape

Array = npt.NDArray[Any]
Shapes = Mapping[str, Shape]
Times = Mapping[str, float]
"""Microseconds by layer."""
MOST_RUNNERS = 8
"""Compiled forms of one network that are kept: each holds the weights."""


@dataclass(frozen=True)
class LayerInfo:
    """A layer: `inputs` are (layer's name or "" for the network's input, index of its output) by bottom."""

    name: str
    type: str
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[str, ...]
    blob_shapes: tuple[tuple[int, ...], ...] = ()
    attrs: Mapping[str, Any] | None = None

    @property
    def pins(self) -> tuple[str, ...]:
        """The names of its outputs in what `Source.runner` is asked for."""
        return tuple(f"{self.name}:{index}" if index else self.name for index in range(len(self.outputs)))


class Runner(Protocol):
    """A network compiled for certain outputs and input sizes."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; RunError if an input that is needed is missing."""

    def shapes(self) -> dict[str, tuple[int, ...] | None]:
        """The sizes of its outputs as far as they are fixed."""


class Source(Protocol):
    """A network that was read."""

    inputs: dict[str, Shape | None]
    layers: dict[str, LayerInfo]
    aliases: Mapping[str, str]
    """Further names of layers."""
    outputs: tuple[str, ...]

    def knows(self, name: str) -> bool:
        """Whether this names a layer's output or a blob."""

    def names(self) -> list[str]:
        """All such names, for messages."""

    def blobs(self, layer: str) -> list[Array]:
        """The weights of a layer."""

    def set_blobs(self, layer: str, arrays: Sequence[Array]) -> None:
        """Give a layer other weights."""

    def runner(self, wanted: Sequence[str], shapes: Shapes, providers: Sequence[str]) -> Runner:
        """Compile for these outputs."""

    def layer_times(self, wanted: Sequence[str], feeds: Mapping[str, Array], providers: Sequence[str]) -> Times:
        """Run for these outputs, and measure each layer; those that were fused into others are not in it."""


Key = tuple[tuple[str, ...], tuple[str, ...]]
Sizes = tuple[tuple[str, Shape], ...]


class Runners:
    """Compiled forms of one network, made when first needed.

    The first sizes of a request are compiled as they are, which is fastest. When others come, those that change become
    free, so that no further sizes need a compilation; networks that cannot be compiled so are, for each.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: OrderedDict[tuple[Key, Sizes], Runner] = OrderedDict()
        self._general: dict[Key, Sizes] = {}
        self._fixed_only: set[tuple[Key, Sizes]] = set()

    def get(self, wanted: tuple[str, ...], shapes: Shapes, providers: tuple[str, ...]) -> Runner:
        """The runner for these outputs and sizes."""
        key: Key = (wanted, providers)
        sizes: Sizes = tuple(shapes.items())
        found = self._made.get((key, sizes))
        if found is None:
            found = self._general_runner(key, sizes) or self._make(key, sizes)
        else:
            self._made.move_to_end((key, sizes))
        return found

    def clear(self) -> None:
        """Forget all: the weights changed."""
        self._made.clear()
        self._general.clear()
        self._fixed_only.clear()

    def _general_runner(self, key: Key, sizes: Sizes) -> Runner | None:
        known = self._general.get(key)
        general = sizes if known is None else _generalised(known, sizes)
        self._general[key] = general or sizes
        if known is None or general is None or (key, general) in self._fixed_only:
            return None
        if (key, general) in self._made:
            self._made.move_to_end((key, general))
            return self._made[key, general]
        try:
            return self._make(key, general)
        except RegraftError:
            self._fixed_only.add((key, general))
            return None

    def _make(self, key: Key, sizes: Sizes) -> Runner:
        runner = self._source.runner(key[0], dict(sizes), key[1])
        self._made[key, sizes] = runner
        if len(self._made) > MOST_RUNNERS:
            self._made.popitem(last=False)
        return runner


def _generalised(known: Sizes, sizes: Sizes) -> Sizes | None:
    """The sizes with a symbol wherever they differ from those known; None when the inputs or their ranks differ."""
    if [(name, len(shape)) for name, shape in known] != [(name, len(shape)) for name, shape in sizes]:
        return None
    return tuple(
        (
            name,
            tuple(old if old == new else f"{name}_{i}" for i, (old, new) in enumerate(zip(before, now, strict=True))),
        )
        for (name, before), (_, now) in zip(known, sizes, strict=True)
    )


def fitted(array: Array, dtype: np.dtype[Any] | None) -> Array:
    """The array in the element type that the network takes; whole numbers are rounded and kept in range."""
    if dtype is None or array.dtype == dtype:
        return np.ascontiguousarray(array)
    if dtype.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        array = np.rint(array).clip(limits.min, limits.max)
    return np.ascontiguousarray(array.astype(dtype))
