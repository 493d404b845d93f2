"""Sums, means and extremes of rows that share a segment number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import BUILT_IN, rule
from regraft.passes.tensorflow.common import (
    cast,
    computed_in,
    dtype_of_value,
    filled,
    limits,
    need_opset,
    reduce,
    to_int64,
    vector,
    via,
    zero,
)
from regraft.passes.tensorflow.gathering import index
from regraft.passes.tensorflow.node import TensorFlowNode

REDUCTIONS = {"Sum": "add", "Prod": "mul", "Max": "max", "Min": "min"}


def _start(dtype: DType, reduction: str) -> float:
    low, high = limits(dtype)
    return {"add": 0, "mul": 1, "max": low, "min": high}[reduction]


def scattered(
    node: TensorFlowNode, build: Builder, x: Value, segments: Value, count: Value, reduction: str, start: float
) -> Value:
    """(count, ...): rows of x combined by segment number; a number outside 0..count-1 is left out.

    x: (n, ...); segments: (n,) int64; count: int64 vector of one element.
    """
    need_opset(build, "ScatterElements", 18 if reduction in ("max", "min") else 16)
    dtype = computed_in(node, "Scatter", dtype_of_value(node, x), modular=reduction in ("add", "mul"))
    inside = build.And(build.GreaterOrEqual(segments, [0]), build.Less(segments, count))
    safe = build.Where(inside, segments, count)
    inner = build.Slice(build.Shape(x), [1], [np.iinfo(np.int64).max], [0])
    columns = build.Reshape(safe, build.Concat([-1], build.Expand(build.constant([1]), build.Shape(inner)), axis=0))
    places = build.Expand(columns, build.Shape(x))
    value = filled(build, start, x)

    def formula(rows: Value, first: Value) -> Value:
        base = build.Expand(first, build.Concat(build.Add(count, [1]), inner, axis=0))
        return build.ScatterElements(base, places, rows, axis=0, reduction=reduction)

    return build.Slice(via(build, dtype, formula, x, value), [0], count, [0])


def _counts(build: Builder, segments: Value, count: Value, x: Value, node: TensorFlowNode) -> Value:
    """How many rows each segment has, int64, shaped to divide the sums."""
    one = build.Expand(build.constant(np.asarray(1, np.int64)), build.Shape(segments))
    number = scattered(node, build, one, segments, count, "add", 0)
    if x.rank is not None:
        return build.Unsqueeze(number, list(range(1, x.rank))) if x.rank > 1 else number
    inner = build.Shape(build.Slice(build.Shape(x), [1], [np.iinfo(np.int64).max], [0]))
    return build.Reshape(number, build.Concat([-1], build.Expand(build.constant([1]), inner), axis=0))


def _flat(node: TensorFlowNode, build: Builder, x: Value, segments: Value) -> tuple[Value, Value]:
    """Rows and their segment numbers where these have several dimensions."""
    rank = node.rank(segments, "segment_ids")
    wide = to_int64(build, segments)
    if rank == 1:
        return x, wide
    inner = build.Slice(build.Shape(x), [rank], [np.iinfo(np.int64).max], [0])
    return build.Reshape(x, build.Concat([-1], inner, axis=0)), build.Reshape(wide, [-1])


def _unsorted(reduction: str) -> Callable[[TensorFlowNode, Builder, Value, Value, Value], Value]:
    def lower(node: TensorFlowNode, build: Builder, x: Value, segments: Value, count: Value) -> Value:
        rows, numbers = _flat(node, build, x, segments)
        start = _start(dtype_of_value(node, x), reduction)
        return scattered(node, build, rows, numbers, vector(build, count), reduction, start)

    lower.__name__ = f"unsorted_segment_{reduction}"
    return lower


for _name, _reduction in REDUCTIONS.items():
    BUILT_IN.rule(f"tf.UnsortedSegment{_name}")(_unsorted(_reduction))
"""(num_segments, ...): negative numbers are left out, empty segments hold the reduction's start.

