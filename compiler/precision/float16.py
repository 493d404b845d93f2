"""`--precision fp16`: which ops can compute in float16, by type, by name and by the numbers that they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST

from regraft.emit.protos import schema
from regraft.errors import RunError
from regraft.ir import Array, Builder, DType, Graph, Op, Value, copy_graph, subgraphs
from regraft.passes import Note, Pass, RuleContext
from regraft.passes.io import LARGEST, beyond_float16, computes_sizes, converts, to_float16
from regraft.precision.keeping import kept

SUMS = frozenset(("ReduceL1", "ReduceSumSquare", "ReduceProd"))
"""Ops that add up squares or the like: 65504 is reached by numbers of 256. What follows until a root stays as well."""
UNTIL_ROOT = frozenset(("Add", "Max", "Clip", "Sqrt", "Pow"))
NORMS = frozenset(
    (
        *("LRN", "LpNormalization", "MeanVarianceNormalization", "InstanceNormalization", "LayerNormalization"),
        *("ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "LpPool"),
    )
)
"""Ops that do the same inside."""
BOXES = frozenset(("PriorBox", "DetectionOutput", "Proposal", "ROIPooling", "PSROIPooling"))
"""Source layers that compute with coordinates, whatever ops they are made of."""
NO_FLOAT16 = frozenset(DEFAULT_OP_BLOCK_LIST)
"""Ops that ONNX Runtime's own converter leaves in float32."""
_SQUARES = "adds up squares"
_MEASURED = 8
"""Samples that ranges are measured on."""

OpenGraph = Callable[[Graph], Any]
"""A session of a graph as it is now."""
SamplesFor = Callable[[Any], Iterable[Mapping[str, Array]] | None]
"""What to feed to a session; None where nobody knows."""


class Float16:
    """The pass, and what it did: `before` is the graph that it found, `reasons` says of ops why they stay float32."""

    def __init__(self, keep: Sequence[str], borders: bool, open_graph: OpenGraph, samples: SamplesFor) -> None:
        self._keep, self._borders = keep, borders
        self._open, self._samples = open_graph, samples
        self.before: Graph | None = None
        self.reasons: dict[str, list[str]] = {}

    @property
    def as_pass(self) -> Pass:
        """For the pass manager."""
        return Pass("float16", self.run, "after all others: they know the numbers of float32", nested=False)

    def run(self, graph: Graph, context: RuleContext) -> int:
        """Convert the graph.

        Raises:
            UsageError: a name that is to be kept is nobody's.
        """
        opset = graph.table.version("onnx")

        def takes(op: Op, index: int) -> bool:
            return _takes_float16(op, index, opset)

        self.before = copy_graph(graph)
        stay = self._staying(graph, context)
        stay |= {op: reason for op, reason in self._by_range(graph, context).items() if op not in stay}
        for op, reason in stay.items():
            if converts(op, takes) or op.dialect != "onnx" or subgraphs(op):
                self.reasons.setdefault(reason, []).append(_called(op))
        return to_float16(graph, stay, takes, borders=self._borders)

    def _staying(self, graph: Graph, context: RuleContext) -> dict[Op, str]:
        """The ops that stay float32 by what they are, and why."""
        ops = [op for op in graph.topological() if op.dialect != "core"]
        wanted = kept(self._keep, {op: _names(op) for op in ops})
        sizes = computes_sizes(graph)
        found: dict[Op, str] = {}
        for op in ops:
            reason = "asked for" if op in wanted else "computes sizes" if op in sizes else _reason(op)
            if not reason and op.type_name in UNTIL_ROOT and any(_is_sum(v, found) for v in op.inputs):
                reason = _SQUARES
            lost = next(((v, why) for v in op.inputs if v is not None and (why := beyond_float16(v))), None)
            if not reason and lost:
                reason = "its constants are beyond float16"
                context.notes.append(Note("warning", f"stays float32: a constant of it {lost[1]}", op.source))
            if reason:
                found[op] = reason
        return found

    def _by_range(self, graph: Graph, context: RuleContext) -> dict[Op, str]:
        """The ops that read or give numbers beyond float16, as far as the samples show."""
        found = {}
        for value, largest in self._largest(graph, context).items():
            if largest > LARGEST / 2:
                context.notes.append(
                    Note("warning", f"stays float32: its numbers reach {largest:.3g}", value.op.source)
                )
                for op in (value.op, *(use.op for use in value.uses)):
                    found[op] = "its numbers are near the end of float16"
        return {op: reason for op, reason in found.items() if op.dialect != "core"}

    def _largest(self, graph: Graph, context: RuleContext) -> dict[Value, float]:
        """The largest number, without its sign, that each float32 value takes on the samples."""
        watched = [v for op in graph.topological() if op.dialect == "onnx" for v in op.outputs if v.dtype is DType.F32]
        watched = [v for v in watched if v.type is not None and not v.type.sequence and not subgraphs(v.op)]
        probes = [graph.add_output(f"largest/{i}", _largest_of(value)) for i, value in enumerate(watched)]
        found = dict.fromkeys(watched, 0.0)
        try:
            session = self._open(graph)
            for feeds in islice(self._samples(session) or (), _MEASURED):
                results = session.run(feeds, [op.name for op in probes])
                for value, op in zip(watched, probes, strict=True):
                    found[value] = max(found[value], float(np.nan_to_num(results[op.name], nan=0.0)))
        except RunError as error:
            message = f"ranges could not be measured: {error.diagnostics[0].message}"
            context.notes.append(Note("warning", message, graph.outputs[0].source))
        finally:
            for op in probes:
                graph.erase(op)
            graph.erase_unused()
        return found


def _largest_of(value: Value) -> Value:
    build = Builder(value.op.graph, source=value.op.source, fold=False)
    return build.ReduceMax(build.Abs(value), keepdims=0)


def _is_sum(value: Value | None, stay: Mapping[Op, str]) -> bool:
    """Whether a value is a sum of squares that no root was taken of yet."""
    if value is None or stay.get(value.op) != _SQUARES:
        return False
    return value.op.type_name in SUMS or value.op.type_name in UNTIL_ROOT - {"Sqrt", "Pow"}


def _reason(op: Op) -> str:
    """Why an op stays float32 by its type, or nothing."""
    if op.dialect != "onnx":
        return "regraft's or your own operator"
    if subgraphs(op):
        return "has graphs inside"
    if op.source.kind.rpartition(".")[2] in BOXES:
        return "computes with coordinates"
    if op.type_name in SUMS or op.type_name in NORMS:
        return _SQUARES
    return "has no float16 in ONNX Runtime" if op.type_name in NO_FLOAT16 else ""


def _names(op: Op) -> set[str]:
    """What a user may call an op."""
    outputs = [
        value for v in op.outputs for value in (v.name, *(u.op.name for u in v.uses if u.op.kind == "core.Output"))
    ]
    sources = [name for s in op.sources for name in (s.layer, s.kind, s.kind.rpartition(".")[2])]
    return {op.type_name, op.name, *outputs, *sources} - {""}


def _called(op: Op) -> str:
    return f"{op.type_name} {op.source.layer or op.name}"


def _takes_float16(op: Op, index: int, opset: int) -> bool:
    """Whether ONNX allows float16 at an input: not for the scales of Resize, nor for sizes."""
    definition = schema(op.type_name, "", opset) if op.dialect == "onnx" else None
    if definition is None or not definition.inputs:
        return False
    formal = definition.inputs[min(index, len(definition.inputs) - 1)]
    return "tensor(float16)" in formal.types
