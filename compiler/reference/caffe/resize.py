"""Interp and FlowNet2's resizing layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates
from regraft.reference.rounding import half_away

F = np.float32


def interpolated(x: Array, height: int, width: int) -> Array:
    """Bilinear with aligned corners, coordinates in float32 (caffe_cpu_interp2)."""
    top, bottom, y = _neighbours(x.shape[2], height)
    left, right, z = _neighbours(x.shape[3], width)
    y = y[:, None]
    upper = (F(1) - z) * x[:, :, top][..., left] + z * x[:, :, top][..., right]
    lower = (F(1) - z) * x[:, :, bottom][..., left] + z * x[:, :, bottom][..., right]
    return np.asarray((F(1) - y) * upper + y * lower)


def _neighbours(size: int, wanted: int) -> tuple[Array, Array, Array]:
    """The two places between which each result lies, and how near it is to the second."""
    ratio = F(size - 1) / F(wanted - 1) if wanted > 1 else F(0)
    place = np.arange(wanted, dtype=F) * ratio
    first = np.minimum(place.astype(np.int64), size - 1)
    return first, np.minimum(first + 1, size - 1), place - first.astype(F)


@evaluates("caffe.Interp")
def interp(call: Call, x: Array, *like: Array) -> Array:
    """After the pads, which crop, to the second bottom's size or the one that the given fields make."""
    begin, end = call.integer("pad_beg"), call.integer("pad_end")
    if begin > 0 or end > 0:
        raise NotEvaluated("its pads are positive")
    inner = x[:, :, -begin : x.shape[2] + end, -begin : x.shape[3] + end]
    if like:
        return interpolated(inner, *like[0].shape[2:])
    return interpolated(
        inner, *(_target(call, n, side) for n, side in zip(inner.shape[2:], ("height", "width"), strict=True))
    )


def _target(call: Call, size: int, side: str) -> int:
    zoom, shrink = call.attrs.get("zoom_factor"), call.attrs.get("shrink_factor")
    if call.attrs.get("full_zoom_factor"):
        raise NotEvaluated("full_zoom_factor is a fork's own")
    if call.has("height") and call.has("width") and (zoom is None) == (shrink is None):
        return call.integer(side)
    smaller = size if shrink is None else (size - 1) // shrink + 1
    return smaller if zoom is None else smaller + (smaller - 1) * (zoom - 1)


@evaluates("caffe.Accum")
def accum(call: Call, *bottoms: Array) -> Array:
    """All bottoms in one size, channel behind channel."""
    height, width = (max(b.shape[axis] for b in bottoms) for axis in (2, 3))
    if call.flag("have_reference"):
        *bottoms, like = bottoms  # type: ignore[assignment]
        height, width = like.shape[2:]
    else:
        step = call.integer("size_divisible_by")
        wanted = (
            [-(-n // step) * step for n in (height, width)]
            if step
            else [call.integer("top_height"), call.integer("top_width")]
        )
        if wanted[0] > height and wanted[1] > width:
            height, width = wanted
    return np.concatenate([interpolated(b, height, width) for b in bottoms], 1)


def _triangle(d: Array) -> Array:
    return np.asarray(np.maximum(0, 1 - np.abs(d)))


def _cubic(d: Array) -> Array:
    d = np.abs(d)
    return np.where(d <= 1, (1.5 * d - 2.5) * d * d + 1, np.where(d < 2, ((2.5 - 0.5 * d) * d - 4) * d + 2, 0))


def _wanted(call: Call, like: tuple[Array, ...], names: tuple[str, str]) -> tuple[int, int]:
    if like:
        return like[0].shape[2], like[0].shape[3]
    return call.integer(names[0]), call.integer(names[1])


@evaluates("caffe.Resample")
def resample(call: Call, x: Array, *like: Array) -> Array:
    """Filters wide enough to smooth what shrinks; half of the OTHER axis' factor shifts the places, as in FlowNet2."""
    height, width = _wanted(call, like, ("height", "width"))
    fy, fx = F(x.shape[2]) / F(height), F(x.shape[3]) / F(width)
    rows = np.arange(height, dtype=F) * fy + fx / F(2) - F(0.5)
    columns = np.arange(width, dtype=F) * fx + fy / F(2) - F(0.5)
    kind = call.text("type")
    if kind == "NEAREST":
        return x[:, :, half_away(rows).astype(int)][..., half_away(columns).astype(int)]
    if kind not in ("LINEAR", "CUBIC"):
        raise NotEvaluated(f"its type is {kind}")
    smooth = call.flag("antialias") and bool(fx > 1 or fy > 1)
    kernel, reach = (_triangle, 2) if kind == "LINEAR" else (_cubic, 4)
    vertical = _filters(x.shape[2], rows, fy, kernel, reach, smooth)
    horizontal = _filters(x.shape[3], columns, fx, kernel, reach, smooth)
    return (vertical @ x.astype(np.float64) @ horizontal.T).astype(x.dtype)


def _filters(
    size: int, places: Array, factor: np.float32, kernel: Callable[[Array], Array], reach: int, smooth: bool
) -> Array:
    """A row of weights for each result, which sum up to 1."""
    narrow = F(1) / factor if smooth else F(1)
    radius = 2 if factor < 1 else int(np.ceil(F(reach) / narrow))
    distance = places[:, None] - np.arange(size, dtype=F)
    near = np.abs(np.arange(size) - half_away(places)[:, None]) <= radius
    weights = np.where(near, kernel(narrow * distance), 0).astype(np.float64)
    total = weights.sum(1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total != 0))


@evaluates("caffe.Downsample")
def downsample(call: Call, x: Array, *like: Array) -> Array:
    """A mean weighted by distance; NaNs do not count, and where they weigh more than half the result is NaN."""
    sizes = _wanted(call, like, ("top_height", "top_width"))
    if sizes == x.shape[2:]:
        return x
    weights = []
    for n, wanted in zip(x.shape[2:], sizes, strict=True):
        scale = (n - 1) / (wanted - 1)
        weights.append(np.maximum(0, 1 - np.abs(np.arange(wanted)[:, None] * scale - np.arange(n)) / scale))
    missing = np.isnan(x)
    total, weight, lost = (
        weights[0] @ numbers.astype(np.float64) @ weights[1].T
        for numbers in (np.where(missing, 0, x), ~missing, missing)
    )
    return np.where(lost / weight > 0.5, np.nan, total / weight).astype(x.dtype)
