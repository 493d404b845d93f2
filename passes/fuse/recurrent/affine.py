"""Sums of products with constants: what goes into a gate, whichever way it is spelled.

`x @ W + h @ R + b`, `concat(x, h) @ [W; R] + b`, a quarter of either, some of it scaled by 1/6: all of these are one
`Affine`, a bias and a factor for each value that is not itself such a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.ir import Array, Op, Value
from regraft.passes.tracing import plain

Numbers = npt.NDArray[np.float64]

_DEEPEST = 60
"""How many ops a sum may be deep."""


@dataclass(frozen=True)
class Affine:
    """The sum of each of `terms` times its factor, and the `bias`.

    A factor of rank 2 is a matrix that the value (batch, n) is multiplied by from the right, one of rank 0 or 1 scales
    it element by element. All numbers are float64.
    """

    terms: dict[Value, Numbers]
    bias: Numbers

    def factor(self, value: Value) -> Numbers | None:
        """The factor of a value."""
        return self.terms.get(value)

    def only(self, *values: Value) -> bool:
        """Whether nothing but these values goes in."""
        return self.terms.keys() <= set(values)

    def scaled(self, factor: Numbers) -> Affine | None:
        """Its product with a constant that is as wide as it is."""
        made = Affine({v: np.asarray(f * factor) for v, f in self.terms.items()}, np.asarray(self.bias * factor))
        same = all(new.ndim == max(old.ndim, factor.ndim) for new, old in zip(*_factors(made, self), strict=True))
        return made if same else None

    def times(self, matrix: Numbers) -> Affine:
        """Its product with a matrix from the right."""
        terms = {v: f @ matrix if f.ndim == 2 else np.asarray(f)[..., None] * matrix for v, f in self.terms.items()}
        bias = np.broadcast_to(self.bias, matrix.shape[:1]) @ matrix
        return Affine(terms, bias)

    def part(self, first: int, last: int) -> Affine | None:
        """Its columns from `first` to `last`, None when some are not told apart."""
        if any(f.ndim != 2 for f in self.terms.values()):
            return None
        bias = self.bias[first:last] if self.bias.ndim else self.bias
        return Affine({v: f[:, first:last] for v, f in self.terms.items()}, bias)

    def plus(self, other: Affine) -> Affine | None:
        """The sum of both, None where a value is scaled in one and multiplied by a matrix in the other."""
        terms = dict(self.terms)
        for value, factor in other.terms.items():
            if value in terms and (terms[value].ndim == 2) != (factor.ndim == 2):
                return None
            terms[value] = terms[value] + factor if value in terms else factor
        return Affine(terms, np.asarray(self.bias + other.bias))


def _factors(one: Affine, other: Affine) -> tuple[list[Numbers], list[Numbers]]:
    return list(one.terms.values()), list(other.terms.values())


class AffineReader:
    """Reads values of a loop's body as `Affine`; `array` gives the numbers of those that are constant.

    `whole` are values that are not taken apart, though they are sums.
    """

    def __init__(self, array: Callable[[Value], Array | None], whole: Iterable[Value] = ()) -> None:
        self.array = array
        self._whole = set(whole)
        self._known: dict[Value, Affine] = {}

    def read(self, value: Value, depth: int = _DEEPEST) -> Affine:
        """The value as a sum; one that is no sum is itself, once."""
        value = plain(value)
        if value not in self._known:
            found = self._read(value, depth) if depth and value not in self._whole else None
            self._known[value] = found or Affine({value: np.asarray(1.0)}, np.asarray(0.0))
        return self._known[value]

    def constant(self, value: Value | None) -> Numbers | None:
        """A constant that is a number or a row of them, as float64 of rank 0 or 1."""
        array = None if value is None else self.array(value)
        if array is None or array.dtype.kind not in "fiu" or array.size != max(array.shape, default=1):
            return None
        if array.ndim > 1 and array.shape[-1] != array.size:
            return None
        return np.asarray(array, np.float64).reshape(() if array.size == 1 else -1)

    def _read(self, value: Value, depth: int) -> Affine | None:
        constant = self.constant(value)
        if constant is not None:
            return Affine({}, constant)
        function = _READERS.get(value.op.kind)
        return None if function is None else function(self, value.op, value.index, depth - 1)

    def _add(self, op: Op, index: int, depth: int) -> Affine | None:
        left, right = (v for v in op.inputs)
        return self.read(left, depth).plus(self.read(right, depth)) if left and right else None

    def _sub(self, op: Op, index: int, depth: int) -> Affine | None:
        left, right = (v for v in op.inputs)
        less = self.read(right, depth).scaled(np.asarray(-1.0)) if right else None
        return self.read(left, depth).plus(less) if left and less else None

    def _neg(self, op: Op, index: int, depth: int) -> Affine | None:
        (x,) = op.inputs
        return self.read(x, depth).scaled(np.asarray(-1.0)) if x else None

    def _mul(self, op: Op, index: int, depth: int) -> Affine | None:
        left, right = op.inputs
        for x, factor in ((left, self.constant(right)), (right, self.constant(left))):
            if x is not None and factor is not None:
                return self.read(x, depth).scaled(factor)
        return None

    def _div(self, op: Op, index: int, depth: int) -> Affine | None:
        x, divisor = op.inputs[0], self.constant(op.inputs[1])
        return self.read(x, depth).scaled(1 / divisor) if x and divisor is not None and divisor.all() else None

    def _matmul(self, op: Op, index: int, depth: int) -> Affine | None:
        x, weights = op.inputs
        return self._product(x, weights, depth) if x and weights else None

    def _gemm(self, op: Op, index: int, depth: int) -> Affine | None:
        x, weights, *bias = op.inputs
        if op.integer("transA", 0) or x is None or weights is None:
            return None
        product = self._product(x, weights, depth, transposed=bool(op.integer("transB", 0)))
        product = product and product.scaled(np.asarray(op.number("alpha", 1.0)))
        if not bias or bias[0] is None or product is None:
            return product
        added = self.constant(bias[0])
        return None if added is None else product.plus(Affine({}, added * op.number("beta", 1.0)))

    def _part(self, op: Op, index: int, depth: int) -> Affine | None:
        x, columns = op.inputs[0], self.columns(op, index, depth)
        return self.read(x, depth).part(*columns) if x and columns else None

    def columns(self, op: Op, index: int, depth: int = _DEEPEST) -> tuple[int, int] | None:
        """Which columns of its input a Split's or Slice's output is: from the first to before the last."""
        x, *others = op.inputs
        arrays = [None if v is None else v.array for v in others]
        if x is None or not arrays or any(a is None for a in arrays):
            return None
        if op.kind == "onnx.Split":
            ends = np.cumsum(np.asarray(arrays[0], np.int64))
            first = int(ends[index - 1]) if index else 0
            return (first, int(ends[index])) if _last(x, op.integer("axis", 0)) else None
        numbers = [int(a.reshape(-1)[0]) for a in arrays if a is not None and a.size == 1]
        width = self._width(x, depth)
        if width is None or len(numbers) < 3 or len(numbers) < len(arrays) or not _last(x, numbers[2]):
            return None
        return slice(*numbers[:2]).indices(width)[:2] if numbers[3:] in ([], [1]) else None

    def _product(self, x: Value, weights: Value, depth: int, *, transposed: bool = False) -> Affine | None:
        array = self.array(weights)
        if array is None or array.ndim != 2 or x.rank not in (None, 2):
            return None
        matrix = np.asarray(array.T if transposed else array, np.float64)
        x = plain(x)
        if x.op.kind != "onnx.Concat" or not _last(x, x.op.integer("axis")):
            return self.read(x, depth).times(matrix)
        return self._joined([v for v in x.op.inputs if v is not None], matrix, depth)

    def _joined(self, parts: list[Value], matrix: Numbers, depth: int) -> Affine | None:
        """concat(a, b, ...) @ matrix, which is a @ its first rows + b @ the next + ..."""
        widths = [self._width(part, depth) for part in parts]
        unknown = [i for i, width in enumerate(widths) if width is None]
        if len(unknown) > 1:
            return None
        known = [0 if width is None else width for width in widths]
        if unknown:
            known[unknown[0]] = len(matrix) - sum(known)
        if sum(known) != len(matrix) or min(known) < 0:
            return None
        made: Affine | None = Affine({}, np.asarray(0.0))
        for part, rows in zip(parts, np.split(matrix, np.cumsum(known)[:-1]), strict=True):
            made = made and made.plus(self.read(part, depth).times(rows))
        return made

    def _width(self, value: Value, depth: int) -> int | None:
        """The last dimension of a value."""
        last = (value.shape or ("?",))[-1]
        if isinstance(last, int):
            return last
        matrices = [f.shape[1] for f in self.read(value, depth).terms.values() if f.ndim == 2]
        return matrices[0] if matrices else None


def _last(x: Value, axis: int) -> bool:
    """Whether an axis is the last one of a matrix."""
    return axis in (-1, 1) and x.rank in (None, 2)


_READERS: dict[str, Callable[[AffineReader, Op, int, int], Affine | None]] = {
    "onnx.Add": AffineReader._add,
    "onnx.Div": AffineReader._div,
    "onnx.Gemm": AffineReader._gemm,
    "onnx.MatMul": AffineReader._matmul,
    "onnx.Mul": AffineReader._mul,
    "onnx.Neg": AffineReader._neg,
    "onnx.Slice": AffineReader._part,
    "onnx.Split": AffineReader._part,
    "onnx.Sub": AffineReader._sub,
}
