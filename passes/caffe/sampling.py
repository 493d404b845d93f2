"""FlowNet2's resizing layers: Resample, Downsample, Accum. Their weights are separable: two matrix products do it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from regraft.ir import Builder, Value
from regraft.passes.caffe.common import known_shape
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule

Floats = npt.NDArray[np.float32]
SPECIFY = "give the net's input shapes"


def triangle(x: Floats) -> Floats:
    """The linear filter."""
    return np.asarray(np.maximum(0, 1 - np.abs(x)), dtype=np.float32)


def bicubic(x: Floats) -> Floats:
    """The cubic filter with a = -0.5."""
    x = np.abs(x)
    near = x * x * (1.5 * x - 2.5) + 1
    far = x * (x * (-0.5 * x + 2.5) - 4) + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0)).astype(np.float32)


def _half_away(x: Floats) -> Floats:
    return np.sign(x) * np.floor(np.abs(x) + np.float32(0.5))


def _centres(size: int, factor: np.float32, other: np.float32) -> Floats:
    """Where each output lies in the input: half of the OTHER axis' factor is added, as in the original."""
    return np.arange(size, dtype=np.float32) * factor + other / np.float32(2) - np.float32(0.5)


def resample_weights(
    in_size: int, out_size: int, other: np.float32, kernel: Callable[[Floats], Floats], reach: int, antialias: bool
) -> Floats:
    """Weights (out, in) along one axis, not yet divided by their sums; `other` is the other axis' factor."""
    factor = np.float32(in_size) / np.float32(out_size)
    centre = _centres(out_size, factor, other)
    squeeze = np.float32(1) / (factor if antialias else np.float32(1))
    radius = 2 if factor < 1 else int(np.ceil(np.float32(reach) / squeeze))
    places = np.arange(in_size, dtype=np.float32)
    inside = np.abs(places[None] - _half_away(centre)[:, None]) <= radius
    weights = squeeze * kernel(squeeze * (centre[:, None] - places[None]))
    return np.where(inside, weights, 0).astype(np.float32)


@rule("caffe.Resample")
def resample(layer: CaffeLayer, build: Builder, x: Value, like: Value | None = None) -> Value:
    """NEAREST, LINEAR or CUBIC resize with an antialiasing filter when it shrinks.

    x: (N, C, H, W) of known H and W; the size is `height` and `width`, or that of the second bottom.
    Source: FlowNet2's resample_layer.cu, its mixed-up half pixels included.
    """
    layer.image(x)
    method = layer.text("type")
    height, width = layer.static_sizes(x, 2, "to find its filters")
    top_height, top_width = _target(layer, like, "height", "width")
    factor_y, factor_x = np.float32(height) / np.float32(top_height), np.float32(width) / np.float32(top_width)
    if method == "NEAREST":
        return _nearest(
            layer, build, x, _centres(top_height, factor_y, factor_x), _centres(top_width, factor_x, factor_y)
        )
    if method not in ("LINEAR", "CUBIC"):
        raise layer.refuse(f"type {method} is not supported: FlowNet2 refuses it too", field="type")
    kernel, reach = (triangle, 2) if method == "LINEAR" else (bicubic, 4)
    antialias = bool(factor_x > 1 or factor_y > 1) and layer.flag("antialias")
    rows = resample_weights(height, top_height, factor_x, kernel, reach, antialias)
    columns = resample_weights(width, top_width, factor_y, kernel, reach, antialias)
    return _apply(build, x, _normalised(rows), _normalised(columns))


def _normalised(weights: Floats) -> Floats:
    total = weights.sum(1, dtype=np.float32, keepdims=True)
    found: Floats = np.divide(weights, total, out=np.zeros_like(weights), where=total != 0)
    return found


def _apply(build: Builder, x: Value, rows: Floats, columns: Floats) -> Value:
    """rows * x * columns', for each channel."""
    return build.MatMul(build.MatMul(build.constant(rows), x), build.constant(np.ascontiguousarray(columns.T)))


