"""Layers that cut, join and reorder blobs and change no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from regraft.ir import Builder, Dim, Value, shapes_agree
from regraft.passes.caffe.common import Merged, keep, keep_all, known_shape, product, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule


def _axis_of(layer: CaffeLayer, old_name: str, rank: int) -> int:
    """`axis`, or the older name of it where that is given."""
    field = old_name if layer.given(old_name) is not None else "axis"
    return layer.axis(layer.integer(field), rank, field)


@rule("caffe.Concat")
def concat(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """The bottoms one behind the other along `axis`. Source: concat_layer.cpp."""
    if not bottoms:
        raise layer.refuse("has no bottom")
    axis = _axis_of(layer, "concat_dim", len(layer.shape(bottoms[0])))
    for other in bottoms[1:]:
        if not shapes_agree(_without(bottoms[0], axis), _without(other, axis)):
            raise layer.refuse(f"its bottoms {bottoms[0].type} and {other.type} do not fit together along axis {axis}")
    return build.Concat(*bottoms, axis=axis) if len(bottoms) > 1 else bottoms[0]


def _without(x: Value, axis: int) -> tuple[Dim, ...] | None:
    return None if x.shape is None else (*x.shape[:axis], *x.shape[axis + 1 :])


def slice_sizes(size: int, points: Sequence[int], parts: int) -> list[int]:
    """The sizes of the parts: between the points, or equal ones without points.

    Raises:
        ValueError: the points do not cut this size into so many parts.
    """
    if not points:
        if size % parts:
            raise ValueError(f"{size} cannot be cut into {parts} equal parts")
        return [size // parts] * parts
    if len(points) != parts - 1:
        raise ValueError(f"{len(points)} slice points make {len(points) + 1} parts, and there are {parts} tops")
    ends = [0, *points, size]
    found = [end - start for start, end in pairwise(ends)]
    if min(found) <= 0:
        raise ValueError(f"slice points {', '.join(map(str, points))} do not rise within 0 and {size}")
    return found


@rule("caffe.Slice")
def slice_(layer: CaffeLayer, build: Builder, x: Value) -> list[Value]:
    """The bottom in parts along `axis`: at the slice points, or in equal ones. Source: slice_layer.cpp."""
    axis = _axis_of(layer, "slice_dim", len(layer.shape(x)))
    size = known_shape(x)[axis]
    if not isinstance(size, int):
        raise layer.refuse("needs a bottom of fixed size along its axis", cure="give the net's input shapes")
    try:
        parts = slice_sizes(size, layer.integers("slice_point", ()), layer.outputs)
    except ValueError as error:
        raise layer.refuse(str(error), field="slice_point") from None
    return build.many("onnx.Split", x, parts, outputs=len(parts), axis=axis) if len(parts) > 1 else [x]


@rule("caffe.Split")
def split(layer: CaffeLayer, build: Builder, x: Value) -> list[Value]:
    """The bottom under several names. Source: split_layer.cpp."""
    return [x] * layer.outputs


@rule("caffe.Silence")
def silence(layer: CaffeLayer, build: Builder, *bottoms: Value) -> list[Value]:
    """Nothing: it keeps Caffe from making outputs of blobs that nobody reads. Source: silence_layer.cpp."""
    return []


@rule("caffe.Flatten")
def flatten(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Axes `axis` to `end_axis` as one. Source: flatten_layer.cpp."""
    rank = len(layer.shape(x))
    start = layer.axis(layer.integer("axis"), rank)
    end = layer.axis(layer.integer("end_axis"), rank, "end_axis") + 1
    if end <= start:
        raise layer.refuse(f"end_axis {end - 1} lies before axis {start}", field="end_axis")
    return reshape(build, x, [*keep_all(0, start), Merged(start, end), *keep_all(end, rank)])


def reshaped(shape: Sequence[Dim], dims: Sequence[int], start: int, end: int) -> list[int | Merged]:
    """The new shape when axes `start` to `end` (exclusive) are replaced by `dims`: 0 keeps an axis, -1 is the rest.

    Raises:
        ValueError: the numbers do not fit.
    """
    middle: list[int | Merged] = []
    for place, dim in enumerate(dims):
        if dim == 0 and start + place >= end:
            raise ValueError(f"dim {place} is 0 and keeps nothing: the bottom has no such axis")
        middle.append(keep(start + place) if dim == 0 else dim)
    old = product(shape[start:end])
    kept = [product(shape[d.start : d.end]) if isinstance(d, Merged) else d for d in middle]
    if not isinstance(old, int) or not all(isinstance(d, int) for d in kept):
        return [*keep_all(0, start), *middle, *keep_all(end, len(shape))]
    known = math.prod(d for d in kept if isinstance(d, int) and d != -1)
    if -1 in kept:
        if not known or old % known:
            raise ValueError(f"{old} numbers cannot be spread over {known}")
        middle[kept.index(-1)] = old // known
    elif known != old:
        raise ValueError(f"{old} numbers cannot be {known}")
    return [*keep_all(0, start), *middle, *keep_all(end, len(shape))]


