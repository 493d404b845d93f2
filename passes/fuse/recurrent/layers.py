"""The rewrite: a Loop that is a recurrent layer becomes ONNX's LSTM, GRU or RNN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.ir import Builder, DType, Op, Value, walk
from regraft.passes.fuse.recurrent import cells
from regraft.passes.fuse.recurrent.activations import SIGMOID, TANH
from regraft.passes.fuse.recurrent.affine import AffineReader
from regraft.passes.fuse.recurrent.cells import Cell, State
from regraft.passes.fuse.recurrent.loops import CountedLoop, Variable
from regraft.passes.fuse.recurrent.masks import Mask, Steps, brought_out, is_zero, read_mask
from regraft.passes.rewrite import Rewriter, rewrite
from regraft.passes.tracing import plain, uncast

_WIDEST_RNN = 512
"""ONNX Runtime applies an RNN's function number by number: with 1024 a step, a Loop took three fifths of the time."""
_DEFAULTS = {"LSTM": (SIGMOID, TANH, TANH), "GRU": (SIGMOID, TANH), "RNN": (TANH,)}


@dataclass(frozen=True)
class _Layer:
    """A loop as a recurrent layer: the cell, its input (time, batch, inputs), its states and its mask."""

    cell: Cell
    x: Value
    states: tuple[Variable, ...]
    """h, or h and c."""
    mask: Mask | None
    new: Value
    """The h of each step as the cell makes it, before a mask."""


@dataclass(frozen=True)
class _Part:
    """What is asked of a layer: all its results (`rows`), or the last of a state.

    `kind` says what stands where a step does not count: `zeros`, or `held`, the result before; `last zeros` is the last
    of the rows.
    """

    state: int = 0
    rows: bool = False
    kind: str = "zeros"
    first: Value | None = None


@rewrite("onnx.Loop")
def recurrent_layer(op: Op, rewriter: Rewriter) -> Sequence[Value] | None:
    """Loop of an LSTM's, a GRU's or a plain recurrent step   =>   LSTM, GRU or RNN

    The loop must count from 0 and read a row of one tensor a round. Weights must be constant, and nothing but h (all of
    it, or the last) and the last c may be used afterwards. Steps may be left out by lengths or by a mask.
    """
    loop = CountedLoop.of(op)
    layer = None if loop is None else _layer(loop)
    if loop is None or layer is None:
        return None
    parts = {}
    for value, part in _asked(loop, layer):
        if part is None:
            return None
        parts[value] = part
    if not parts:
        return None
    made = _emit(rewriter.build, loop, layer, parts)
    node = next(v.op for v in _producers(made.values()) if v.op.type_name == layer.cell.kind)
    node.absorb(source for body in walk(loop.body) for inner in body for source in inner.sources)
    unused = [*(v.first for v in loop.variables), *(op.inputs[0] for _ in loop.rows)]
    return [
        made.get(value, _stand_in(rewriter.build, value, old)) for value, old in zip(op.outputs, unused, strict=True)
    ]


def _layer(loop: CountedLoop) -> _Layer | None:
    """The layer that a loop is, None when it is none of ONNX's."""
    rows = {plain(op.output): x for op in loop.body if op.kind == "onnx.Gather" and (x := loop.row_of(op.output))}
    inputs = {value: x for value, x in rows.items() if x.rank == 3 and x.dtype is DType.F32}
    states = {v.before: v for v in loop.variables if v.first.dtype is DType.F32 and v.before is not v.after}
    for value, x in inputs.items():
        for hidden, mask in _steps(loop, states):
            for cell, memory in _cells(loop, value, hidden, mask, states):
                used = (states[hidden.before], *(() if memory is None else (states[memory.before],)))
                fits = all(_fits(v, x, cell.units) for v in used) and cell.w.shape[1] == (x.shape or ())[2]
                if fits and not _slow(cell, x):
                    return _Layer(cell, x, used, mask, hidden.new)
    return None


