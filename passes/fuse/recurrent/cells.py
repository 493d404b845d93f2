"""The formulas of LSTM, GRU and plain recurrent cells, found in what a loop's body computes.

Gates come in ONNX's order: i, o, f, c of an LSTM; z, r, h of a GRU. Source of the formulas: ONNX's operators LSTM,
GRU and RNN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from regraft.ir import Array, Value
from regraft.passes.fuse.recurrent.activations import IDENTITY, Activation, applied, gate
from regraft.passes.fuse.recurrent.affine import Affine, AffineReader, Numbers
from regraft.passes.tracing import plain

Gate = tuple[Activation, Affine]


@dataclass(frozen=True)
class State:
    """A state inside the loop's body: what a step reads, and what the cell makes of it."""

    before: Value
    new: Value


@dataclass(frozen=True)
class Cell:
    """An operator with its weights: w (gates * units, inputs), r (gates * units, units), b (2 * gates * units)."""

    kind: str
    activations: tuple[Activation, ...]
    w: Array
    r: Array
    b: Array
    peepholes: Array | None = None
    linear_before_reset: bool = False

    @property
    def units(self) -> int:
        """The size of the state."""
        return int(self.r.shape[1])


def lstm(reader: AffineReader, x: Value, hidden: State, cell: State) -> Cell | None:
    """h = o * act(c'), c' = f * c + i * act(g), with peepholes or without."""
    for left, right in _factors(hidden.new):
        squash, argument = applied(reader, right)
        made = _output(reader, left) if argument is cell.new else None
        inner = _memory(reader, cell) if made else None
        if made is None or inner is None:
            continue
        for forget, first, second in inner:
            found = _lstm_of(x, hidden, cell, (first, made, forget, second), squash)
            if found is not None:
                return found
    return None


def gru(reader: AffineReader, x: Value, hidden: State) -> Cell | None:
    """h' = z * h + (1 - z) * act(x @ W + (r * h) @ R + b), or act(x @ W + b + r * (h @ R + c))."""
    for kept, fresh in _terms(hidden.new):
        for z, old in _factors(kept):
            candidates = [other for rest, other in _factors(fresh) if _rest_of_one(reader, rest, z)]
            update = _output(reader, z) if old is hidden.before else None
            for candidate in candidates if update else ():
                activation, argument = applied(reader, candidate)
                found = update and _gru_of(reader, x, hidden, update, activation, reader.read(argument))
                if found is not None:
                    return found
    return None


def rnn(reader: AffineReader, x: Value, hidden: State) -> Cell | None:
    """h' = act(x @ W + h @ R + b)."""
    activation, argument = applied(reader, hidden.new)
    sums = reader.read(argument)
    if not sums.only(x, hidden.before):
        return None
    return _cell("RNN", (activation,), x, hidden.before, [sums])


def _lstm_of(x: Value, hidden: State, cell: State, gates: Sequence[Gate], squash: Activation) -> Cell | None:
    """The LSTM of the gates i, o, f, g when nothing goes into them that ONNX's formula has not."""
    (first, i), (out, o), (forget, f), (candidate, g) = gates
    if first != forget or out != forget or not g.only(x, hidden.before):
        return None
    peeps: list[Numbers | None] = []
    for sums, memory in ((i, cell.before), (o, cell.new), (f, cell.before)):
        if not sums.only(x, hidden.before, memory):
            return None
        peeps.append(sums.factor(memory))
    made = _cell("LSTM", (forget, candidate, squash), x, hidden.before, [i, o, f, g])
    if made is None or all(p is None for p in peeps):
        return made
    if any(p is not None and p.ndim > 1 for p in peeps):
        return None
    rows = [np.broadcast_to(np.asarray(0.0) if p is None else p, (made.units,)) for p in peeps]
    return Cell(made.kind, made.activations, made.w, made.r, made.b, _float(np.concatenate(rows)))


