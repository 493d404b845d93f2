"""Gathers of texts, of which ONNX Runtime's kernel copies too few."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Graph, Op
from regraft.passes.rules import RuleContext


def gather_texts_singly(graph: Graph, context: RuleContext) -> int:
    """Gather texts one by one: of a row of texts ONNX Runtime's Gather copies the first, and leaves the others empty.

    The places of the texts in the flat tensor are gathered, which are numbers, and then the texts at those places.
    Seen in ONNX Runtime 1.20 to 1.32.
    """
    rows = [op for op in graph.topological() if op.kind == "onnx.Gather" and _copies_rows(op)]
    for op in rows:
        texts, indices = op.inputs
        assert texts is not None
        build = Builder.like(op, "gather-texts")
        order = build.Range(np.asarray(0, np.int64), build.Size(texts), np.asarray(1, np.int64))
        places = build.Gather(build.Reshape(order, build.Shape(texts)), indices, axis=op.integer("axis", 0))
        graph.replace(op, [build.Gather(build.Reshape(texts, [-1]), places, axis=0)])
    return len(rows)


def _copies_rows(op: Op) -> bool:
    """Whether what lies behind one index is more than one text."""
    texts = op.inputs[0]
    if texts is None or texts.dtype is not DType.STRING:
        return False
    axis, rank = op.integer("axis", 0), texts.rank
    return axis != -1 and (rank is None or axis % rank != rank - 1)
