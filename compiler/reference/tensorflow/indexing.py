"""Slices, gathering and scattering."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.tensorflow.common import shape_of


@evaluates("tf.StridedSlice")
def strided_slice(call: Call, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    """Python's slices: each bit of a mask says something of one item of the index."""
    masks = {name: call.integer(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    index: list[Any] = []
    for place, (start, stop, step) in enumerate(zip(shape_of(begin), shape_of(end), shape_of(strides), strict=True)):
        bits = {name for name, mask in masks.items() if mask >> place & 1}
        if "ellipsis" in bits:
            index.append(Ellipsis)
        elif "new_axis" in bits:
            index.append(np.newaxis)
        elif "shrink_axis" in bits:
            index.append(start)
        else:
            index.append(slice(None if "begin" in bits else start, None if "end" in bits else stop, step))
    return np.asarray(x[tuple(index)])


@evaluates("tf.Slice")
def slice_(call: Call, x: Array, begin: Array, size: Array) -> Array:
    """From `begin` on so many; -1 is all that follow."""
    pairs = zip(shape_of(begin), shape_of(size), strict=True)
    return x[tuple(slice(b, None if s == -1 else b + s) for b, s in pairs)]


def _inside(indices: Array, size: int) -> Array:
    """Indices, which must be valid: what TensorFlow does with others depends on the device."""
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        raise NotEvaluated("an index is out of range")
    return indices


@evaluates("tf.Gather", "tf.ResourceGather")
def gather(call: Call, x: Array, indices: Array) -> Array:
    """Items along the first axis."""
    if call.integer("batch_dims", 0):
        raise NotEvaluated("it has batch_dims")
    return np.take(x, _inside(indices, x.shape[0]), axis=0)


@evaluates("tf.GatherV2")
def gather_v2(call: Call, x: Array, indices: Array, axis: Array) -> Array:
    """Items along an axis; the first batch_dims axes of both belong together."""
    along, batch = int(axis) % x.ndim, call.integer("batch_dims", 0)
    batch += indices.ndim if batch < 0 else 0
    _inside(indices, x.shape[along])
    if not batch:
        return np.take(x, indices, axis=along)
    outer = x.shape[:batch]
    rows = [np.take(x[i], indices[i], axis=along - batch) for i in np.ndindex(*outer)]
    return np.asarray(rows).reshape(*outer, *x.shape[batch:along], *indices.shape[batch:], *x.shape[along + 1 :])


@evaluates("tf.GatherNd", "tf.ResourceGatherNd")
def gather_nd(call: Call, x: Array, indices: Array) -> Array:
    """What each row of the indices points at."""
    for axis in range(indices.shape[-1]):
        _inside(indices[..., axis], x.shape[axis])
    if not indices.shape[-1]:
        return np.broadcast_to(x, (*indices.shape[:-1], *x.shape)).copy()
    return np.asarray(x[tuple(np.moveaxis(indices, -1, 0))])


_SCATTERED: dict[str, Any] = {"Add": np.add, "Sub": np.subtract, "Min": np.minimum, "Max": np.maximum}


def _scattered(target: Array, indices: Array, updates: Array, how: str) -> Array:
    found = target.copy()
    place = tuple(np.moveaxis(indices, -1, 0))
    if how == "Update":
        found[place] = updates
    else:
        _SCATTERED[how].at(found, place, updates)
    return found


@evaluates("tf.ScatterNd")
def scatter_nd(call: Call, indices: Array, updates: Array, sizes: Array) -> Array:
    """Zeros, to which updates are added."""
    return _scattered(np.zeros(shape_of(sizes), updates.dtype), indices, updates, "Add")


@evaluates(*(f"tf.TensorScatter{how}" for how in ("Update", "Add", "Sub", "Min", "Max")), "tf.ScatterNdNonAliasingAdd")
def tensor_scatter(call: Call, x: Array, indices: Array, updates: Array) -> Array:
    """x with updates in their places."""
    name = call.op.type_name
    return _scattered(
        x, indices, updates, "Add" if name.startswith("ScatterNd") else name.removeprefix("TensorScatter")
    )


@evaluates("tf.OneHot")
def one_hot(call: Call, indices: Array, depth: Array, on: Array, off: Array) -> Array:
    """`on` at the index along a new axis, else `off`."""
    axis = call.integer("axis", -1)
    hot = np.equal.outer(indices, np.arange(int(depth)))
    return np.moveaxis(np.where(hot, on, off), -1, axis)


@evaluates("tf.SparseToDense")
def sparse_to_dense(call: Call, indices: Array, sizes: Array, values: Array, default: Array) -> Array:
    """The default everywhere, but for the values."""
    found = np.full(shape_of(sizes), default, default.dtype)
    places = indices.reshape(-1, 1) if indices.ndim < 2 else indices
    found[tuple(places.T)] = values
    return found


@evaluates("tf.UnravelIndex")
def unravel_index(call: Call, indices: Array, sizes: Array) -> Array:
    """Places in a flat array as indices of each axis."""
    return np.asarray(np.unravel_index(indices, shape_of(sizes)), indices.dtype)


@evaluates("tf.DynamicStitch", "tf.ParallelDynamicStitch")
def dynamic_stitch(call: Call, *inputs: Array) -> Array:
    """Items at the places that the indices say; the last one wins."""
    half = len(inputs) // 2
    indices, data = inputs[:half], inputs[half:]
    count = max((int(i.max()) + 1 for i in indices if i.size), default=0)
    item = data[0].shape[indices[0].ndim :]
    found = np.zeros((count, *item), data[0].dtype)
    for places, values in zip(indices, data, strict=True):
        found[places.reshape(-1)] = values.reshape(places.size, *item)
    return found


@evaluates("tf.DynamicPartition")
def dynamic_partition(call: Call, x: Array, which: Array) -> object:
    """Items sorted into so many groups."""
    flat = x.reshape(prod(which.shape), *x.shape[which.ndim :])
    return several(flat[which.reshape(-1) == i] for i in range(call.outputs))
