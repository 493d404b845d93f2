"""Transposes meet and cancel: those that put channels last sink to the outputs, those that put them first rise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from regraft.ir import Builder, Graph, Op, Value
from regraft.passes.layout.heads import join_heads
from regraft.passes.layout.moves import ALL_INPUTS, BROADCASTING, HANDLERS, MOST_TURNS, Move, turns
from regraft.passes.layout.permutations import (
    Perm,
    composed,
    inverse,
    is_identity,
    moves_only_ones,
    permutation,
    permutation_of,
    rises,
    sinks,
)
from regraft.passes.rewrite import Rewriter, RewriteSet, rewrite
from regraft.passes.rules import RuleContext


def settle_layout(graph: Graph, context: RuleContext) -> int:
    """Move Transposes until none can move, cancel those that meet, and make those that move nothing Reshapes.

    No number is changed. The pass ends: whatever moves a Transpose past an op builds that op anew, which counts as a
    turn (`turns`), and no op is turned more than MOST_TURNS times. So each such step replaces ops by finitely many that
    have more turns behind them, and between two of them stacked Transposes can only become fewer.
    """
    return _MOVES.apply(graph, context) + _LEFT_OVER.apply(graph, context)


@rewrite(*HANDLERS)
def sink_transpose(op: Op, rewriter: Rewriter) -> list[Value] | None:
    """Op(Transpose(x))   =>   Transpose(Op(x))

    Only Transposes that put channels last; other operands are constants, come from the same Transpose, or are few.
    """
    perm = _sinking(op)
    if perm is None or turns(op) >= MOST_TURNS or not _worth_sinking(op, perm):
        return None
    return _moved(op, perm, rewriter.build)


@rewrite("onnx.Transpose")
def raise_transpose(op: Op, rewriter: Rewriter) -> Value | Sequence[Value] | None:
    """Transpose(Op(x))   =>   Op(Transpose(x))

    Only Transposes of images that put channels first, above an op that nobody else reads and that has at most one
    operand which does not come out of the opposite Transpose.
    """
    perm, value = permutation_of(op), op.inputs[0]
    if perm is None or value is None or not rises(perm):
        return None
    upper = value.op
    if upper.kind not in HANDLERS or len(value.uses) != 1 or len(upper.outputs) != 1 or turns(upper) >= MOST_TURNS:
        return None
    wanted = inverse(perm)
    plain = _plain_operands(upper, wanted)
    carrier = upper.inputs[0]
    if len(plain) > 1 or any(v.rank != len(perm) for v in plain):
        return None
    if upper.kind not in BROADCASTING and (carrier is None or carrier.rank != len(perm)):
        return None
    made = _inner(upper, wanted, Builder.like(upper, "raise-transpose"))
    return made[0][0] if made is not None and made[0][1] == wanted else None


@rewrite("onnx.Transpose")
def merge_transposes(op: Op, rewriter: Rewriter) -> Value | None:
    """Transpose(Transpose(x))   =>   one Transpose, or none"""
    value = op.inputs[0]
    first, second = permutation(value), permutation_of(op)
    if value is None or second is None:
        return None
    if is_identity(second):
        return value
    source = value.op.inputs[0] if first is not None else None
    if first is None or source is None:
        return None
    both = composed(first, second)
    return source if is_identity(both) else rewriter.build.Transpose(source, perm=both)


@rewrite("onnx.Shape")
def shape_of_transposed(op: Op, rewriter: Rewriter) -> Value | None:
    """Shape(Transpose(x))   =>   Gather(Shape(x), perm)"""
    value = op.inputs[0]
    perm = permutation(value)
    if value is None or perm is None:
        return None
    wanted = perm[op.integer("start", 0) : op.get("end", None)]
    return rewriter.build.Gather(rewriter.build.Shape(value.op.inputs[0]), list(wanted))


@rewrite("onnx.Transpose")
def reshape_instead(op: Op, rewriter: Rewriter) -> Value | None:
    """Transpose that moves only dimensions of size 1   =>   Reshape, which copies nothing"""
    perm, value = permutation_of(op), op.inputs[0]
    if perm is None or value is None or value.shape is None or not moves_only_ones(perm, value.shape):
        return None
    target = [value.shape[source] for source in perm]
    numbers = [d if isinstance(d, int) else -1 for d in target]
    return rewriter.build.Reshape(value, numbers) if numbers.count(-1) <= 1 and 0 not in numbers else None


def _operands(op: Op) -> list[Value | None]:
    """The inputs that lie in the layout which moves."""
    return list(op.inputs) if op.kind in ALL_INPUTS else list(op.inputs[:1])


def _sinking(op: Op) -> Perm | None:
    """The permutation of a sinking Transpose among the operands."""
    return next((perm for perm in map(permutation, _operands(op)) if sinks(perm)), None)


def _plain_operands(op: Op, perm: Perm) -> list[Value]:
    """Operands that would need a real Transpose of their own to move."""
    plain = []
    for value in dict.fromkeys(_operands(op)):
        if value is None or value.array is not None or permutation(value) == perm:
            continue
        shape = value.shape
        if shape is None or sum(d != 1 for d in shape) > 1:
            plain.append(value)
    return plain


def _worth_sinking(op: Op, perm: Perm) -> bool:
    """Whether no more Transposes are left afterwards; one more is risked where one that rises waits below."""
    plain = len(_plain_operands(op, perm))
    if not plain:
        return True
    carried = len({v for v in _operands(op) if v is not None and permutation(v) == perm and len(v.uses) == 1})
    below = any(rises(permutation_of(use.op)) for value in op.outputs for use in value.uses)
    return plain < carried + below


def _moved(op: Op, perm: Perm, build: Builder) -> list[Value] | None:
    made = _inner(op, perm, build)
    if made is None:
        return None
    return [value if left is None else build.Transpose(value, perm=left) for value, left in made]


def _inner(op: Op, perm: Perm, build: Builder) -> list[tuple[Value, Perm | None]] | None:
    """The op on operands before the Transpose of `perm`."""
    inputs, count = list(op.inputs), len(_operands(op))
    broadcast = op.kind != "onnx.Concat"
    if any(v is not None and not _can_be_before(v, perm, broadcast) for v in inputs[:count]):
        return None
    for index, value in enumerate(inputs[:count]):
        inputs[index] = None if value is None else _before(value, perm, build)
    made = HANDLERS[op.kind](Move(op, perm, build, tuple(inputs)))
    if made is None:
        _erase_unread(value for value in inputs[:count] if value is not None and value not in op.inputs)
    return made


def _can_be_before(value: Value, perm: Perm, broadcast: bool) -> bool:
    if permutation(value) == perm or value.rank == len(perm):
        return True
    return broadcast and value.rank is not None and value.rank < len(perm)


def _erase_unread(values: Iterable[Value]) -> None:
    for value in values:
        if value.op in value.op.graph and not value.op.graph.users(value.op) and value.op.kind != "core.Input":
            value.op.graph.erase(value.op)


def _before(value: Value, perm: Perm, build: Builder) -> Value | None:
    """The value of which Transpose(perm) makes `value`; broadcast operands get their leading dimensions."""
    if permutation(value) == perm:
        return value.op.inputs[0]
    if not value.rank:
        return value
    if value.rank < len(perm):
        value = build.Unsqueeze(value, list(range(len(perm) - value.rank)))
    return build.Transpose(value, perm=inverse(perm))


_MOVES = RewriteSet([*merge_transposes, *join_heads, *sink_transpose, *raise_transpose, *shape_of_transposed])
_LEFT_OVER = RewriteSet([*merge_transposes, *reshape_instead])
REWRITES = tuple(sorted({*_MOVES.names, *_LEFT_OVER.names}))