def _memory(reader: AffineReader, cell: State) -> list[tuple[Gate, Gate, Gate]]:
    """Gates f, i, g of c' = f * c + i * g; i and g both ways round."""
    found = []
    for kept, added in _terms(cell.new):
        for factor, old in _factors(kept):
            forget = _output(reader, factor) if old is cell.before else None
            for one, other in _factors(added) if forget else ():
                first, second = _output(reader, one), gate(reader, other)
                if forget and first and second:
                    found.append((forget, first, second))
    return found


def _output(reader: AffineReader, value: Value) -> Gate | None:
    """A gate that has a function."""
    found = gate(reader, value)
    return None if found is None or found[0] == IDENTITY else found


def _gru_of(
    reader: AffineReader, x: Value, hidden: State, update: Gate, activation: Activation, sums: Affine
) -> Cell | None:
    """The GRU whose candidate is a function of these sums: of x, and of a product with the reset gate."""
    others = [v for v in sums.terms if v is not x]
    if len(others) != 1:
        return None
    for r, rest in _factors(others[0]):
        reset = _output(reader, r)
        if reset is None or not all(g[1].only(x, hidden.before) for g in (update, reset)) or update[0] != reset[0]:
            continue
        weight = sums.terms[others[0]]
        if rest is hidden.before:
            candidate = Affine({**sums.terms, hidden.before: weight}, sums.bias)
            bias = np.asarray(0.0)
        else:
            inner = reader.read(rest)
            if weight.ndim or weight != 1 or not inner.only(hidden.before):
                continue
            candidate, bias = Affine({**sums.terms, **inner.terms}, sums.bias), inner.bias
        gates = [update[1], reset[1], candidate]
        before = rest is not hidden.before
        return _cell("GRU", (reset[0], activation), x, hidden.before, gates, bias, linear_before_reset=before)
    return None


def _cell(
    kind: str,
    activations: tuple[Activation, ...],
    x: Value,
    h: Value,
    gates: Sequence[Affine],
    bias: Numbers | None = None,
    *,
    linear_before_reset: bool = False,
) -> Cell | None:
    """Weights in ONNX's layout; None when they are no matrices that fit together. `bias` is the last gate's second."""
    weights = []
    for value in (x, h):
        factors = [g.factor(value) for g in gates]
        shapes = {f.shape for f in factors if f is not None}
        if len(shapes) != 1 or len(shape := next(iter(shapes))) != 2:
            return None
        weights.append(np.concatenate([np.zeros(shape) if f is None else f for f in factors], axis=1).T)
    w, r = weights
    units = r.shape[1]
    if len(w) != len(r) or len(r) != units * len(gates) or any(g.bias.size not in (1, units) for g in gates):
        return None
    rows = [np.broadcast_to(g.bias, (units,)) for g in gates]
    zeros = [np.zeros(units)] * (len(gates) - 1)
    b = np.concatenate([*rows, *zeros, np.broadcast_to(np.asarray(0.0) if bias is None else bias, (units,))])
    return Cell(kind, activations, _float(w), _float(r), _float(b), linear_before_reset=linear_before_reset)


def _float(array: Numbers) -> Array:
    return np.ascontiguousarray(array, np.float32)


def _rest_of_one(reader: AffineReader, value: Value, z: Value) -> bool:
    """Whether a value is 1 - z."""
    if value.op.kind != "onnx.Sub":
        return False
    one, other = value.op.inputs
    number = reader.constant(one)
    return other is not None and number is not None and bool((number == 1).all()) and plain(other) is z


def _factors(value: Value) -> Iterator[tuple[Value, Value]]:
    """The factors of a product, both ways round."""
    return _both(value, "onnx.Mul")


def _terms(value: Value) -> Iterator[tuple[Value, Value]]:
    return _both(value, "onnx.Add")


def _both(value: Value, kind: str) -> Iterator[tuple[Value, Value]]:
    if value.op.kind == kind:
        left, right = value.op.inputs
        if left is not None and right is not None:
            yield plain(left), plain(right)
            yield plain(right), plain(left)