@rule("caffe.Reshape")
def reshape_(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Axes `axis` to `axis + num_axes` in another shape; a negative axis counts from behind the last.

    Source: reshape_layer.cpp.
    """
    layer.refuse_unless("pixelshuffler", None)
    rank, dims = len(layer.shape(x)), layer.integers("shape", ())
    axis, num_axes = layer.integer("axis"), layer.integer("num_axes")
    start = axis if axis >= 0 else rank + axis + 1
    end = rank if num_axes == -1 else start + num_axes
    if not 0 <= start <= rank:
        raise layer.refuse(f"axis {axis} is outside a bottom of rank {rank}", field="axis")
    if num_axes < -1 or end > rank:
        raise layer.refuse(
            f"num_axes {num_axes} from axis {axis} on go beyond a bottom of rank {rank}", field="num_axes"
        )
    if any(d < -1 for d in dims) or list(dims).count(-1) > 1:
        raise layer.refuse("shape may hold one -1, and else sizes and 0", field="shape")
    try:
        return _reshape_open(build, x, reshaped(known_shape(x), dims, start, end), start, end)
    except ValueError as error:
        raise layer.refuse(str(error), field="shape") from None


def _reshape_open(build: Builder, x: Value, shape: Sequence[int | Merged], start: int, end: int) -> Value:
    """`reshape`, for a shape in which a -1 may be left because a size is unknown."""
    if -1 not in shape:
        return reshape(build, x, shape)
    rank = len(known_shape(x))
    plain = [0 if isinstance(d, Merged) and d.start == i else d for i, d in enumerate(shape)]
    numbers = [d for d in plain if isinstance(d, int)]
    if len(numbers) == len(plain):
        return build.Reshape(x, numbers)
    before = [d if isinstance(d, int) else known_shape(x)[d.start] for d in plain]
    fixed = [d for d in before if isinstance(d, int)]
    if len(fixed) == len(before):
        return build.Reshape(x, fixed)
    tail = rank - end
    head = [d for d in plain[: len(plain) - tail] if isinstance(d, int)]
    return build.Reshape(x, build.Concat(head, sizes(build, x, end, rank), axis=0))


@rule("caffe.Permute")
def permute(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The axes in another order; those that `order` leaves out follow. Source: SSD's permute_layer.cpp."""
    rank, order = len(layer.shape(x)), list(layer.integers("order", ()))
    if len(set(order)) != len(order) or not all(0 <= axis < rank for axis in order):
        raise layer.refuse(
            f"order {', '.join(map(str, order))} is none of the {rank} axes of its bottom", field="order"
        )
    order += [axis for axis in range(rank) if axis not in order]
    return x if order == list(range(rank)) else build.Transpose(x, perm=tuple(order))


@rule("caffe.Tile")
def tile(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The bottom `tiles` times along `axis`. Source: tile_layer.cpp."""
    rank = len(layer.shape(x))
    axis = layer.axis(layer.integer("axis"), rank)
    tiles = layer.integer("tiles")
    if tiles < 1:
        raise layer.refuse(f"tiles {tiles} is not positive", field="tiles")
    return build.Tile(x, [tiles if i == axis else 1 for i in range(rank)])


@rule("caffe.Dropout", "caffe.SpatialDropout")
def dropout(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The bottom in TEST; times 1 - dropout_ratio where scale_train is false. Source: dropout_layer.cpp, its forks."""
    layer.refuse_unless("sqrt_scale", False)
    if layer.flag("sample_weights_test"):
        raise layer.refuse(
            "draws at random in TEST too (Bayesian SegNet)", field="sample_weights_test", cure="leave it out"
        )
    if layer.flag("scale_train"):
        return x
    return build.Mul(x, build.scalar(1 - layer.number("dropout_ratio"), x))


@rule("caffe.Flip")
def flip(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Mirrored in width and, or, height. x: (N, C, H, W). Source: happynear's flip_layer.cpp."""
    layer.image(x)
    axes = [axis for field, axis in (("flip_height", 2), ("flip_width", 3)) if layer.flag(field)]
    least = -(2**31)
    return build.Slice(x, [-1] * len(axes), [least] * len(axes), axes, [-1] * len(axes)) if axes else x


@rule("caffe.ShuffleChannel", "caffe.ChannelShuffle")
def shuffle_channel(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Channel i of group g goes to place i * groups + g. x: (N, C, H, W). Source: shuffle_channel_layer.cpp."""
    rank, group = len(layer.shape(x, 2)), layer.integer("group")
    channels = known_shape(x)[1]
    if not isinstance(channels, int) or group < 1 or channels % group:
        raise layer.refuse(f"group {group} does not divide its {channels} channels", field="group")
    apart = reshape(build, x, [keep(0), group, channels // group, *keep_all(2, rank)])
    turned = build.Transpose(apart, perm=(0, 2, 1, *range(3, rank + 1)))
    return reshape(build, turned, [keep(0), channels, *keep_all(3, rank + 1)])


@rule("caffe.Parameter")
def parameter(layer: CaffeLayer, build: Builder) -> Value:
    """The layer's one blob. Source: parameter_layer.hpp."""
    return layer.weight(build, 0, "numbers", layer.integers("shape", ()))