Source: segment_reduction_ops_impl.h.
"""


def _last_and_one(build: Builder, segments: Value) -> Value:
    """The number of segments: the last, greatest number and one; none of no rows."""
    padded = build.Concat([-1], segments, axis=0)
    return build.Add(build.Slice(padded, [-1], [np.iinfo(np.int64).max], [0]), [1])


def _segment(reduction: str) -> Callable[[TensorFlowNode, Builder, Value, Value], Value]:
    def lower(node: TensorFlowNode, build: Builder, x: Value, segments: Value) -> Value:
        numbers = to_int64(build, segments)
        count = _last_and_one(build, numbers)
        start = _start(dtype_of_value(node, x), reduction)
        result = scattered(node, build, x, numbers, count, reduction, start)
        if reduction in ("add", "mul"):
            return result
        filled_rows = build.Greater(_counts(build, numbers, count, x, node), build.constant(np.asarray(0, np.int64)))
        dtype = computed_in(node, "Where", dtype_of_value(node, x), modular=True)
        return via(build, dtype, lambda v: build.Where(filled_rows, v, zero(build, v)), result)

    lower.__name__ = f"segment_{reduction}"
    return lower


for _name, _reduction in REDUCTIONS.items():
    BUILT_IN.rule(f"tf.Segment{_name}")(_segment(_reduction))
    BUILT_IN.rule(f"tf.Segment{_name}V2")(_unsorted(_reduction))
"""Rows in the order of their segment numbers; numbers that do not occur give zeros (ones of products)."""


def _averaged(
    node: TensorFlowNode, build: Builder, x: Value, segments: Value, count: Value, root: bool = False
) -> Value:
    total = scattered(node, build, x, segments, count, "add", 0)
    number = build.Max(_counts(build, segments, count, x, node), build.constant(np.asarray(1, np.int64)))
    dtype = dtype_of_value(node, x)
    if root:
        return build.Div(total, build.Sqrt(cast(build, number, dtype)))
    if not dtype.is_float:
        return cast(build, build.Div(to_int64(build, total), number), dtype)
    return build.Div(total, cast(build, number, dtype))


@rule("tf.SegmentMean")
def segment_mean(node: TensorFlowNode, build: Builder, x: Value, segments: Value) -> Value:
    """The mean of the rows of each segment, zero of none. Source: segment_reduction_ops_impl.h."""
    numbers = to_int64(build, segments)
    return _averaged(node, build, x, numbers, _last_and_one(build, numbers))


@rule("tf.SparseSegmentSum", "tf.SparseSegmentSumWithNumSegments")
def sparse_segment_sum(
    node: TensorFlowNode, build: Builder, x: Value, indices: Value, segments: Value, count: Value | None = None
) -> Value:
    """SegmentSum of the rows of x at `indices`. Source: segment_reduction_ops_impl.h, SparseSegmentReductionOpBase."""
    rows, numbers, total = _picked(build, x, indices, segments, count)
    return scattered(node, build, rows, numbers, total, "add", 0)


@rule("tf.SparseSegmentMean", "tf.SparseSegmentMeanWithNumSegments")
def sparse_segment_mean(
    node: TensorFlowNode, build: Builder, x: Value, indices: Value, segments: Value, count: Value | None = None
) -> Value:
    """SegmentMean of the rows of x at `indices`."""
    rows, numbers, total = _picked(build, x, indices, segments, count)
    return _averaged(node, build, rows, numbers, total)


@rule("tf.SparseSegmentSqrtN", "tf.SparseSegmentSqrtNWithNumSegments")
def sparse_segment_sqrt_n(
    node: TensorFlowNode, build: Builder, x: Value, indices: Value, segments: Value, count: Value | None = None
) -> Value:
    """The sum of the rows of x at `indices` by segment, over the root of their number."""
    rows, numbers, total = _picked(build, x, indices, segments, count)
    return _averaged(node, build, rows, numbers, total, root=True)


def _picked(
    build: Builder, x: Value, indices: Value, segments: Value, count: Value | None
) -> tuple[Value, Value, Value]:
    numbers = to_int64(build, segments)
    total = _last_and_one(build, numbers) if count is None else vector(build, count)
    return build.Gather(x, index(build, indices), axis=0), numbers, total


@rule("tf.DynamicPartition")
def dynamic_partition(node: TensorFlowNode, build: Builder, x: Value, partitions: Value) -> list[Value]:
    """`num_partitions` tensors: the rows of x whose partition number is 0, 1, ... Source: dynamic_partition_op.cc."""
    rank = node.rank(partitions, "partitions")
    numbers = to_int64(build, partitions)
    if rank == 0:
        x, numbers = build.Unsqueeze(x, [0]), build.Unsqueeze(numbers, [0])
    rows, numbers = (x, numbers) if rank < 2 else _flat(node, build, x, partitions)
    return [
        build.Compress(rows, build.Equal(numbers, [place]), axis=0) for place in range(node.integer("num_partitions"))
    ]


@rule("tf.DynamicStitch", "tf.ParallelDynamicStitch")
def dynamic_stitch(node: TensorFlowNode, build: Builder, *inputs: Value) -> Value:
    """(max index + 1, ...): row `indices[i][j]` is `data[i][j]`, later ones win. Source: dynamic_stitch_op.cc."""
    half = len(inputs) // 2
    indices, rows = [], []
    for places, data in zip(inputs[:half], inputs[half:], strict=True):
        rank = node.rank(places, "indices")
        inner = build.Slice(build.Shape(data), [rank], [np.iinfo(np.int64).max], [0])
        indices.append(build.Reshape(to_int64(build, places), [-1]))
        rows.append(build.Reshape(data, build.Concat([-1], inner, axis=0)))
    place = build.Concat(*indices, axis=0) if half > 1 else indices[0]
    values = build.Concat(*rows, axis=0) if half > 1 else rows[0]
    number = build.Add(reduce(build, "ReduceMax", place, [0], keepdims=True), [1])
    inner = build.Slice(build.Shape(values), [1], [np.iinfo(np.int64).max], [0])
    start = build.Expand(zero(build, values), build.Concat(number, inner, axis=0))
    return build.ScatterND(start, build.Unsqueeze(place, [1]), values)