def _slow(cell: Cell, x: Value) -> bool:
    """Whether the Loop is the faster one; a batch of unknown size counts as one sample."""
    batch = (x.shape or ("?", "?"))[1]
    return cell.kind == "RNN" and cell.units * (batch if isinstance(batch, int) else 1) > _WIDEST_RNN


def _cells(
    loop: CountedLoop, x: Value, hidden: State, mask: Mask | None, states: dict[Value, Variable]
) -> Iterator[tuple[Cell, State | None]]:
    for memory, other in _steps(loop, states):
        if other == mask and memory.before is not hidden.before:
            reader = AffineReader(loop.array, (memory.new, hidden.new))
            cell = cells.lstm(reader, x, hidden, memory)
            if cell is not None:
                yield cell, memory
    for match in (cells.gru, cells.rnn):
        cell = match(AffineReader(loop.array), x, hidden)
        if cell is not None:
            yield cell, None


def _steps(loop: CountedLoop, states: dict[Value, Variable]) -> Iterator[tuple[State, Mask | None]]:
    """What a step makes of each state, and the mask under which it does."""
    for variable in states.values():
        found = _masked(loop, variable.after, variable.before)
        if found is not None:
            yield State(variable.before, found[1]), found[0]
        else:
            yield State(variable.before, variable.after), None


def _masked(loop: CountedLoop, value: Value, otherwise: Value | None) -> tuple[Mask, Value] | None:
    """Mask and value of a Where that gives `otherwise` (None: zeros) for steps that do not count."""
    if value.op.kind != "onnx.Where" or None in value.op.inputs:
        return None
    condition, yes, no = (plain(v) for v in value.op.inputs if v is not None)
    found = read_mask(loop, condition)
    if found is None:
        return None
    new, old = (yes, no) if found[1] else (no, yes)
    outside = loop.outer(old)
    zeros = is_zero(old) or (outside is not None and is_zero(outside))
    same = zeros if otherwise is None else old is otherwise
    return (found[0], new) if same else None


def _fits(state: Variable, x: Value, units: int) -> bool:
    """Whether a state's first value is (batch, units), and no row that is meant for all samples."""
    shape = state.first.shape
    if shape is None or len(shape) != 2:
        return shape is None
    batch = (x.shape or ("?", "?"))[1]
    return shape[1] in (units, "?") and (shape[0] == batch or (isinstance(shape[0], str) or shape[0] != 1))


def _asked(loop: CountedLoop, layer: _Layer) -> Iterator[tuple[Value, _Part | None]]:
    """The results of the loop that are used, and what each is of the layer's: None for what it does not give."""
    for variable in loop.variables:
        if variable.result.uses:
            yield variable.result, _last_part(loop, layer, variable)
    for row, result in loop.rows:
        if result.uses:
            yield result, _row_part(loop, layer, row)


def _last_part(loop: CountedLoop, layer: _Layer, variable: Variable) -> _Part | None:
    """What the last value of a variable is; it may only copy what another one becomes."""
    for number, state in enumerate(layer.states):
        if variable is state or (variable.after is state.after and (layer.mask is None or _alike(variable, state))):
            return _Part(number, first=variable.first)
    for other in loop.variables:
        kept = _masked(loop, variable.after, other.before) == (layer.mask, layer.new)
        if kept and (other is variable or _alike(variable, other)):
            return _Part(first=other.first)
    many = isinstance(steps := (layer.x.shape or ("?",))[0], int) and steps > 0 and not _other_limits(loop, layer)
    if layer.mask is not None and many and _masked(loop, variable.after, None) == (layer.mask, layer.new):
        return _Part(rows=True, kind="last zeros")
    return None


def _alike(one: Variable, other: Variable) -> bool:
    """Whether two variables have the same first value."""
    return one.first is other.first or (is_zero(one.first) and is_zero(other.first))


def _row_part(loop: CountedLoop, layer: _Layer, row: Value) -> _Part | None:
    if row is layer.states[0].after:
        return _Part(rows=True, kind="held", first=layer.states[0].first)
    if layer.mask is None:
        return None
    if _masked(loop, row, None) == (layer.mask, layer.new):
        return _Part(rows=True)
    for variable in loop.variables:
        if variable.after is row and _masked(loop, row, variable.before) == (layer.mask, layer.new):
            return _Part(rows=True, kind="held", first=variable.first)
    return None


