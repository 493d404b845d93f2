"""Pooling in two and three dimensions. Averages count no padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.tensorflow.common import is_channels_first, pads, shape_of, to_first, to_last, widened
from regraft.reference.windows import pad, windows


def _pooled(
    x: Array, kernel: Sequence[int], stride: Sequence[int], border: Sequence[tuple[int, int]], average: bool
) -> Array:
    """x: (N, C, spatial...)."""
    over = tuple(range(-len(kernel), 0))
    ones = (1,) * len(kernel)
    if not average:
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        return np.asarray(windows(pad(x, border, lowest), kernel, stride, ones).max(over))
    wide = widened(x)
    total = windows(pad(wide, border), kernel, stride, ones).sum(over)
    count = windows(pad(np.ones((1, 1, *x.shape[2:]), wide.dtype), border), kernel, stride, ones).sum(over)
    return np.asarray((total / count).astype(x.dtype))


def _pool(call: Call, x: Array, kernel: Sequence[int], stride: Sequence[int]) -> Array:
    first = is_channels_first(call, "NHWC" if x.ndim == 4 else "NDHWC")
    size, step = (tuple(v[2:] if first else v[1:-1]) for v in (kernel, stride))
    others = [tuple(v[:2] if first else (v[0], v[-1])) for v in (kernel, stride)]
    if any(n != 1 for v in others for n in v):
        raise NotEvaluated("it pools over channels or images")
    data = to_first(x, first)
    border = pads(call, data.shape[2:], size, step, (1,) * len(size))
    return to_last(_pooled(data, size, step, border, call.op.type_name.startswith("Avg")), first)


@evaluates("tf.MaxPool", "tf.AvgPool", "tf.MaxPool3D", "tf.AvgPool3D")
def pooling(call: Call, x: Array) -> Array:
    """The largest or average number of each window."""
    return _pool(call, x, call.integers("ksize"), call.integers("strides"))


@evaluates("tf.MaxPoolV2")
def pooling_v2(call: Call, x: Array, kernel: Array, stride: Array) -> Array:
    """The same with sizes that are inputs."""
    return _pool(call, x, shape_of(kernel), shape_of(stride))


@evaluates("tf.MaxPoolWithArgmax")
def with_places(call: Call, x: Array) -> object:
    """The largest numbers, and their places in the flattened picture (or batch of them)."""
    kernel, stride = call.integers("ksize")[1:-1], call.integers("strides")[1:-1]
    data = np.moveaxis(x, -1, 1)
    border = pads(call, data.shape[2:], kernel, stride, (1, 1))
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    view = windows(pad(data, border, lowest), kernel, stride, (1, 1))
    flat = view.reshape(*view.shape[:4], -1)
    best = flat.argmax(-1)
    rows = np.arange(view.shape[2])[:, None] * stride[0] - border[0][0] + best // kernel[1]
    columns = np.arange(view.shape[3]) * stride[1] - border[1][0] + best % kernel[1]
    n, height, width, channels = x.shape
    places = (rows * width + columns) * channels + np.arange(channels)[:, None, None]
    if call.flag("include_batch_in_index", False):
        places = places + (np.arange(n) * height * width * channels)[:, None, None, None]
    kind = call.dtype("Targmax") if call.has("Targmax") else np.int64
    return several([to_last(flat.max(-1), False), to_last(places, False).astype(kind)])
