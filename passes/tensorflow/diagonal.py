"""Main diagonals and bands of matrices, determinants and cross products."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, choose, dtype_of_value, scalar, size_of, to_int64, zero
from regraft.passes.tensorflow.node import TensorFlowNode

_ZERO, _ONE = np.asarray(0, np.int64), np.asarray(1, np.int64)


def _order(build: Builder, count: Value) -> Value:
    return build.Range(_ZERO, scalar(build, count), _ONE)


def _offsets(build: Builder, rows: Value, columns: Value) -> Value:
    """(rows, columns) int64: column - row, which numbers the diagonals."""
    return build.Sub(build.Unsqueeze(_order(build, columns), [0]), build.Unsqueeze(_order(build, rows), [1]))


@rule("tf.MatrixBandPart", "tf.BatchMatrixBandPart")
def matrix_band_part(node: TensorFlowNode, build: Builder, x: Value, lower: Value, upper: Value) -> Value:
    """x (..., m, n) with zeros outside `lower` diagonals below and `upper` above; negative keeps all on that side.

    Source: matrix_band_part_op.cc.
    """
    offsets = _offsets(
        build, size_of(build, x, -2) if x.rank is None else size_of(build, x, x.rank - 2), size_of(build, x, -1)
    )
    low, high = (scalar(build, to_int64(build, v)) for v in (lower, upper))
    below = build.Or(build.Less(low, _ZERO), build.LessOrEqual(build.Neg(offsets), low))
    above = build.Or(build.Less(high, _ZERO), build.LessOrEqual(offsets, high))
    return choose(node, build, build.And(below, above), x, zero(build, x))


@rule("tf.MatrixDiag", "tf.BatchMatrixDiag")
def matrix_diag(node: TensorFlowNode, build: Builder, diagonal: Value) -> Value:
    """(..., n, n) matrices with the given main diagonal (..., n), zeros elsewhere. Source: matrix_diag_op.cc."""
    size = size_of(build, diagonal, -1)
    main = build.Equal(_offsets(build, size, size), _ZERO)
    return choose(node, build, main, build.Unsqueeze(diagonal, [-1]), zero(build, diagonal))


@rule("tf.Diag")
def diag(node: TensorFlowNode, build: Builder, diagonal: Value) -> Value:
    """(n, n) of a vector; a tensor of higher rank gives twice its rank. Source: diag_op.cc."""
    shape = build.Shape(diagonal)
    flat = diagonal if diagonal.rank == 1 else build.Reshape(diagonal, [-1])
    made = matrix_diag(node, build, flat)
    return made if diagonal.rank == 1 else build.Reshape(made, build.Concat(shape, shape, axis=0))


@rule("tf.DiagPart")
def diag_part(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The diagonal of a tensor whose shape is twice the same. Source: diag_op.cc."""
    half = node.rank(x) // 2
    shape = build.Slice(build.Shape(x), [0], [half], [0])
    size = build.ReduceProd(shape, keepdims=1)
    flat = build.Reshape(x, [-1])
    order = _order(build, size)
    found = build.Gather(flat, build.Mul(order, build.Add(size, [1])), axis=0)
    return found if half == 1 else build.Reshape(found, shape)


@rule("tf.Cross")
def cross(node: TensorFlowNode, build: Builder, a: Value, b: Value) -> Value:
    """The cross product of vectors (..., 3). Source: cross_op.cc."""
    wide = (
        DType.I32
        if dtype_of_value(node, a).is_integer and dtype_of_value(node, a).size < 4
        else dtype_of_value(node, a)
    )
    left, right = cast(build, a, wide), cast(build, b, wide)
    first, second = np.array([1, 2, 0]), np.array([2, 0, 1])

    def turned(v: Value, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Value:
        return build.Gather(v, order, axis=-1)

    product = build.Sub(
        build.Mul(turned(left, first), turned(right, second)), build.Mul(turned(left, second), turned(right, first))
    )
    return cast(build, product, dtype_of_value(node, a))
