"""What TensorFlow's ops share: layouts, padding, element types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated


def is_channels_first(call: Call, default: str = "NHWC") -> bool:
    """Whether `data_format` says NCHW or NCDHW."""
    found = call.text("data_format", default)
    if found not in ("NHWC", "NDHWC", "NCHW", "NCDHW"):
        raise NotEvaluated(f"its data_format is {found}")
    return found in ("NCHW", "NCDHW")


def to_first(x: Array, first: bool) -> Array:
    """(N, spatial..., C) as (N, C, spatial...), unless it is that already."""
    return x if first else np.moveaxis(x, -1, 1)


def to_last(x: Array, first: bool) -> Array:
    """The inverse of `to_first`."""
    return x if first else np.ascontiguousarray(np.moveaxis(x, 1, -1))


def spatial(call: Call, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    """The numbers of an attribute for the spatial axes only; it has one for every axis of the layout."""
    found = call.integers(name, (default,) * rank)
    channels_first = is_channels_first(call, "NHWC" if rank == 4 else "NDHWC")
    own = found[2:] if channels_first else found[1:-1]
    others = found[:2] if channels_first else (found[0], found[-1])
    if any(n != 1 for n in others):
        raise NotEvaluated(f"its {name} moves along other axes than the spatial ones")
    return own


def pads(
    call: Call, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Before and after each spatial axis: SAME keeps the size by stride, the odd one behind."""
    kind = call.text("padding")
    if kind == "VALID":
        return [(0, 0)] * len(sizes)
    if kind == "EXPLICIT":
        found = call.integers("explicit_paddings")
        own = found[4:] if is_channels_first(call) else found[2:-2]
        return list(zip(own[::2], own[1::2], strict=True))
    result = []
    for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        result.append((total // 2, total - total // 2))
    return result


def widened(x: Array) -> Array:
    """float16 as float32, in which TensorFlow's kernels add it up."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def axes_of(x: Array, axes: Array | int) -> tuple[int, ...]:
    """Axes that a tensor lists, none negative."""
    return tuple(int(a) % max(x.ndim, 1) for a in np.asarray(axes).reshape(-1)) if x.ndim else ()


def shape_of(values: Any) -> tuple[int, ...]:
    """A tensor of sizes as a tuple."""
    return tuple(int(v) for v in np.asarray(values).reshape(-1))
