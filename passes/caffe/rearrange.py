"""Layers of forks and rarer layers of BVLC's that pick, drop and reorder items, channels or pixels."""

from __future__ import annotations

import numpy as np

from regraft.ir import UNKNOWN, Builder, TensorType, Value
from regraft.passes.caffe.common import Merged, cut, indices, keep, known_shape, reduce, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule


@rule("caffe.BatchReindex")
def batch_reindex(layer: CaffeLayer, build: Builder, x: Value, order: Value) -> Value:
    """Item i of the top is item order[i] of x. x: (N, ...), order: (M). Source: batch_reindex_layer.cpp."""
    if len(layer.shape(order)) != 1:
        raise layer.refuse(f"its indices {order.type} have more than one axis")
    return build.Gather(x, indices(build, order), axis=0)


@rule("caffe.Filter")
def filter_(layer: CaffeLayer, build: Builder, *bottoms: Value) -> list[Value]:
    """The items of each bottom for which the last bottom, the selector, is not zero.

    bottoms: (N, ...) each; the selector is (N) or (N, 1, ...). Source: filter_layer.cpp.
    """
    if len(bottoms) != layer.outputs + 1:
        raise layer.refuse(f"has {len(bottoms)} bottoms for {layer.outputs} tops: one more, the selector, is needed")
    *data, selector = bottoms
    if any(d not in (1, "?") for d in layer.shape(selector)[1:]):
        raise layer.refuse(f"its selector {selector.type} has more than one number for each item")
    chosen = build.Not(build.Equal(reshape(build, selector, [-1]), build.scalar(0, selector)))
    tops = []
    for x in data:
        layer.shape(x)
        top = build.Compress(x, chosen, axis=0)
        top.type = TensorType(x.dtype, (f"{layer.name}:items", *known_shape(x)[1:]))
        tops.append(top)
    return tops


