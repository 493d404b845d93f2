"""Linear algebra on the last two dimensions, in double precision, as ONNX Loops over columns: any batch, any size."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value, repeat
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import dtype_of_value, reduce, via
from regraft.passes.tensorflow.node import TensorFlowNode

_LAST = [-1]


def _size(build: Builder, x: Value, axis: int) -> Value:
    """The size of one of the last two dimensions, an int64 scalar."""
    return build.Gather(build.Shape(x), np.asarray(axis, np.int64), axis=0)


def _places(build: Builder, x: Value, axis: int) -> Value:
    """0, 1, ... along a dimension of the last two: (n, 1) for rows, (n,) for columns."""
    numbers = build.Range(np.asarray(0, np.int64), _size(build, x, axis), np.asarray(1, np.int64))
    return build.Unsqueeze(numbers, _LAST) if axis == -2 else numbers


def _row(build: Builder, x: Value, index: Value) -> Value:
    """Row `index` (int64 scalar) of x (..., n, m): (..., 1, m)."""
    return build.Gather(x, build.Unsqueeze(index, [0]), axis=-2)


def _column(build: Builder, x: Value, index: Value) -> Value:
    """Column `index` of x (..., n, m): (..., n, 1)."""
    return build.Gather(x, build.Unsqueeze(index, [0]), axis=-1)


def _transposed(build: Builder, node: TensorFlowNode, x: Value) -> Value:
    rank = node.rank(x)
    return build.Transpose(x, perm=(*range(rank - 2), rank - 1, rank - 2))


def _square(node: TensorFlowNode, x: Value) -> None:
    if not dtype_of_value(node, x).is_float:
        raise node.refuse("it is a matrix of complex numbers or integers", cure="use float32 or float64")
    if node.rank(x) < 2:
        raise node.refuse(f"its input is {x.type}, no matrix")


def _identity(build: Builder, x: Value) -> Value:
    """The identity (n, n) for x (..., n, m), broadcast to the batch."""
    rows, columns = _places(build, x, -2), build.Transpose(_places(build, x, -2), perm=(1, 0))
    unit = build.Cast(build.Equal(rows, columns), to=DType.F64)
    return build.Expand(unit, build.Shape(x))


def _eliminated(build: Builder, a: Value, b: Value) -> Value:
    """a^-1 b by Gauss and Jordan with the largest pivots: a (..., n, n), b (..., n, m), both double."""

    def step(build: Builder, k: Value, a: Value, b: Value) -> list[Value]:
        rows = _places(build, a, -2)
        column = build.Abs(_column(build, a, k))
        open_rows = build.Where(build.GreaterOrEqual(rows, k), column, build.constant(-1.0, DType.F64))
        pivot = build.ArgMax(open_rows, axis=-2, keepdims=1)
        other = build.Where(build.Equal(rows, pivot), k, rows)
        source = build.Where(build.Equal(rows, k), pivot, other)  # (..., n, 1): where each row comes from
        a, b = (build.GatherElements(x, build.Expand(source, build.Shape(x)), axis=(x.rank or 0) - 2) for x in (a, b))
        at = build.Equal(rows, k)
        head = build.Div(build.Identity(_row(build, a, k)), _column(build, _row(build, a, k), k))
        tail = build.Div(_row(build, b, k), _column(build, _row(build, a, k), k))
        factor = _column(build, a, k)
        a = build.Where(at, head, build.Sub(a, build.Mul(factor, head)))
        b = build.Where(at, tail, build.Sub(b, build.Mul(factor, tail)))
        return [a, b]

    return repeat(build, _size(build, a, -1), [a, b], step)[1]


@rule("tf.MatrixInverse", "tf.BatchMatrixInverse")
def matrix_inverse(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The inverse of each matrix, of its transpose with `adjoint`; floats (..., n, n). Source: matrix_inverse_op.cc.

    A singular matrix, where TensorFlow raises an error, gives infinities.
    """
    _square(node, x)
    turned = _transposed(build, node, x) if node.flag("adjoint", False) else x
    return via(build, DType.F64, lambda a: _eliminated(build, a, _identity(build, a)), turned)


