"""Caffe's layers that cut, join and reorder."""

from __future__ import annotations

from math import prod

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several


@evaluates("caffe.Concat")
def concat(call: Call, *bottoms: Array) -> Array:
    """One behind the other; concat_dim is the axis' older name."""
    axis = call.attrs.get("concat_dim")
    return np.concatenate(bottoms, call.integer("axis") if axis is None else axis)


@evaluates("caffe.Slice")
def slice_(call: Call, x: Array) -> object:
    """At the slice points, or in equal parts."""
    older = call.attrs.get("slice_dim")
    axis = call.integer("axis") if older is None else older
    points = call.integers("slice_point", ())
    return several(np.split(x, points if points else call.outputs, axis))


@evaluates("caffe.Split")
def split(call: Call, x: Array) -> object:
    """The same under several names."""
    return several([x] * call.outputs)


@evaluates("caffe.Silence")
def silence(call: Call, *bottoms: Array) -> object:
    """Nothing."""
    return several([])


@evaluates("caffe.Flatten")
def flatten(call: Call, x: Array) -> Array:
    """Axes `axis` to `end_axis` as one."""
    start, end = call.integer("axis") % x.ndim, call.integer("end_axis") % x.ndim
    return x.reshape(*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


@evaluates("caffe.Reshape")
def reshape(call: Call, x: Array) -> Array:
    """Some axes in another shape; 0 keeps a size, -1 is what remains, a negative axis counts from behind the last."""
    if call.given("pixelshuffler"):
        raise NotEvaluated("it is a pixel shuffler")
    axis, count = call.integer("axis"), call.integer("num_axes")
    start = axis if axis >= 0 else x.ndim + 1 + axis
    stop = x.ndim if count == -1 else start + count
    inner = [x.shape[start + i] if d == 0 else d for i, d in enumerate(call.get("shape", ()))]
    if -1 in inner:
        inner[inner.index(-1)] = x.size // (prod(x.shape[:start]) * prod(x.shape[stop:]) * -prod(inner))
    return x.reshape(*x.shape[:start], *inner, *x.shape[stop:])


@evaluates("caffe.Permute")
def permute(call: Call, x: Array) -> Array:
    """Axes in another order; those that are not named follow."""
    order = list(call.integers("order", ()))
    return np.transpose(x, order + [i for i in range(x.ndim) if i not in order])


@evaluates("caffe.Tile")
def tile(call: Call, x: Array) -> Array:
    """Several times along an axis."""
    return np.concatenate([x] * call.integer("tiles"), call.integer("axis"))


@evaluates("caffe.Flip")
def flip(call: Call, x: Array) -> Array:
    """Mirrored."""
    axes = tuple(axis for axis, name in ((2, "flip_height"), (3, "flip_width")) if call.flag(name))
    return np.asarray(np.flip(x, axes))


@evaluates("caffe.ShuffleChannel", "caffe.ChannelShuffle")
def shuffle(call: Call, x: Array) -> Array:
    """Channel i of group g goes to i * groups + g."""
    groups = call.integer("group")
    return x.reshape(x.shape[0], groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


@evaluates("caffe.Reorg", "caffe.ReorgYolo")
def reorg(call: Call, x: Array) -> Array:
    """Darknet's: for each number of the one form its place in the other, both read as flat memory."""
    s = call.integer("stride")
    n, c, h, w = x.shape
    few = c // (s * s)
    image, channel, row, column = np.indices(x.shape)
    up, left = row * s + channel // few // s, column * s + channel // few % s
    place = left + w * s * (up + h * s * (channel % few + few * image))
    if call.flag("reverse"):
        out = np.empty(x.size, x.dtype)
        out[place.reshape(-1)] = x.reshape(-1)
        return out.reshape(n, few, h * s, w * s)
    return np.asarray(x.reshape(-1)[place].reshape(n, c * s * s, h // s, w // s))


@evaluates("caffe.BatchReindex")
def batch_reindex(call: Call, x: Array, order: Array) -> Array:
    """Items in the order of the second bottom."""
    return x[order.astype(np.int64)]


@evaluates("caffe.Filter")
def filter_(call: Call, *bottoms: Array) -> object:
    """The items whose selector, the last bottom, is not zero."""
    chosen = bottoms[-1].reshape(-1) != 0
    return several(x[chosen] for x in bottoms[:-1])


@evaluates("caffe.CropCenter")
def crop_center(call: Call, x: Array) -> Array:
    """Without so many numbers at both ends of each axis."""
    return x[tuple(slice(c, n - c) for c, n in zip(call.integers("crop_size", ()), x.shape, strict=True))]
