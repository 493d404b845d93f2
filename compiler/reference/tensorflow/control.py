"""Loops and conditionals, whose graphs are computed as they are."""

from __future__ import annotations

from typing import Any

from regraft.ir import Graph
from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.tensorflow.comparison import truth


def _run(call: Call, graph: Graph, inputs: list[Any], captured: tuple[Any, ...]) -> list[Any]:
    assert call.graph is not None
    return call.graph(graph, inputs, captured)


@evaluates("tf.While")
def while_loop(call: Call, *values: Any) -> object:
    """while cond(v): v = body(v). Inputs: the variables, then what the graphs capture."""
    cond, body = call.get("cond"), call.get("body")
    variables, captured = list(values[: len(body.inputs)]), values[len(body.inputs) :]
    while truth(_run(call, cond, variables, captured)[0]):
        variables = _run(call, body, variables, captured)
    return several(variables[: call.outputs])


@evaluates("tf.If")
def if_else(call: Call, condition: Array, *captured: Any) -> object:
    """One of two branches."""
    return several(_run(call, call.get("then_branch" if truth(condition) else "else_branch"), [], captured))


@evaluates("tf.Case")
def case(call: Call, index: Array, *captured: Any) -> object:
    """Branch `index`, the last one when there is none such."""
    branches = [
        value for name, value in sorted(call.attrs.items(), key=lambda i: len(i[0])) if name.startswith("branch")
    ]
    graphs = [b for b in branches if isinstance(b, Graph)]
    if not graphs:
        raise NotEvaluated("it has no branches")
    chosen = int(index) if 0 <= int(index) < len(graphs) else len(graphs) - 1
    return several(_run(call, graphs[chosen], [], captured))