@rule("tf.MatrixSolve", "tf.BatchMatrixSolve")
def matrix_solve(node: TensorFlowNode, build: Builder, matrix: Value, right: Value) -> Value:
    """x with matrix x = right (its transpose with `adjoint`); floats (..., n, n), (..., n, m).

    Source: matrix_solve_op.cc. A singular matrix, where TensorFlow raises an error, gives infinities.
    """
    _square(node, matrix)
    turned = _transposed(build, node, matrix) if node.flag("adjoint", False) else matrix
    return via(build, DType.F64, lambda a, b: _eliminated(build, a, b), turned, right)


@rule("tf.MatrixTriangularSolve", "tf.BatchMatrixTriangularSolve")
def triangular_solve(node: TensorFlowNode, build: Builder, matrix: Value, right: Value) -> Value:
    """x with matrix x = right, of whose matrix only the lower (upper) triangle is read; batches broadcast.

    matrix (..., n, n), right (..., n, m), floats. Source: matrix_triangular_solve_op_impl.h.
    """
    _square(node, matrix)
    lower, adjoint = node.flag("lower", True), node.flag("adjoint", False)
    turned = _transposed(build, node, matrix) if adjoint else matrix

    def solve(a: Value, b: Value) -> Value:
        batch = build.Concat(build.Slice(build.Shape(a), [0], [-1], [0]), [1], axis=0)
        b = build.Expand(b, batch)
        size = _size(build, a, -1)

        def step(build: Builder, i: Value, a: Value, x: Value) -> list[Value]:
            k = i if lower != adjoint else build.Sub(build.Sub(_size(build, a, -1), np.asarray(1)), i)
            rows = _places(build, a, -2)
            value = build.Div(_row(build, x, k), _column(build, _row(build, a, k), k))
            open_rows = build.Greater(rows, k) if lower != adjoint else build.Less(rows, k)
            rest = build.Sub(x, build.Mul(_column(build, a, k), value))
            return [a, build.Where(build.Equal(rows, k), value, build.Where(open_rows, rest, x))]

        return repeat(build, size, [a, b], step)[1]

    return via(build, DType.F64, solve, turned, right)


