"""Sorting, unique values, counting, and sums by segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.tensorflow.common import widened


def _downwards(x: Array) -> Array:
    """The order of falling numbers along the last axis; equal ones keep theirs."""
    if x.dtype.kind == "u" or x.dtype == np.bool_:
        x = x.astype(np.int64)
    return np.argsort(-x, axis=-1, kind="stable")


@evaluates("tf.TopKV2", "tf.TopK")
def top_k(call: Call, x: Array, *k: Array) -> object:
    """The k largest numbers along the last axis, and their places."""
    count = int(k[0]) if k else call.integer("k")
    places = _downwards(x)[..., :count]
    kind = call.dtype("index_type") if call.has("index_type") else np.int32
    return several([np.take_along_axis(x, places, -1), places.astype(kind)][: call.outputs])


@evaluates("tf.NthElement")
def nth_element(call: Call, x: Array, n: Array) -> Array:
    """The n-th smallest, or largest, along the last axis."""
    ordered = np.sort(x, -1)
    return np.asarray(ordered[..., -1 - int(n) if call.flag("reverse", False) else int(n)])


@evaluates("tf.Unique", "tf.UniqueV2", "tf.UniqueWithCounts", "tf.UniqueWithCountsV2")
def unique(call: Call, x: Array, *axis: Array) -> object:
    """Different items in the order of their first appearance, the place of each item among them, and counts."""
    along = int(axis[0].reshape(-1)[0]) if axis and axis[0].size else 0
    _, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=along)
    order = np.argsort(first)
    rank = np.argsort(order)
    kind = call.dtype("out_idx") if call.has("out_idx") else np.int32
    found = [
        np.take(x, first[order], along),
        rank[inverse.reshape(-1)].astype(kind),
        counts[order].astype(kind),
    ]
    return several(found[: call.outputs])


@evaluates("tf.ListDiff", "tf.SetDiff1D")
def list_diff(call: Call, x: Array, y: Array) -> object:
    """What is in x and not in y, and where it stands in x."""
    places = np.flatnonzero(~np.isin(x, y))
    kind = call.dtype("out_idx") if call.has("out_idx") else np.int32
    return several([x[places], places.astype(kind)][: call.outputs])


@evaluates("tf.Bincount", "tf.DenseBincount")
def bincount(call: Call, x: Array, size: Array, weights: Array) -> Array:
    """How often each number occurs, or the sum of its weights; larger ones do not count."""
    count, kind = int(size), weights.dtype
    rows = x.reshape(1, -1) if x.ndim < 2 or call.op.type_name == "Bincount" else x
    worth = weights.reshape(rows.shape) if weights.size else np.ones(rows.shape, kind)
    found = np.zeros((len(rows), count), kind)
    for row, (numbers, each) in enumerate(zip(rows, worth, strict=True)):
        inside = (numbers < count) & (numbers >= 0)
        if call.flag("binary_output", False):
            found[row, numbers[inside]] = 1
        else:
            np.add.at(found[row], numbers[inside], each[inside])
    return found if x.ndim == 2 and call.op.type_name == "DenseBincount" else found[0]


@evaluates("tf.Bucketize")
def bucketize(call: Call, x: Array) -> Array:
    """How many boundaries lie at or below each number."""
    return np.searchsorted(np.asarray(call.numbers("boundaries"), np.float32), x, side="right").astype(np.int32)


@evaluates("tf.LowerBound", "tf.UpperBound")
def bound(call: Call, ordered: Array, values: Array) -> Array:
    """Where each value would go in its sorted row: before or behind equal ones."""
    side: Any = "left" if call.op.type_name == "LowerBound" else "right"
    kind = call.dtype("out_type") if call.has("out_type") else np.int32
    return np.stack([np.searchsorted(row, v, side=side) for row, v in zip(ordered, values, strict=True)]).astype(kind)


def _segments(call: Call, x: Array, ids: Array, count: int, ufunc: Any, empty: Any) -> Array:
    """Items put together by their segment; negative segments do not count."""
    flat_ids = ids.reshape(-1)
    flat = x.reshape(flat_ids.size, *x.shape[ids.ndim :])
    found = np.full((count, *flat.shape[1:]), empty, x.dtype)
    inside = flat_ids >= 0
    if inside.any() and flat_ids.max() >= count:
        raise NotEvaluated("a segment is out of range")
    ufunc.at(found, flat_ids[inside], flat[inside])
    return found


def _limit(dtype: np.dtype[Any], *, high: bool) -> Any:
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return info.max if high else info.min


_STARTS: dict[str, tuple[Any, Callable[[np.dtype[Any]], Any]]] = {
    "Sum": (np.add, lambda dtype: 0),
    "Prod": (np.multiply, lambda dtype: 1),
    "Max": (np.maximum, lambda dtype: _limit(dtype, high=False)),
    "Min": (np.minimum, lambda dtype: _limit(dtype, high=True)),
}


@evaluates(*(f"tf.UnsortedSegment{how}" for how in _STARTS))
def unsorted_segment(call: Call, x: Array, ids: Array, count: Array) -> Array:
    """Sum, product, largest or smallest of each segment; empty ones are 0, 1, the lowest or the highest number."""
    ufunc, start = _STARTS[call.op.type_name.removeprefix("UnsortedSegment")]
    return _segments(call, x, ids, int(count), ufunc, start(x.dtype))


@evaluates(*(f"tf.Segment{how}{version}" for how in _STARTS for version in ("", "V2")), "tf.SegmentMean")
def sorted_segment(call: Call, x: Array, ids: Array, *count: Array) -> Array:
    """The same of sorted segments; without a count of segments the largest and smallest of empty ones are 0."""
    name = call.op.type_name.removeprefix("Segment").removesuffix("V2")
    size = int(count[0]) if count else int(ids[-1]) + 1 if ids.size else 0
    ufunc, start = _STARTS["Sum" if name == "Mean" else name]
    found = _segments(call, x, ids, size, ufunc, start(x.dtype))
    counts = np.bincount(ids, minlength=size).reshape(-1, *(1,) * (x.ndim - 1))
    if name == "Mean":
        return np.asarray(found / np.maximum(counts, 1), x.dtype)
    zeros = name in ("Max", "Min") and not count
    return np.where(counts > 0, found, np.zeros((), x.dtype)) if zeros else found


@evaluates(*(f"tf.SparseSegment{how}{rest}" for how in ("Sum", "Mean", "SqrtN") for rest in ("", "WithNumSegments")))
def sparse_segment(call: Call, x: Array, indices: Array, ids: Array, *count: Array) -> Array:
    """Sums, means or sums over the root of their number of chosen rows."""
    size = int(count[0]) if count else (int(ids[-1]) + 1 if ids.size else 0)
    found = _segments(call, widened(x[indices]), ids, size, np.add, 0)
    counts = np.maximum(np.bincount(ids, minlength=size), 1).reshape(-1, *(1,) * (x.ndim - 1))
    name = call.op.type_name
    divisor = counts if "Mean" in name else np.sqrt(counts) if "SqrtN" in name else 1
    return np.asarray(found / divisor, x.dtype)
