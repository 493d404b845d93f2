"""A layer as `Net.getLayer` gives it, and layers of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from regraft.custom_ops.registry import register_layer, registered_layers, unregister_layer
from regraft.dnn.source import Array

_REPLACED: dict[str, list[type]] = {}
"""The classes that later registrations of a type hide."""


class Layer:
    """One layer of a network: OpenCV's class of this name."""

    def __init__(
        self,
        name: str,
        kind: str,
        outputs: Sequence[str] = (),
        get: Callable[[], list[Array]] = list,
        put: Callable[[Sequence[Array]], None] | None = None,
    ) -> None:
        self.name = name
        self.type = kind
        self.preferableTarget = 0
        self._outputs = tuple(outputs)
        self._get, self._put = get, put

    @property
    def blobs(self) -> tuple[Array, ...]:
        """Its weights; one-dimensional ones as columns, as OpenCV has them. Can be set."""
        return tuple(blob.reshape(-1, 1) if blob.ndim == 1 else blob for blob in self._get())

    @blobs.setter
    def blobs(self, arrays: Sequence[Array]) -> None:
        if self._put is not None:
            self._put([np.asarray(a) for a in arrays])

    def outputNameToIndex(self, outputName: str) -> int:
        """The index of an output. Of other names, as in OpenCV, -1 for the layer of the inputs, else 0."""
        if outputName in self._outputs:
            return self._outputs.index(outputName)
        return 0 if self.type else -1

    def empty(self) -> bool:
        """Whether this is no layer: never so."""
        return False

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, {self.type!r})"


def dnn_registerLayer(type: str, cls: type) -> None:
    """Let `cls` be the layer type `type` in networks that are compiled from now on; built-in types too.

    The class has `__init__(self, params, blobs)`, `getMemoryShapes(self, inputs)` and `forward(self, inputs)`.

    Raises:
        UsageError: the class lacks one of them.
    """
    known = registered_layers()
    hidden = [known[type].cls] if type in known else []
    register_layer(type, cls, replace=True)
    _REPLACED.setdefault(type, []).extend(hidden)


def dnn_unregisterLayer(type: str) -> None:
    """Undo the last `dnn_registerLayer` of this type.

    Raises:
        UsageError: there is none.
    """
    unregister_layer(type)
    if _REPLACED.get(type):
        register_layer(type, _REPLACED[type].pop())