@rule("caffe.Reorg", "caffe.ReorgYolo")
def reorg(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Darknet's reorg, whose forward form reads its input as if it had the other's sizes.

    x: (N, C, H, W) to (N, C * s * s, H / s, W / s), with `reverse` to (N, C / (s * s), H * s, W * s); both need C to be
    a multiple of s * s. Source: reorg_layer.cpp of the YOLO forks.
    """
    if layer.attrs.get("stride") is None:
        raise layer.refuse("has no stride", field="stride")
    stride = layer.integer("stride")
    channels, *size = layer.image(x)[1:]
    if not isinstance(channels, int):
        raise layer.refuse(f"its number of channels is not known: {x.type}", cure="give the net's input shapes")
    reverse, area = layer.flag("reverse"), stride * stride
    uneven = any(isinstance(n, int) and n % stride for n in size) if stride > 0 and not reverse else False
    if stride < 1 or channels % area or uneven:
        raise layer.refuse(f"stride {stride} does not divide {channels}x{size[0]}x{size[1]}", field="stride")
    few = channels // area
    if reverse:
        apart = reshape(build, x, [keep(0), stride, stride, few, keep(2), keep(3)])
        woven = build.Transpose(apart, perm=(0, 3, 4, 1, 5, 2))
        return reshape(build, woven, [keep(0), few, Merged(2, 4), Merged(4, 6)])
    woven = reshape(build, x, [keep(0), few, keep(2), stride, keep(3), stride])
    apart = build.Transpose(woven, perm=(0, 3, 5, 1, 2, 4))
    return _smaller(build, apart, x, channels * area, stride)


def _smaller(build: Builder, apart: Value, x: Value, channels: int, stride: int) -> Value:
    """`apart` as (N, channels, H / stride, W / stride), with the sizes of x."""
    batch, _, height, width = known_shape(x)
    if isinstance(height, int) and isinstance(width, int):
        return reshape(build, apart, [keep(0), channels, height // stride, width // stride])
    size = build.Div(sizes(build, x, 2, 4), [stride])
    result = build.Reshape(apart, build.Concat(sizes(build, x, 0, 1), [channels], size, axis=0))
    halves = [d // stride if isinstance(d, int) else UNKNOWN for d in (height, width)]
    result.type = TensorType(x.dtype, (batch, channels, *halves))
    return result


@rule("caffe.CropCenter")
def crop_center(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Without `crop_size` numbers at both ends of each axis. Source: lltcggie's crop_center_layer.cpp (waifu2x)."""
    rank, margins = len(layer.shape(x)), layer.integers("crop_size", ())
    if len(margins) != rank:
        raise layer.refuse(f"has {len(margins)} crop_size for {rank} axes", field="crop_size")
    for size, margin in zip(known_shape(x), margins, strict=True):
        if margin < 0 or (isinstance(size, int) and 2 * margin + 1 > size):
            raise layer.refuse(f"crop_size {margin} leaves nothing of {size}", field="crop_size")
    axes = [axis for axis, margin in enumerate(margins) if margin]
    return cut(build, x, axes, [margins[a] for a in axes], [-margins[a] for a in axes])


@rule("caffe.BatchReduction")
def batch_reduction(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The sum or mean of groups of l * l items along an axis, one group for each level l; a single level 1 takes all.

    Source: batch_reduction_layer.cpp (yjxiong, PSPNet).
    """
    inner = layer.get("reduction_param")
    operation, axis = _reduction(inner)
    rank = len(layer.shape(x))
    axis = layer.axis(axis, rank)
    if operation not in ("SUM", "MEAN") or layer.flag("pos"):
        raise layer.refuse(f"operation {operation} is not supported: only SUM and MEAN are", field="reduction_param")
    name, levels = f"Reduce{operation.capitalize()}", layer.integers("level", ()) or (1,)
    if levels == (1,):
        return reduce(build, name, x, [axis], keepdims=False)
    groups = [level * level for level in levels]
    size = known_shape(x)[axis]
    if isinstance(size, int) and size != sum(groups):
        raise layer.refuse(f"its levels take {sum(groups)} items of axis {axis}, which has {size}", field="level")
    parts = build.many("onnx.Split", x, groups, outputs=len(groups), axis=axis) if len(groups) > 1 else [x]
    return build.Concat(*(reduce(build, name, part, [axis]) for part in parts), axis=axis)


def _reduction(inner: object) -> tuple[str, int]:
    """Operation and axis of the nested block, which is a dict where the file gives it and else its defaults."""
    if isinstance(inner, dict):
        return str(inner["operation"]), int(inner["axis"])
    return str(getattr(inner, "operation", "SUM")), int(getattr(inner, "axis", 0))


@rule("caffe.DummyData")
def dummy_data(layer: CaffeLayer, build: Builder) -> list[Value]:
    """Blobs of constants: one shape and filler for all tops, or one for each. Source: dummy_data_layer.cpp."""
    shapes = list(layer.get("shape", ()) or _older_shapes(layer))
    fillers = list(layer.get("data_filler", ()) or ({},))
    if len(shapes) not in (1, layer.outputs) or len(fillers) not in (1, layer.outputs):
        raise layer.refuse(
            f"gives {len(shapes)} shapes and {len(fillers)} fillers for {layer.outputs} tops", field="shape"
        )
    tops = []
    for index in range(layer.outputs):
        filler, shape = fillers[index % len(fillers)], shapes[index % len(shapes)]
        if str(filler.get("type", "constant")) != "constant":
            raise layer.refuse(
                f"its filler {filler['type']} draws at random", field="data_filler", cure="make it an Input"
            )
        value = np.float32(filler.get("value", 0))
        tops.append(build.constant(np.full(tuple(int(d) for d in shape), value)))
    return tops


def _older_shapes(layer: CaffeLayer) -> list[tuple[int, ...]]:
    columns = [layer.integers(name, ()) for name in ("num", "channels", "height", "width")]
    longest = max(len(c) for c in columns)
    if not longest or any(len(c) not in (1, longest) for c in columns):
        raise layer.refuse("has no shape", field="shape")
    return [tuple(c[i % len(c)] for c in columns) for i in range(longest)]