def _nearest(layer: CaffeLayer, build: Builder, x: Value, rows: Floats, columns: Floats) -> Value:
    result = x
    for axis, centres in ((2, rows), (3, columns)):
        places = _half_away(centres).astype(np.int64)
        size = known_shape(x)[axis]
        if isinstance(size, int) and (places.min() < 0 or places.max() >= size):
            raise layer.refuse(
                "reads outside of its bottom when height and width change by different factors", field="type"
            )
        result = build.Gather(result, build.constant(places), axis=axis)
    return result


def _target(layer: CaffeLayer, like: Value | None, height: str, width: str) -> tuple[int, int]:
    if like is not None:
        layer.image(like)
        shape = layer.static_shape(like, "as the measure of its size")
        return shape[2], shape[3]
    if not layer.attrs.get(height) or not layer.attrs.get(width):
        raise layer.refuse(f"has no {height} and {width}", field=height)
    return layer.integer(height), layer.integer(width)


def downsample_weights(in_size: int, out_size: int) -> Floats:
    """Weights (out, in) along one axis: a triangle as wide as an output pixel."""
    scale = np.float32(in_size - 1) / np.float32(out_size - 1)
    centre = np.arange(out_size, dtype=np.float32) / np.float32(out_size - 1) * np.float32(in_size - 1)
    places = np.arange(in_size, dtype=np.float32)
    inside = np.abs(places[None] - _half_away(centre)[:, None]) <= np.ceil(scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.maximum(0, 1 - np.abs(places[None] - centre[:, None]) / scale)
    return np.asarray(np.where(inside, weights, 0), dtype=np.float32)


@rule("caffe.Downsample")
def downsample(layer: CaffeLayer, build: Builder, x: Value, like: Value | None = None) -> Value:
    """A mean weighted by distance; NaNs do not count, and where they weigh more than half the result is NaN.

    x: (N, C, H, W) of known H and W. Source: FlowNet2's downsample_layer.cu.
    """
    layer.image(x)
    height, width = layer.static_sizes(x, 2, "to find its filters")
    top_height, top_width = _target(layer, like, "top_height", "top_width")
    if (height, width) == (top_height, top_width):
        return x
    if min(height, width, top_height, top_width) < 2:
        raise layer.refuse("divides by zero where a side is 1: FlowNet2 gives no numbers either")
    rows, columns = downsample_weights(height, top_height), downsample_weights(width, top_width)
    zero, one = build.scalar(0, x), build.scalar(1, x)
    missing = build.IsNaN(x)
    total = _apply(build, build.Where(missing, zero, x), rows, columns)
    weight = _apply(build, build.Where(missing, zero, one), rows, columns)
    nothing = _apply(build, build.Where(missing, one, zero), rows, columns)
    too_few = build.Greater(build.Div(nothing, weight), build.scalar(0.5, x))
    return build.Where(too_few, build.scalar(float("nan"), x), build.Div(total, weight))


@rule("caffe.Accum")
def accum(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """All bottoms resized to one size, bilinearly with aligned corners, their channels one behind the other.

    The size is that of the last bottom with have_reference, else that of the largest, else a larger one that the file
    gives. Source: FlowNet2's accum_layer.cpp.
    """
    reference = layer.flag("have_reference")
    blobs = bottoms[:-1] if reference else bottoms
    if not blobs:
        raise layer.refuse("needs a blob besides the reference" if reference else "has no bottom")
    for bottom in bottoms:
        layer.image(bottom)
    shapes = [layer.static_shape(b, "to find the common size") for b in bottoms]
    height, width = shapes[-1][2:] if reference else _accum_size(layer, [s[2:] for s in shapes])
    if min(height, width) < 2:
        raise layer.refuse("divides by zero where a side is 1: FlowNet2 gives no numbers either")
    return build.Concat(*(build.regraft.Interp(b, [height, width]) for b in blobs), axis=1)


def _accum_size(layer: CaffeLayer, sizes: list[tuple[int, ...]]) -> tuple[int, int]:
    height, width = max(s[0] for s in sizes), max(s[1] for s in sizes)
    step = layer.integer("size_divisible_by")
    if step:
        wanted = -(-height // step) * step, -(-width // step) * step
    else:
        wanted = layer.integer("top_height"), layer.integer("top_width")
    return wanted if wanted[0] > height and wanted[1] > width else (height, width)
