"""Sets: the rows of a dense tensor, each without order and repetition."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import INT64_MAX, computed_in, dtype_of_value, need_opset, reduce, to_int64, via
from regraft.passes.tensorflow.node import TensorFlowNode

_ZERO = np.asarray(0, np.int64)


def _members(build: Builder, x: Value, others: Value) -> Value:
    """Which elements of x (rows, n) are in the same row of others (rows, m)."""
    same = build.Equal(build.Unsqueeze(x, [2]), build.Unsqueeze(others, [1]))
    return build.Greater(build.ReduceSum(build.Cast(same, to=DType.I64), [2], keepdims=0), _ZERO)


def _sorted(node: TensorFlowNode, build: Builder, x: Value) -> tuple[Value, Value]:
    """The rows of x in rising order, and which elements differ from the one before."""
    size = build.Slice(build.Shape(x), [1], [2], [0])
    dtype = computed_in(node, "TopK", dtype_of_value(node, x))
    made = via(build, dtype, lambda v: build.many("onnx.TopK", v, size, outputs=2, axis=1, largest=0)[0], x)
    before = build.Slice(made, [0], [-1], [1])
    fresh = build.Not(build.Equal(build.Slice(made, [1], [INT64_MAX], [1]), before))
    first = build.Equal(build.Slice(made, [0], [1], [1]), build.Slice(made, [0], [1], [1]))
    return made, build.Concat(first, fresh, axis=1)


@rule("tf.DenseToDenseSetOperation")
def set_operation(node: TensorFlowNode, build: Builder, a: Value, b: Value) -> list[Value]:
    """Of each row of a (..., n) and b (..., m) as sets: a-b, b-a, intersection or union; integers.

    Results are a sparse tensor: indices (k, rank), values in rising order in each row, shape. Source: set_kernels.cc.
    """
    if not dtype_of_value(node, a).is_integer:
        raise node.refuse("sets of texts", field="T")
    rank, operation = node.rank(a), node.text("set_operation")
    leading = build.Slice(build.Shape(a), [0], [rank - 1], [0])
    left, right = (build.Reshape(x, build.Concat([-1], _last(build, x), axis=0)) for x in (a, b))
    if operation == "b-a":
        left, right = right, left
    items = build.Concat(left, right, axis=1) if operation == "union" else left
    ordered, kept = _sorted(node, build, items)
    if operation == "intersection":
        kept = build.And(kept, _members(build, ordered, right))
    elif operation in ("a-b", "b-a"):
        kept = build.And(kept, build.Not(_members(build, ordered, right)))
    elif operation != "union":
        raise node.refuse(f"set_operation {operation} is not known", field="set_operation")
    found = build.Transpose(build.NonZero(kept), perm=(1, 0))
    counted = build.Cast(kept, to=DType.I64)
    place = build.GatherND(build.Sub(build.CumSum(counted, np.asarray(1, np.int64)), [1]), found)
    row = build.Slice(found, [0], [1], [1])
    columns = [build.Unsqueeze(place, [1])]
    for axis in reversed(range(rank - 1)):
        size = build.Slice(leading, [axis], [axis + 1], [0])
        columns.insert(0, build.Mod(row, size))
        row = build.Div(row, size)
    sums = build.Concat([0], build.ReduceSum(counted, [1], keepdims=0), axis=0)
    shape = build.Concat(leading, reduce(build, "ReduceMax", sums, [0], keepdims=True), axis=0)
    return [build.Concat(*columns, axis=1), build.GatherND(ordered, found), shape]


def _last(build: Builder, x: Value) -> Value:
    return build.Slice(build.Shape(x), [-1], [INT64_MAX], [0])


@rule("tf.SetSize")
def set_size(node: TensorFlowNode, build: Builder, indices: Value, values: Value, shape: Value) -> Value:
    """How many different values each row of a sparse tensor has: int32 of its shape without the last dimension.

    indices (n, rank) int64, values (n,) integers, shape (rank,). Source: set_kernels.cc.
    """
    dtype = dtype_of_value(node, values)
    if not dtype.is_integer or dtype is DType.U64:
        raise node.refuse(f"sets of {dtype.value}", field="T")
    need_opset(build, "ScatterElements", 16)
    leading = build.Slice(to_int64(build, shape), [0], [-1], [0])
    row = _row_numbers(node, build, indices, leading)
    pairs = build.Concat(row, build.Unsqueeze(to_int64(build, values), [1]), axis=1)
    different = build.many("onnx.Unique", pairs, outputs=1, axis=0)[0]
    found = build.Squeeze(build.Slice(different, [0], [1], [1]), [1])
    empty = build.Expand(build.constant(_ZERO), build.ReduceProd(leading, keepdims=1))
    ones = build.Expand(build.constant(np.asarray(1, np.int64)), build.Shape(found))
    counts = build.ScatterElements(empty, found, ones, axis=0, reduction="add")
    return build.Cast(build.Reshape(counts, leading, allowzero=1), to=DType.I32)


def _row_numbers(node: TensorFlowNode, build: Builder, indices: Value, leading: Value) -> Value:
    """The number (n, 1) of each element's row, all dimensions `leading` but the last counted through."""
    columns = (indices.shape or ())[-1:]
    if not columns or not isinstance(columns[0], int):
        raise node.refuse("the rank of its set is unknown", cure="give the graph's input shapes")
    row = build.Slice(indices, [0], [1], [1])
    for axis in range(1, columns[0] - 1):
        row = build.Mul(row, build.Slice(leading, [axis], [axis + 1], [0]))
        row = build.Add(row, build.Slice(indices, [axis], [axis + 1], [1]))
    return row
