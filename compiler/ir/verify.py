"""The checks that every graph must pass between passes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from regraft.ir.graph import Graph, GraphError, Op, Value
from regraft.ir.opdef import OpDef
from regraft.ir.subgraph import capture_count, captures_of, subgraphs
from regraft.ir.types import TensorType


def verify(graph: Graph, *, dialects: Collection[str] | None = None) -> None:
    """Check arities, input order, attributes, types and acyclicity of all ops, subgraphs included.

    `dialects` names the only dialects that may occur now (beside `core`).

    Raises:
        GraphError: names the first op that is wrong, and why.
    """
    for op in graph.topological():
        bodies = subgraphs(op)
        _check_op(op, _own_inputs(op) if bodies else op.inputs)
        if dialects is not None and op.dialect not in dialects and op.dialect != "core":
            raise GraphError(
                f"{op!r} is of the dialect {op.dialect!r}; only {', '.join(sorted(dialects))} may occur here"
            )
        for body in bodies.values():
            verify(body, dialects=dialects)
    for op in (*graph.inputs, *graph.outputs):
        if op not in graph:
            raise GraphError(f"{op!r} is listed as an input or output but is not in the graph")


def _own_inputs(op: Op) -> tuple[Value | None, ...]:
    """The inputs without those that the graphs inside capture."""
    inputs, captured = op.inputs, capture_count(op)
    if any(c.integer("index") >= captured for c in captures_of(op)) or None in inputs[len(inputs) - captured :]:
        raise GraphError(f"{op!r} captures a value that is none of its inputs")
    return inputs[: len(inputs) - captured]


def _check_op(op: Op, inputs: Sequence[Value | None]) -> None:
    definition = op.graph.table.find(op.kind)
    if definition is None:
        raise GraphError(f"{op!r}: no dialect defines {op.kind}")
    if len(inputs) < definition.min_inputs:
        raise GraphError(f"{op!r} has {len(inputs)} inputs, fewer than {definition.min_inputs}")
    if definition.max_inputs is not None and len(inputs) > definition.max_inputs:
        raise GraphError(f"{op!r} has {len(inputs)} inputs, more than {definition.max_inputs}")
    if None in inputs:
        _check_omissions(op, definition, inputs)
    count = len(op.outputs)
    if count < definition.min_outputs or (definition.max_outputs is not None and count > definition.max_outputs):
        raise GraphError(f"{op!r} has {count} outputs")
    _check_attributes(op, definition.attrs, definition.required)
    for value in op.outputs:
        if value.type is not None and not isinstance(value.type, TensorType):
            raise GraphError(f"{op!r} has an output whose type is {value.type!r}")


def _check_omissions(op: Op, definition: OpDef, inputs: Sequence[Value | None]) -> None:
    if not definition.optional:
        raise GraphError(f"{op!r} has no input {inputs.index(None)}")
    for index, value in enumerate(inputs[: definition.min_inputs]):
        if value is None and index not in definition.omissible:
            raise GraphError(f"{op!r} lacks the required input {index}")


def _check_attributes(op: Op, known: frozenset[str] | None, required: frozenset[str]) -> None:
    if known is not None and not known.issuperset(op.attrs):
        unknown = min(op.attrs.keys() - known)
        raise GraphError(f"{op!r} has no attribute {unknown!r}; it knows {', '.join(sorted(known))}")
    if required and not required.issubset(op.attrs):
        raise GraphError(f"{op!r} lacks the attribute {min(required - op.attrs.keys())!r}")
