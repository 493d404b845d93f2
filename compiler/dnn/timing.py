"""The time of each layer, for `Net.getPerfProfile`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from regraft.dnn.source import Array


class LayerTimes(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of nanoseconds by layer that is measured when it is first looked at.

    ONNX Runtime runs a network as a whole. Programs that show the time of a whole run, which most do, should not have
    to wait for a second run that tells the layers apart.
    """

    def __init__(self, measure: Callable[[], Array]) -> None:
        self._measure = measure

    @cached_property
    def _array(self) -> Array:
        return self._measure()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._array if dtype is None else self._array.astype(dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        given = [each._array if isinstance(each, LayerTimes) else each for each in inputs]
        return getattr(ufunc, method)(*given, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._array, name)

    def __getitem__(self, index: Any) -> Any:
        return self._array[index]

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._array)

    def __repr__(self) -> str:
        return repr(self._array)
