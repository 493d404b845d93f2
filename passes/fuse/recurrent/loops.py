"""ONNX Loops that count: a round a time step."""

from __future__ import annotations

from dataclasses import dataclass, field

from regraft.ir import Array, Graph, Op, Value
from regraft.passes.tracing import plain, uncast


@dataclass(frozen=True)
class Variable:
    """A variable of a loop: its first value and its last (`result`), and in the body its value before and after."""

    first: Value
    result: Value
    before: Value
    after: Value


@dataclass
class CountedLoop:
    """A loop whose rounds are numbered 0, 1, 2 and so on, as many as the smallest of `limits`; made by `of`.

    Values of the body and of the graph around it are both `Value`s: `outer` gives for one inside the one outside.
    """

    op: Op
    body: Graph
    variables: list[Variable]
    rows: list[tuple[Value, Value]]
    """What each round gives, inside, and all of it outside: the scan outputs."""
    counters: set[Value] = field(default_factory=set)
    limits: list[Value] = field(default_factory=list)

    @classmethod
    def of(cls, op: Op) -> CountedLoop | None:
        """The loop, None when something else than a counter may end it."""
        body = op.attrs.get("body")
        if not isinstance(body, Graph) or op.inputs[0] is not None:
            return None
        count = len(body.inputs) - 2
        variables, rows = [], []
        for index, out in enumerate(body.outputs[1:]):
            after = out.inputs[0]
            first = op.inputs[2 + index] if index < count else None
            if after is None or (index < count and first is None):
                return None
            if first is not None:
                variables.append(Variable(first, op.outputs[index], body.inputs[2 + index].output, plain(after)))
            else:
                rows.append((plain(after), op.outputs[index]))
        made = cls(op, body, variables, rows)
        made.counters = {body.inputs[0].output, *(v.before for v in variables if made._counts_up(v))}
        limits = made._ends()
        if not limits or not made._starts(limits):
            return None
        made.limits = limits
        return made

    def outer(self, value: Value) -> Value | None:
        """What a value of the body is outside: captured, constant, or a variable that never changes."""
        value = plain(value)
        if value.op.kind == "core.Capture":
            return self.op.inputs[2 + len(self.variables) + value.op.integer("index")]
        if value.array is not None:
            return value
        same = (v.first for v in self.variables if v.before is value and v.after is value)
        return next(same, None)

    def array(self, value: Value) -> Array | None:
        """The numbers of a value of the body that is constant, also when the constant is outside."""
        found = self.outer(value)
        return None if found is None else plain(found).array

    def row_of(self, value: Value) -> Value | None:
        """The tensor outside of which a value of the body is the row with the number of the round."""
        op = plain(value).op
        if op.kind != "onnx.Gather" or op.integer("axis", 0) != 0:
            return None
        data, index = op.inputs
        if data is None or index is None or index.rank != 0 or uncast(index) not in self.counters:
            return None
        return self.outer(data)

    def _counts_up(self, variable: Variable) -> bool:
        """Whether a variable is 0, 1, 2 and so on."""
        first = variable.first.array
        if first is None or first.size != 1 or first.any() or first.dtype.kind not in "iu":
            return False
        after = variable.after
        if after.op.kind != "onnx.Add":
            return False
        left, right = (plain(v) for v in after.op.inputs if v is not None)
        step = right if left is variable.before else left if right is variable.before else None
        one = None if step is None else self.array(step)
        return one is not None and one.size == 1 and bool((one == 1).all())

    def _ends(self) -> list[Value]:
        """What the counters must stay below for another round; empty when it is not so."""
        after = {v.after for v in self.variables if v.before in self.counters}
        limits: list[Value] = []
        todo = [self.body.outputs[0].inputs[0]]
        while todo:
            value = todo.pop()
            value = None if value is None else plain(value)
            if value is None or value.op.kind not in ("onnx.And", "onnx.Less"):
                return []
            if value.op.kind == "onnx.And":
                todo += value.op.inputs
                continue
            counter, limit = value.op.inputs
            outside = None if limit is None else self.outer(uncast(limit))
            if counter is None or outside is None or uncast(counter) not in after:
                return []
            limits.append(uncast(outside))
        return _different(limits)

    def _starts(self, limits: list[Value]) -> bool:
        """Whether the condition before the first round is that 0 is below each of the limits."""
        wanted = {limit for limit in limits if limit.array is None}
        if any(limit.array is not None and limit.array.reshape(-1)[0] < 1 for limit in limits):
            return False
        todo = [self.op.inputs[1]]
        while todo:
            value = todo.pop()
            value = None if value is None else plain(value)
            if value is None:
                return False
            if value.array is not None and value.array.all():
                continue
            if value.op.kind == "onnx.And":
                todo += value.op.inputs
                continue
            zero, limit = value.op.inputs if value.op.kind == "onnx.Less" else (None, None)
            if zero is None or limit is None or zero.array is None or zero.array.any():
                return False
            wanted.discard(uncast(limit))
        return not wanted


def _different(values: list[Value]) -> list[Value]:
    """Each value once; of constants, the smallest."""
    constants = [v for v in values if v.array is not None]
    least = min(constants, key=lambda v: int(v.array.reshape(-1)[0])) if constants else None  # type: ignore[union-attr]
    kept = [v for v in dict.fromkeys(values) if v.array is None]
    return kept if least is None else [*kept, least]
