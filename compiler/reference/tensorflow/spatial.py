"""Pictures cut into blocks and patches, and put together again."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates
from regraft.reference.rounding import half_away
from regraft.reference.tensorflow.common import pads, shape_of
from regraft.reference.windows import pad, windows


def _last(call: Call, x: Array) -> tuple[Array, bool]:
    form = call.text("data_format", "NHWC")
    if form not in ("NHWC", "NCHW"):
        raise NotEvaluated(f"its data_format is {form}")
    return (np.moveaxis(x, 1, -1), True) if form == "NCHW" else (x, False)


@evaluates("tf.DepthToSpace")
def depth_to_space(call: Call, x: Array) -> Array:
    """Channels become blocks of pixels."""
    data, turned = _last(call, x)
    n, h, w, c = data.shape
    b = call.integer("block_size")
    y = data.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, -1)
    return np.moveaxis(y, -1, 1) if turned else y


@evaluates("tf.SpaceToDepth")
def space_to_depth(call: Call, x: Array) -> Array:
    """Blocks of pixels become channels."""
    data, turned = _last(call, x)
    n, h, w, c = data.shape
    b = call.integer("block_size")
    y = data.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, -1)
    return np.moveaxis(y, -1, 1) if turned else y


@evaluates("tf.SpaceToBatchND")
def space_to_batch(call: Call, x: Array, block: Array, border: Array) -> Array:
    """Padded; every block-th pixel becomes an image of its own."""
    sides = shape_of(block)
    m = len(sides)
    wide = np.pad(x, [(0, 0), *border.reshape(-1, 2).tolist(), *((0, 0),) * (x.ndim - 1 - m)])
    inner = [v for n, b in zip(wide.shape[1 : 1 + m], sides, strict=True) for v in (n // b, b)]
    rest = wide.shape[1 + m :]
    apart = wide.reshape(x.shape[0], *inner, *rest)
    order = (*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m + 1, 2), *range(2 * m + 1, apart.ndim))
    return apart.transpose(order).reshape(-1, *inner[::2], *rest)


@evaluates("tf.BatchToSpaceND")
def batch_to_space(call: Call, x: Array, block: Array, crops: Array) -> Array:
    """Its inverse, cropped."""
    sides = shape_of(block)
    m = len(sides)
    apart = x.reshape(*sides, -1, *x.shape[1:])
    order = [m]
    for axis in range(m):
        order += [m + 1 + axis, axis]
    whole = apart.transpose(*order, *range(2 * m + 1, apart.ndim))
    sizes = [n * b for n, b in zip(x.shape[1 : 1 + m], sides, strict=True)]
    whole = whole.reshape(-1, *sizes, *x.shape[1 + m :])
    cut = (slice(a, n - b) for n, (a, b) in zip(sizes, crops.reshape(-1, 2).tolist(), strict=True))
    return whole[(slice(None), *cut)]


@evaluates("tf.ExtractImagePatches", "tf.ExtractVolumePatches")
def patches(call: Call, x: Array) -> Array:
    """The windows, unrolled into channels: kernel places before channels."""
    kernel, stride = call.integers("ksizes")[1:-1], call.integers("strides")[1:-1]
    rates = call.integers("rates", (1,) * x.ndim)[1:-1]
    data = np.moveaxis(x, -1, 1)
    view = windows(pad(data, pads(call, data.shape[2:], kernel, stride, rates)), kernel, stride, rates)
    places = len(kernel)
    order = (0, *range(2, 2 + 2 * places), 1)
    return view.transpose(order).reshape(x.shape[0], *view.shape[2 : 2 + places], -1)


@evaluates("tf.Dilation2D")
def dilation(call: Call, x: Array, kernel: Array) -> Array:
    """The largest sum of a window and the kernel."""
    stride, rates = call.integers("strides")[1:-1], call.integers("rates")[1:-1]
    data = np.moveaxis(x, -1, 1)
    sides = kernel.shape[:2]
    border = pads(call, data.shape[2:], sides, stride, rates)
    view = windows(pad(data, border, -np.inf), sides, stride, rates)
    return np.asarray(
        np.moveaxis((view + np.moveaxis(kernel, -1, 0)[:, None, None]).max((-1, -2)), 1, -1).astype(x.dtype)
    )


@evaluates("tf.CropAndResize")
def crop_and_resize(call: Call, x: Array, boxes: Array, which: Array, size: Array) -> Array:
    """A part of an image each, in one size; what lies outside is the extrapolation value."""
    height, width = shape_of(size)
    nearest = call.text("method", "bilinear") == "nearest"
    out = np.full(
        (len(boxes), height, width, x.shape[3]), np.float32(call.number("extrapolation_value", 0.0)), np.float32
    )
    for index, (y1, x1, y2, x2) in enumerate(boxes):
        rows, rows_in = _places(y1, y2, x.shape[1], height)
        columns, columns_in = _places(x1, x2, x.shape[2], width)
        picture = x[int(which[index])].astype(np.float32)
        if nearest:
            found = picture[half_away(rows).astype(int)][:, half_away(columns).astype(int)]
        else:
            found = _between(picture, rows, columns)
        out[index] = np.where((rows_in[:, None] & columns_in)[..., None], found, out[index])
    return out


def _places(first: np.float32, last: np.float32, size: int, count: int) -> tuple[Array, Array]:
    """Where the results lie along an axis, and which of them are inside; the others are moved to 0."""
    one = np.float32(size - 1)
    if count > 1:
        scale = (last - first) * one / np.float32(count - 1)
        found = first * one + np.arange(count, dtype=np.float32) * scale
    else:
        found = np.asarray([np.float32(0.5) * (first + last) * one], np.float32)
    inside = (found >= 0) & (found <= one)
    return np.where(inside, found, 0).astype(np.float32), inside


def _between(x: Array, rows: Array, columns: Array) -> Array:
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = np.ceil(rows).astype(int), np.ceil(columns).astype(int)
    y, z = (rows - top)[:, None, None], (columns - left)[:, None]
    upper = x[top][:, left] + (x[top][:, right] - x[top][:, left]) * z
    lower = x[bottom][:, left] + (x[bottom][:, right] - x[bottom][:, left]) * z
    return np.asarray(upper + (lower - upper) * y)
