"""Diagonals packed into rows and spread over matrices: MatrixDiagPart, MatrixDiag and MatrixSetDiag in all versions.

The places are computed by the graph from the sizes and from `k`, and fold to constants where those are known.
Source: matrix_diag_op.cc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regraft.ir import Builder, Operand, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import choose, scalar, size_of, to_int64, vector, zero
from regraft.passes.tensorflow.node import TensorFlowNode

ALIGNMENTS = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
_ZERO, _ONE, _UNSET = (np.asarray(n, np.int64) for n in (0, 1, -1))


@dataclass(frozen=True)
class _Band:
    """The diagonals low..high, numbered by column - row; int64 scalars of the graph."""

    low: Value
    high: Value
    left: tuple[bool, bool]
    """Whether packed diagonals above the main one, and those below it, lie at the left end of their rows."""
    single: bool | None
    """Whether it is one diagonal, whose packed form has a dimension less; None when only the running graph knows."""

    def count(self, build: Builder) -> Value:
        """How many diagonals there are."""
        return build.Add(build.Sub(self.high, self.low), _ONE)

    def longest(self, build: Builder, rows: Value, columns: Value) -> Value:
        """The length of the longest diagonal in matrices of this size."""
        return _length(build, rows, columns, build.Min(self.high, _ZERO), build.Max(self.low, _ZERO))

    def start(self, build: Builder, offset: Value, length: Value, longest: Value) -> Operand:
        """Where in their packed rows the diagonals `offset` begin."""
        above, below = self.left
        if above and below:
            return _ZERO
        right = build.Sub(longest, length)
        if above == below:
            return right
        upper = build.GreaterOrEqual(offset, _ZERO)
        return build.Where(upper, _ZERO, right) if above else build.Where(upper, right, _ZERO)


def _length(build: Builder, rows: Value, columns: Value, below: Value, above: Value) -> Value:
    """Lengths of diagonals that begin `-below` rows down, or `above` columns to the right."""
    return build.Min(build.Add(rows, below), build.Sub(columns, above))


def _main(build: Builder) -> _Band:
    return _Band(build.constant(_ZERO), build.constant(_ZERO), (True, True), True)


def _band(node: TensorFlowNode, build: Builder, k: Value) -> _Band:
    text = node.text("align", "RIGHT_LEFT") if node.op.type_name.endswith("V3") else "LEFT_LEFT"
    if text not in ALIGNMENTS:
        raise node.refuse(f"align {text!r} is not known", field="align")
    numbers = vector(build, k)
    single = True if k.static_shape in ((), (1,)) else None
    if k.array is not None:
        single = bool(k.array.min() == k.array.max())
    low = build.Gather(numbers, _ZERO, axis=0)
    high = low if single else build.Gather(numbers, _UNSET, axis=0)
    above, below = text.split("_")
    return _Band(low, high, (above == "LEFT", below == "LEFT"), single)


def _matrix_size(build: Builder, x: Value) -> tuple[Value, Value]:
    height = build.Slice(build.Shape(x), [-2], [-1], [0]) if x.rank is None else size_of(build, x, x.rank - 2)
    return scalar(build, height), scalar(build, size_of(build, x, -1))


def _order(build: Builder, count: Value, axis: int) -> Value:
    """0, 1, ... as a row or a column: numbered along `axis` of 2, with 1 as the other size."""
    return build.Unsqueeze(build.Range(_ZERO, count, _ONE), [1 - axis])


def _front(build: Builder, x: Value, end: Operand) -> Value:
    return build.Slice(build.Shape(x), [0], end, [0])


def _as_vector(build: Builder, x: Value) -> Value:
    return build.Unsqueeze(x, [0])


@rule("tf.MatrixDiagPart", "tf.BatchMatrixDiagPart")
def matrix_diag_part(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """(..., min(m, n)): the main diagonal of matrices (..., m, n). Source: matrix_diag_op.cc."""
    return _packed(node, build, x, _main(build), zero(build, x))


@rule("tf.MatrixDiagPartV2", "tf.MatrixDiagPartV3")
def matrix_diag_part_v2(node: TensorFlowNode, build: Builder, x: Value, k: Value, padding: Value) -> Value:
    """Diagonals k[0]..k[1] of (..., m, n), the highest first, padded to the longest: (..., diagonals, longest).

    One diagonal gives (..., length). Source: matrix_diag_op.cc.
    """
    return _packed(node, build, x, _band(node, build, k), padding)


def _packed(node: TensorFlowNode, build: Builder, x: Value, band: _Band, padding: Value) -> Value:
    rows, columns = _matrix_size(build, x)
    longest, count = band.longest(build, rows, columns), band.count(build)
    offset = build.Sub(band.high, _order(build, count, 0))
    below, above = build.Min(offset, _ZERO), build.Max(offset, _ZERO)
    length = _length(build, rows, columns, below, above)
    step = build.Sub(_order(build, longest, 1), band.start(build, offset, length, longest))
    inside = build.And(build.GreaterOrEqual(step, _ZERO), build.Less(step, length))
    place = build.Add(build.Mul(build.Sub(step, below), columns), build.Add(step, above))
    place = build.Where(inside, place, _ZERO)
    if band.single:
        place, inside = build.Squeeze(place, [0]), build.Squeeze(inside, [0])
    front = _front(build, x, [-2])
    flat = build.Reshape(x, build.Concat(front, _as_vector(build, build.Mul(rows, columns)), axis=0))
    found = build.Gather(flat, place, axis=-1 if x.rank is None else x.rank - 2)
    if inside.array is None or not inside.array.all():
        found = choose(node, build, inside, found, scalar(build, padding))
    if band.single is not None:
        return found
    sizes = build.Concat(_as_vector(build, count), _as_vector(build, longest), axis=0)
    dropped = _as_vector(build, build.Cast(build.Equal(count, _ONE), to=longest.dtype))
    return build.Reshape(found, build.Concat(front, build.Slice(sizes, dropped, [2], [0]), axis=0))


@rule("tf.MatrixDiagV2", "tf.MatrixDiagV3")
def matrix_diag_v2(
    node: TensorFlowNode, build: Builder, diagonal: Value, k: Value, rows: Value, columns: Value, padding: Value
) -> Value:
    """Matrices with the given diagonals k[0]..k[1], `padding` elsewhere; sizes of -1 are the least that hold them.

    Source: matrix_diag_op.cc.
    """
    band = _band(node, build, k)
    longest = scalar(build, size_of(build, diagonal, -1))
    least_rows = build.Sub(longest, build.Min(band.high, _ZERO))
    least_columns = build.Add(longest, build.Max(band.low, _ZERO))
    given = [scalar(build, to_int64(build, v)) for v in (rows, columns)]
    unset = [build.Equal(v, _UNSET) for v in given]
    side = build.Max(least_rows, least_columns)
    height, width = (
        build.Where(mine, build.Where(other, side, least), size)
        for mine, other, least, size in zip(unset, unset[::-1], (least_rows, least_columns), given, strict=True)
    )
    return _spread(node, build, diagonal, (height, width), band, scalar(build, padding))


@rule("tf.MatrixSetDiag", "tf.BatchMatrixSetDiag")
def matrix_set_diag(node: TensorFlowNode, build: Builder, x: Value, diagonal: Value) -> Value:
    """x (..., m, n) with another main diagonal (..., min(m, n)). Source: matrix_diag_op.cc."""
    return _spread(node, build, diagonal, _matrix_size(build, x), _main(build), x)


@rule("tf.MatrixSetDiagV2", "tf.MatrixSetDiagV3")
def matrix_set_diag_v2(node: TensorFlowNode, build: Builder, x: Value, diagonal: Value, k: Value) -> Value:
    """x (..., m, n) with other diagonals k[0]..k[1]. Source: matrix_diag_op.cc."""
    return _spread(node, build, diagonal, _matrix_size(build, x), _band(node, build, k), x)


def _spread(
    node: TensorFlowNode, build: Builder, diagonal: Value, size: tuple[Value, Value], band: _Band, rest: Value
) -> Value:
    """(..., rows, columns) with packed diagonals at their places and `rest` elsewhere."""
    rows, columns = size
    longest = scalar(build, size_of(build, diagonal, -1))
    row, column = _order(build, rows, 0), _order(build, columns, 1)
    offset = build.Sub(column, row)
    inside = build.And(build.GreaterOrEqual(offset, band.low), build.LessOrEqual(offset, band.high))
    length = _length(build, rows, columns, build.Min(offset, _ZERO), build.Max(offset, _ZERO))
    step = build.Add(build.Min(row, column), band.start(build, offset, length, longest))
    place = build.Add(build.Mul(build.Sub(band.high, offset), longest), step)
    flat, axis = _flat_diagonals(build, diagonal, band, longest)
    found = build.Gather(flat, build.Where(inside, place, _ZERO), axis=axis)
    return choose(node, build, inside, found, rest)


def _flat_diagonals(build: Builder, diagonal: Value, band: _Band, longest: Value) -> tuple[Value, int]:
    """The packed diagonals of a matrix in one dimension, and its axis."""
    if band.single:
        return diagonal, -1 if diagonal.rank is None else diagonal.rank - 1
    count = band.count(build)
    end: Operand = [-2]
    if band.single is None:
        end = _as_vector(build, build.Where(build.Equal(count, _ONE), _UNSET, np.asarray(-2, np.int64)))
    sizes = build.Concat(_front(build, diagonal, end), _as_vector(build, build.Mul(count, longest)), axis=0)
    return build.Reshape(diagonal, sizes), -1
