"""Pooling and spatial pyramid pooling, with Caffe's own rounding and divisors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.caffe.common import Merged, keep, known_shape, reduce, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.open_sizes import OpenPool
from regraft.passes.caffe.pool_geometry import PooledAxis, pooled_axis, pyramid_axis, rounds_like_onnx
from regraft.passes.caffe.windows import pair
from regraft.passes.rules import rule

LOWEST = float(np.finfo(np.float32).min)
SMALLEST = float(np.finfo(np.float32).tiny)
UNKNOWN_SIZE = "give the net's input shapes"


@dataclass(frozen=True)
class _Pool:
    """What a pooling layer does, its numbers in the order H, W."""

    method: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    ceil: bool = True


@rule("caffe.Pooling")
def pooling(layer: CaffeLayer, build: Builder, x: Value) -> list[Value]:
    """The largest or the average number of each window; a second top of MAX is the place of the largest.

    x: (N, C, H, W). Tops: (N, C, H', W'); the mask holds float indices h * W + w, the first of equals.
    Source: pooling_layer.cpp; STOCHASTIC at TEST: pooling_layer.cu.
    """
    rank = len(layer.shape(x))
    if rank != 4:
        raise layer.refuse(f"its bottom has rank {rank}: Caffe pools images of rank 4")
    _refuse_fork_fields(layer)
    if layer.flag("global_pooling"):
        return _global(layer, build, x)
    pool = _read(layer)
    if layer.outputs > 1 and pool.method != "MAX":
        raise layer.refuse(f"has a mask, which {pool.method} pooling does not give", field="pool")
    return _pool(layer, build, x, pool, mask=layer.outputs > 1)


@rule("caffe.SPP")
def spp(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Pooling to 1x1, 2x2, 4x4, ... bins, one after the other in a row.

    x: (N, C, H, W) of known H and W. Top: (N, C * number of bins); a pyramid of height 1 stays (N, C, 1, 1).
    Source: spp_layer.cpp.
    """
    height, method = layer.integer("pyramid_height"), layer.text("pool")
    if height < 1:
        raise layer.refuse(f"pyramid_height {height} cannot be", field="pyramid_height")
    size = layer.static_sizes(x, 2, "to find the windows of its bins")
    levels = []
    for level in range(height):
        (kernel_h, pad_h), (kernel_w, pad_w) = (pyramid_axis(s, 2**level) for s in size)
        if pad_h >= kernel_h or pad_w >= kernel_w:
            raise layer.refuse(f"{2**level} bins do not fit into {size[0]}x{size[1]}: Caffe refuses it too")
        kernel = (kernel_h, kernel_w)
        levels += _pool(layer, build, x, _Pool(method, kernel, kernel, (pad_h, pad_w)), mask=False)
    if height == 1:
        return levels[0]
    return build.Concat(*(reshape(build, v, [keep(0), Merged(1, 4)]) for v in levels), axis=1)


def _refuse_fork_fields(layer: CaffeLayer) -> None:
    for field, harmless in (("pad_type", 0), ("axis", 1), ("torch_pooling", False)):
        layer.refuse_unless(field, harmless)
    for field in ("pad_l", "pad_r", "pad_t", "pad_b", "bin_size"):
        layer.refuse_unless(field, None)
    if any(d != 1 for d in layer.integers("dilation", ())):
        raise layer.refuse("dilation is not supported", field="dilation")


def _read(layer: CaffeLayer) -> _Pool:
    kernel = pair(layer, "kernel_size", "kernel")
    stride, pad = pair(layer, "stride", "stride"), pair(layer, "pad", "pad")
    for axis in range(2):
        if kernel[axis] < 1 or stride[axis] < 1 or pad[axis] < 0:
            raise layer.refuse("kernel and stride must be positive, and the pad not negative", field="kernel_size")
        if pad[axis] >= kernel[axis]:
            raise layer.refuse(
                f"pad {pad[axis]} is not below the kernel of {kernel[axis]}: Caffe refuses it too", field="pad"
            )
    method = layer.text("pool")
    if method == "AVE" and layer.given("avg_include_pad") is False:
        method = "AVE_EXC_PAD"
    ceil = layer.text("round_mode") == "CEIL" and layer.flag("ceil_mode")
    return _Pool(method, kernel, stride, pad, ceil)


def _global(layer: CaffeLayer, build: Builder, x: Value) -> list[Value]:
    method = layer.text("pool")
    if any(pair(layer, name, name)[axis] != value for name, value in (("pad", 0), ("stride", 1)) for axis in range(2)):
        raise layer.refuse(
            "global_pooling goes with pad 0 and stride 1 only: Caffe refuses it too", field="global_pooling"
        )
    if layer.outputs == 1 and method in ("MAX", "AVE", "AVE_EXC_PAD"):
        return [build.GlobalMaxPool(x) if method == "MAX" else build.GlobalAveragePool(x)]
    height, width = layer.static_sizes(x, 2, "for this form of global pooling")
    pool = _Pool(method, (height, width), (1, 1), (0, 0))
    return _pool(layer, build, x, pool, mask=layer.outputs > 1)


