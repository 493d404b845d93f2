"""Windows that slide over any number of axes: correlation and its transpose, on (N, C, spatial...) arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from regraft.reference.registry import Array

_BLOCK = 1 << 24
"""About how many numbers of the unrolled input are in memory at once."""


def windows(x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Array:
    """A view (N, C, places..., kernel...) of all windows that lie inside."""
    spatial = len(kernel)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    view = sliding_window_view(x, extent, axis=tuple(range(x.ndim - spatial, x.ndim)))
    steps = (slice(None), slice(None), *(slice(None, None, s) for s in stride))
    return view[(*steps, *(slice(None, None, d) for d in dilation))]


def pad(x: Array, pads: Sequence[tuple[int, int]], value: float = 0) -> Array:
    """The spatial axes, padded before and after; a negative pad cuts."""
    cuts = tuple(slice(max(-a, 0), x.shape[2 + i] - max(-b, 0)) for i, (a, b) in enumerate(pads))
    widths = [(0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in pads)]
    inner = x[(slice(None), slice(None), *cuts)]
    return np.pad(inner, widths, constant_values=value) if any(map(any, widths)) else inner


def correlate(
    x: Array,
    weights: Array,
    *,
    stride: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    group: int = 1,
) -> Array:
    """x: (N, C, spatial...); weights: (M, C / group, kernel...). Result: (N, M, places...), of the type of x.

    The windows are unrolled into columns, some rows of places at a time, and multiplied with the filters.
    """
    count, kernel = weights.shape[0], weights.shape[2:]
    if not kernel:
        return correlate(x[..., None], weights[..., None], stride=(1,), pads=((0, 0),), dilation=(1,), group=group)[
            ..., 0
        ]
    view = windows(pad(x, pads), kernel, stride, dilation)
    spatial = len(kernel)
    places = view.shape[2 : 2 + spatial]
    out = np.empty((x.shape[0], count, *places), x.dtype)
    filters = weights.reshape(group, count // group, prod(weights.shape[1:])).astype(x.dtype, copy=False)
    row = max(1, x.shape[1] * prod(kernel) * prod(places[1:]))
    step = max(1, _BLOCK // row)
    order = (0, *range(1 + spatial, 1 + 2 * spatial), *range(1, 1 + spatial))
    for n in range(x.shape[0]):
        for start in range(0, places[0], step):
            block = view[n][:, start : start + step].transpose(order)
            columns = block.reshape(group, filters.shape[2], block.size // (group * filters.shape[2]))
            rows = min(step, places[0] - start)
            out[n, :, start : start + rows] = (filters @ columns).reshape(count, rows, *places[1:])
    return out


def spread(
    x: Array,
    weights: Array,
    *,
    stride: Sequence[int],
    dilation: Sequence[int],
    group: int = 1,
    full: Sequence[int] = (),
) -> Array:
    """The transpose of `correlate` without pads: every number of x adds its filters to the result.

    x: (N, C, spatial...); weights: (C, M / group, kernel...). Result: (N, M, full...); `full` defaults to what is
    covered, and what is longer stays zero.
    """
    channels, per_group, *kernel = weights.shape
    covered = [s * (n - 1) + d * (k - 1) + 1 for n, s, d, k in zip(x.shape[2:], stride, dilation, kernel, strict=True)]
    sizes = [max(a, b) for a, b in zip(full or covered, covered, strict=True)]
    out = np.zeros((x.shape[0], group, per_group, *sizes), x.dtype)
    apart = x.reshape(x.shape[0], group, channels // group, -1)
    filters = weights.reshape(group, channels // group, per_group, *kernel).astype(x.dtype, copy=False)
    for place in product(*map(range, kernel)):
        index: Any = (slice(None), slice(None), slice(None), *place)
        chosen = filters[index].transpose(0, 2, 1)
        cut = tuple(
            slice(p * d, p * d + s * (n - 1) + 1, s)
            for p, d, s, n in zip(place, dilation, stride, x.shape[2:], strict=True)
        )
        out[(slice(None), slice(None), slice(None), *cut)] += (chosen @ apart).reshape(
            x.shape[0], group, per_group, *x.shape[2:]
        )
    kept = tuple(slice(0, n) for n in full or covered)
    return out.reshape(x.shape[0], group * per_group, *sizes)[(slice(None), slice(None), *kept)]