def _emit(build: Builder, loop: CountedLoop, layer: _Layer, parts: dict[Value, _Part]) -> dict[Value, Value]:
    """The operator, and what is asked of it."""
    x, mask = _rounds(build, loop, layer)
    steps = Steps(build, x, mask)
    made = _operator(build, layer, steps)
    given: dict[Value, Value] = {}
    for value, part in parts.items():
        first = layer.states[part.state].first if part.first is None else part.first
        if part.rows:
            rows = steps.results(build.Squeeze(made[0], [1]), part.kind.split()[-1], first)
            given[value] = rows if part.kind != "last zeros" else build.Gather(rows, np.asarray(-1), axis=0)
        else:
            given[value] = steps.last(build.Squeeze(made[1 + part.state], [0]), first)
    return given


def _operator(build: Builder, layer: _Layer, steps: Steps) -> list[Value]:
    """LSTM, GRU or RNN, for one direction."""
    cell = layer.cell
    attrs: dict[str, Any] = {"hidden_size": cell.units}
    if cell.activations != _DEFAULTS[cell.kind]:
        attrs["activations"] = tuple(a.name for a in cell.activations)
        attrs["activation_alpha"] = tuple(a.alpha for a in cell.activations if a.alpha is not None) or None
        attrs["activation_beta"] = tuple(a.beta for a in cell.activations if a.beta is not None) or None
    if cell.linear_before_reset:
        attrs["linear_before_reset"] = 1
    first = [None if is_zero(v.first) else build.Unsqueeze(v.first, [0]) for v in layer.states]
    weights = [array[None] for array in (cell.w, cell.r, cell.b)]
    inputs = [
        steps.input,
        *weights,
        steps.lengths,
        *first,
        *([cell.peepholes[None]] if cell.peepholes is not None else []),
    ]
    while inputs[-1] is None:
        inputs.pop()
    return build.many(f"onnx.{cell.kind}", *inputs, outputs=1 + len(layer.states), **attrs)


def _rounds(build: Builder, loop: CountedLoop, layer: _Layer) -> tuple[Value, Mask | None]:
    """The layer's input and mask, cut to as many steps as the loop has rounds."""
    ends = _other_limits(loop, layer)
    if not ends:
        return brought_out(build, layer.x), layer.mask
    whole = [build.Reshape(build.Cast(brought_out(build, limit), to=DType.I64), [1]) for limit in ends]
    end = whole[0] if len(whole) == 1 else build.Min(*whole)

    def cut(value: Value) -> Value:
        return build.Slice(brought_out(build, value), [0], end, [0])

    mask = layer.mask
    if mask is not None and mask.valid is not None:
        mask = Mask(valid=cut(mask.valid))
    return cut(layer.x), mask


def _other_limits(loop: CountedLoop, layer: _Layer) -> list[Value]:
    """The limits of the loop that are not known to be the length of the input."""
    steps = (layer.x.shape or ("?",))[0]
    arrays = [uncast(limit).array for limit in loop.limits]
    known = [array is not None and int(array.reshape(-1)[0]) == steps for array in arrays]
    return [limit for limit, same in zip(loop.limits, known, strict=True) if not same]


def _stand_in(build: Builder, value: Value, old: Value | None) -> Value:
    """Something of the right type for a result that nobody uses."""
    if old is not None and value.index < len(value.op.outputs) and old.type == value.type:
        return old
    shape = [d if isinstance(d, int) else 0 for d in value.shape or ()]
    return build.constant(np.zeros(shape), value.dtype or DType.F32)


def _producers(values: Iterable[Value]) -> Iterator[Value]:
    """The values and all that they are made of."""
    seen: dict[Value, None] = {}
    stack = list(values)
    while stack:
        value = stack.pop()
        if value not in seen:
            seen[value] = None
            yield value
            stack += [v for v in value.op.inputs if v is not None]