@rule("tf.Cholesky", "tf.BatchCholesky")
def cholesky(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The lower triangle L with L L^T = x, of which the lower triangle is read; floats (..., n, n).

    Source: cholesky_op.cc. Where TensorFlow raises an error, for x is not positive definite, numbers are not defined.
    """
    _square(node, x)

    def step(build: Builder, k: Value, rest: Value, made: Value) -> list[Value]:
        rows, columns = _places(build, rest, -2), _places(build, rest, -1)
        root = build.Sqrt(_column(build, _row(build, rest, k), k))
        zero = build.constant(0.0, DType.F64)
        column = build.Where(build.GreaterOrEqual(rows, k), build.Div(_column(build, rest, k), root), zero)
        rank = rest.rank or 2
        across = build.Transpose(column, perm=(*range(rank - 2), rank - 1, rank - 2))
        return [
            build.Sub(rest, build.Mul(column, across)),
            build.Where(build.Equal(columns, k), column, made),
        ]

    def factor(a: Value) -> Value:
        nothing = build.Mul(a, build.constant(0.0, DType.F64))
        return repeat(build, _size(build, a, -1), [a, nothing], step)[1]

    return via(build, DType.F64, factor, x)


@rule("tf.Lu")
def lu(node: TensorFlowNode, build: Builder, x: Value) -> list[Value]:
    """Both triangles in one matrix, and the rows' order: float (..., n, n), integers (..., n). Source: lu_op.cc.

    The pivot of a column is the largest number below, the first of equals. A singular matrix, where TensorFlow raises
    an error, gives infinities.
    """
    _square(node, x)
    rank = node.rank(x)

    def step(build: Builder, k: Value, a: Value, order: Value) -> list[Value]:
        rows, columns = _places(build, a, -2), _places(build, a, -1)
        size = build.Abs(_column(build, a, k))
        pivot = build.ArgMax(
            build.Where(build.GreaterOrEqual(rows, k), size, build.constant(-1.0, DType.F64)), axis=-2, keepdims=1
        )
        source = build.Where(build.Equal(rows, k), pivot, build.Where(build.Equal(rows, pivot), k, rows))
        a = build.GatherElements(a, build.Expand(source, build.Shape(a)), axis=rank - 2)
        order = build.GatherElements(order, source, axis=rank - 2)
        below = build.Greater(rows, k)
        factor = build.Div(_column(build, a, k), _column(build, _row(build, a, k), k))
        rest = build.Sub(a, build.Mul(factor, _row(build, a, k)))
        behind = build.And(below, build.Greater(columns, k))
        a = build.Where(behind, rest, build.Where(build.And(below, build.Equal(columns, k)), factor, a))
        return [a, order]

    start = build.Expand(_places(build, x, -2), build.Concat(build.Slice(build.Shape(x), [0], [-1], [0]), [1], axis=0))
    order: list[Value] = []

    def factor(a: Value) -> Value:
        made, places = repeat(build, _size(build, a, -1), [a, start], step)
        order.append(places)
        return made

    triangles = via(build, DType.F64, factor, x)
    places = build.Squeeze(order[0], [rank - 1])
    return [triangles, build.Cast(places, to=node.dtype("output_idx_type", DType.I32))]


@rule("tf.MatrixDeterminant", "tf.BatchMatrixDeterminant")
def determinant(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The determinants (...) of square matrices (..., n, n); floats. Source: linalg/determinant_op.cc."""
    _square(node, x)
    if dtype_of_value(node, x) is DType.F32:
        return build.Det(x)
    return via(build, DType.F64, lambda a: reduce(build, "ReduceProd", _pivots(build, a), _LAST), x)


@rule("tf.LogMatrixDeterminant")
def log_determinant(node: TensorFlowNode, build: Builder, x: Value) -> list[Value]:
    """The sign of the determinant and the logarithm of its size; floats (..., n, n). Source: linalg/determinant_op.cc.

    The size itself may be beyond the element type's range: logarithms of the pivots are added.
    """
    _square(node, x)

    def sign(a: Value) -> Value:
        return reduce(build, "ReduceProd", build.Sign(_pivots(build, a)), _LAST)

    def size(a: Value) -> Value:
        return reduce(build, "ReduceSum", build.Log(build.Abs(_pivots(build, a))), _LAST)

    return [via(build, DType.F64, sign, x), via(build, DType.F64, size, x)]


def _pivots(build: Builder, x: Value) -> Value:
    """Numbers (..., n) of which the determinant of x (..., n, n) double is the product: Gauss with the largest pivots.

    An exchange of rows turns the sign of one of them. A column of zeros leaves zeros.
    """

    def step(build: Builder, k: Value, a: Value, made: Value) -> list[Value]:
        rows, columns = _places(build, a, -2), _places(build, a, -1)
        zero = build.constant(0.0, DType.F64)
        size = build.Where(
            build.GreaterOrEqual(rows, k), build.Abs(_column(build, a, k)), build.constant(-1.0, DType.F64)
        )
        pivot = build.ArgMax(size, axis=-2, keepdims=1)
        source = build.Where(build.Equal(rows, k), pivot, build.Where(build.Equal(rows, pivot), k, rows))
        a = build.GatherElements(a, build.Expand(source, build.Shape(a)), axis=(a.rank or 0) - 2)
        head = _column(build, _row(build, a, k), k)
        turn = build.Where(build.Equal(pivot, k), build.constant(1.0, DType.F64), build.constant(-1.0, DType.F64))
        made = build.Where(build.Equal(columns, k), build.Mul(head, turn), made)
        safe = build.Where(build.Equal(head, zero), build.constant(1.0, DType.F64), head)
        factor = build.Where(build.Greater(rows, k), build.Div(_column(build, a, k), safe), zero)
        return [build.Sub(a, build.Mul(factor, _row(build, a, k))), made]

    start = build.Mul(build.Slice(x, [0], [1], [-2]), build.constant(0.0, DType.F64))
    return build.Squeeze(repeat(build, _size(build, x, -1), [x, start], step)[1], [-2])
