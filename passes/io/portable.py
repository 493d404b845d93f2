"""For readers that know no functions: every custom op becomes the ONNX ops of its body."""

from __future__ import annotations

from collections.abc import Callable

from regraft.custom_ops.schema import OPS
from regraft.errors import Diagnostic, UnsupportedError
from regraft.ir import Builder, Graph, Op, Value, refine
from regraft.passes.rules import RuleContext


def expand_custom_ops(graph: Graph, context: RuleContext) -> int:
    """Replace ops of the dialect `regraft` by their bodies.

    Raises:
        UnsupportedError: some have none, or are layers of the user's own; all are listed.
    """
    stuck = []
    changes = 0
    for op in graph.topological():
        if op.dialect not in ("regraft", "layers"):
            continue
        made = _expanded(op, context)
        if made is None:
            stuck.append(op)
            continue
        for new, old in zip(made, op.outputs, strict=False):
            if old.type is not None:
                new.type = refine(new.type, old.type)  # a body cannot tell all that the operator's definition does
        graph.replace(op, made)
        changes += 1
    if stuck:
        rows = tuple(f"{op.kind}   {op.name}   {op.source.place}" for op in stuck)
        message = f"{len(stuck)} op{'s have' if len(stuck) > 1 else ' has'} no form in standard ONNX"
        cure = "compile without portable: regraft's own session, or any ONNX Runtime with regraft's library, runs them"
        raise UnsupportedError(Diagnostic("not-portable", message, lines=rows, cures=(cure,)))
    return changes


def _expanded(op: Op, context: RuleContext) -> list[Value] | None:
    """What the op's body makes in its place, None when there is no body."""
    build = Builder.like(op, "expand-custom-ops")
    if op.dialect == "layers":
        expand: Callable[[Builder, Op], list[Value] | None] = context.setting("expand_layer", lambda build, op: None)
        return expand(build, op)
    custom = OPS.find(op.type_name)
    if custom is None or custom.body is None:
        return None
    made = custom.body(build, *op.inputs, **op.attrs)
    return [made] if isinstance(made, Value) else made
