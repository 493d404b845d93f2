"""Graphs inside ops (the bodies of loops and conditionals): walking, copying, putting one into another.

A graph inside an op reads values from around it by `core.Capture` ops: the one with `index=k` stands for the k-th of
the op's last inputs, which are there for this purpose only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from regraft.ir.graph import Graph, Op, Value
from regraft.ir.types import TensorType


def subgraphs(op: Op) -> dict[str, Graph]:
    """The attributes of `op` that are graphs."""
    found = {}
    for name, value in op.attrs.items():
        if isinstance(value, Graph):
            found[name] = value
    return found


def walk(graph: Graph) -> Iterator[Graph]:
    """The graph and all graphs inside its ops, the innermost first."""
    for op in graph.ops:
        for body in subgraphs(op).values():
            yield from walk(body)
    yield graph


def captures_of(op: Op) -> list[Op]:
    """The Capture ops in the graphs of `op`."""
    return [inner for body in subgraphs(op).values() for inner in body if inner.kind == "core.Capture"]


def capture_count(op: Op) -> int:
    """How many of the last inputs of `op` are values that its graphs read by name.

    The inputs before them are as many as the graphs have: a loop's state. A conditional has one, for its condition.
    """
    bodies = subgraphs(op)
    own = max((len(body.inputs) for body in bodies.values()), default=0)
    return max(0, len(op.inputs) - max(1, own)) if bodies else 0


def capture(graph: Graph, index: int, outer: Value) -> Value:
    """The value in `graph` that stands for `outer`, captured as number `index`: added unless it is there already."""
    for op in graph:
        if op.kind == "core.Capture" and op.integer("index") == index:
            return op.output
    op = graph.add("core.Capture", (), {"index": index, "type": outer.type}, name=outer.name, source=outer.op.source)
    op.output.type, op.output.elements = outer.type, outer.elements
    return op.output


def drop_captures(op: Op) -> int:
    """Drop inputs of `op` that its graphs do not read any more, or read twice; returns how many."""
    found = captures_of(op)
    first = len(op.inputs) - capture_count(op)
    outer = list(op.inputs[first:])
    kept: list[Value] = []
    for inner in found:
        value = outer[inner.integer("index")]
        assert value is not None
        if value not in kept:
            kept.append(value)
        inner.attrs["index"] = kept.index(value)
    for index in range(len(outer)):
        op.graph.set_input(op, first + index, kept[index] if index < len(kept) else None)
    return len(outer) - len(kept)


def copy_graph(graph: Graph) -> Graph:
    """A graph of its own with the same ops, types and names; arrays are shared, graphs inside are copied."""
    made = Graph(graph.table, graph.name)
    _copy_into(made, graph, {}, keep=True)
    return made


def inline(body: Graph, graph: Graph, inputs: Sequence[Value], captures: Mapping[int, Value]) -> list[Value]:
    """Copy the ops of `body` into `graph` with its inputs and captures replaced; returns what its outputs are there."""
    given: dict[Value, Value] = {op.output: value for op, value in zip(body.inputs, inputs, strict=True)}
    for op in body:
        if op.kind == "core.Capture":
            given[op.output] = captures[op.integer("index")]
    _copy_into(graph, body, given, keep=False)
    results = [op.inputs[0] for op in body.outputs]
    return [given[value] for value in results if value is not None]


def _copy_into(made: Graph, graph: Graph, given: dict[Value, Value], *, keep: bool) -> None:
    copies: dict[Op, Op] = {}
    for op in graph.topological():
        if not keep and op.kind in ("core.Input", "core.Output", "core.Capture"):
            continue
        inputs = [None if v is None else given[v] for v in op.inputs]
        attrs = {k: copy_graph(v) if isinstance(v, Graph) else v for k, v in op.attrs.items()}
        copy = made.add(
            op.kind,
            inputs,
            attrs,
            outputs=[v.name for v in op.outputs],
            name=op.name,
            source=op.source,
            provenance=op.provenance,
        )
        copy.absorb(op.absorbed)
        for old, new in zip(op.outputs, copy.outputs, strict=True):
            new.type, new.elements = old.type, old.elements
            given[old] = new
        copies[op] = copy
    if keep:
        made.inputs = [copies[op] for op in graph.inputs]
        made.outputs = [copies[op] for op in graph.outputs]


def widen(a: TensorType | None, b: TensorType | None) -> TensorType | None:
    """The type of a value that is now `a`, now `b`: what both agree on."""
    if a is None or b is None:
        return None
    dtype = a.dtype if a.dtype == b.dtype else None
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return TensorType(dtype, None, a.sequence)
    shape = tuple(x if x == y else "?" for x, y in zip(a.shape, b.shape, strict=True))
    return TensorType(dtype, shape, a.sequence)


def set_types(graph: Graph, inputs: Sequence[TensorType | None], captures: Mapping[int, Value]) -> None:
    """Give the inputs and captures of a body their types."""
    for op, type in zip(graph.inputs, inputs, strict=True):
        op.output.type = op.attrs["type"] = type
    for op in graph:
        if op.kind == "core.Capture":
            outer = captures[op.integer("index")]
            op.output.type = op.attrs["type"] = outer.type
            op.output.elements = outer.elements