def _pool(layer: CaffeLayer, build: Builder, x: Value, pool: _Pool, *, mask: bool) -> list[Value]:
    if pool.method not in ("MAX", "AVE", "AVE_EXC_PAD", "STOCHASTIC"):
        raise layer.refuse(f"pool {pool.method} is not known", field="pool")
    if pool.method == "STOCHASTIC" and any(pool.pad):
        raise layer.refuse("STOCHASTIC pooling has no padding: Caffe refuses it too", field="pad")
    height, width = known_shape(x)[2:]
    if not isinstance(height, int) or not isinstance(width, int):
        return _pool_unknown_size(layer, build, x, pool, mask=mask)
    axes = [
        pooled_axis(size, *numbers, ceil=pool.ceil, any_pad=any(pool.pad))
        for size, *numbers in zip((height, width), pool.kernel, pool.stride, pool.pad, strict=True)
    ]
    if min(a.windows for a in axes) < 1:
        raise layer.refuse(f"its kernel does not fit into {height}x{width}", field="kernel_size")
    if pool.method == "MAX":
        return _largest(build, x, axes, mask=mask)
    return [_stochastic(build, x, axes) if pool.method == "STOCHASTIC" else _average(build, x, axes, pool.method)]


def _window(axes: Sequence[PooledAxis], begin: Sequence[int], end: Sequence[int]) -> dict[str, Any]:
    return {
        "kernel_shape": tuple(a.kernel for a in axes),
        "strides": tuple(a.stride for a in axes),
        "pads": (*begin, *end),
    }


def _largest(build: Builder, x: Value, axes: Sequence[PooledAxis], *, mask: bool) -> list[Value]:
    window = _window(axes, [a.pad for a in axes], [a.end for a in axes])
    if not mask:
        return [_fill_outside(build, build.MaxPool(x, **window), axes, [LOWEST] * 2)]
    best, where = build.many("onnx.MaxPool", x, outputs=2, **window)
    places = _in_plane(build, x, where)
    return [_fill_outside(build, best, axes, [LOWEST] * 2), _fill_outside(build, places, axes, [-1.0] * 2)]


def _in_plane(build: Builder, x: Value, where: Value) -> Value:
    """ONNX's index into the whole tensor as Caffe's float index into the channel's plane."""
    plane = reduce(build, "ReduceProd", sizes(build, x, 2, 4), [0])
    return build.Cast(build.Mod(where, plane), to=x.dtype or DType.F32)


def _average(build: Builder, x: Value, axes: Sequence[PooledAxis], method: str) -> Value:
    begin, end = [a.pad for a in axes], [a.end for a in axes]
    if method == "AVE_EXC_PAD":
        result = build.AveragePool(x, count_include_pad=0, **_window(axes, begin, end))
    elif not any(a.overhang for a in axes):
        result = build.AveragePool(x, count_include_pad=int(any(begin) or any(end)), **_window(axes, begin, end))
    else:
        if any(begin):
            x = _pad(build, x, begin, [a.counted for a in axes], 0.0)
        result = build.AveragePool(x, count_include_pad=0, **_window(axes, [0, 0], [a.overhang for a in axes]))
    # Outside, Caffe divides a sum of nothing by the clipped window's size, which is negative there, or zero.
    return _fill_outside(build, result, axes, [float("nan") if a.outside == 0 else 0.0 for a in axes])


def _stochastic(build: Builder, x: Value, axes: Sequence[PooledAxis]) -> Value:
    """Sum of squares by sum, in each window; nothing below a sum of 0."""
    window = _window(axes, [0, 0], [a.end for a in axes])
    volume = build.scalar(axes[0].kernel * axes[1].kernel, x)
    total, squares = (
        build.Mul(build.AveragePool(v, count_include_pad=1, **window), volume) for v in (x, build.Mul(x, x))
    )
    total = build.Add(total, build.scalar(SMALLEST, x))
    zero = build.scalar(0, x)
    result = build.Where(build.Greater(total, zero), build.Div(squares, total), zero)
    return _fill_outside(build, result, axes, [0.0, 0.0])


def _fill_outside(build: Builder, x: Value, axes: Sequence[PooledAxis], fill: Sequence[float]) -> Value:
    """Appends the row and the column whose windows lie outside; a NaN wins in the corner."""
    for axis in sorted(range(2), key=lambda i: fill[i] != fill[i]):
        if axes[axis].outside is not None:
            x = _pad(build, x, [0, 0], [int(axis == 0), int(axis == 1)], fill[axis])
    return x


def _pad(build: Builder, x: Value, begin: Sequence[int], end: Sequence[int], fill: float) -> Value:
    return build.Pad(x, [0, 0, *begin, 0, 0, *end], build.scalar(fill, x))


def _pool_unknown_size(layer: CaffeLayer, build: Builder, x: Value, pool: _Pool, *, mask: bool) -> list[Value]:
    """Windows of a picture whose size is known only when it runs; simpler where ONNX's rounding is Caffe's always."""
    numbers = list(zip(pool.kernel, pool.stride, pool.pad, strict=True))
    like_onnx = all(rounds_like_onnx(*n) for n in numbers) if pool.ceil or any(pool.pad) else True
    if pool.method in ("STOCHASTIC", "AVE_EXC_PAD") or (mask and not like_onnx):
        raise layer.refuse(
            f"its windows depend on the size of its bottom, {x.type}, in a way that ONNX cannot express",
            cure=UNKNOWN_SIZE,
        )
    if not like_onnx:
        windows = OpenPool(pool.kernel, pool.stride, pool.pad, pool.ceil)
        return [windows.largest(build, x) if pool.method == "MAX" else windows.average(build, x)]
    window: dict[str, Any] = {"kernel_shape": pool.kernel, "strides": pool.stride, "ceil_mode": int(pool.ceil)}
    if pool.method == "AVE":
        padded = _pad(build, x, pool.pad, pool.pad, 0.0) if any(pool.pad) else x
        return [build.AveragePool(padded, count_include_pad=0, **window)]
    if not mask:
        return [build.MaxPool(x, pads=pool.pad * 2, **window)]
    best, where = build.many("onnx.MaxPool", x, outputs=2, pads=pool.pad * 2, **window)
    return [best, _in_plane(build, x, where)]
