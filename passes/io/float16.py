"""Float32 becomes float16: weights and what is computed, but for the ops that are to stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from regraft.ir import DType, Graph, Op, TensorType, Value, infer_op, subgraphs

Takes = Callable[[Op, int], bool]
"""(op, input) -> whether ONNX allows float16 there; Resize has its scales in float32."""

LARGEST = float(np.finfo(np.float16).max)
"""65504: what is larger is infinite in float16."""
SMALLEST = float(np.finfo(np.float16).tiny)
"""6.1e-5: below it float16 loses digits, and has none left at 6e-8."""

_SMALL_INTEGERS = (DType.U8, DType.I8, DType.BOOL)
"""Float16 holds all of their values."""


def to_float16(graph: Graph, stay: Collection[Op], takes: Takes, *, borders: bool = False) -> int:
    """Let all ops that are not in `stay` compute in float16, with Casts where the two meet; returns their number.

    Inputs and outputs of the graph stay float32 unless `borders` says otherwise. Values that were float16 before, and
    what is inside loops and conditionals, are left alone.
    """
    converter = _Converter(graph, takes)
    if borders:
        for op in graph.inputs:
            if op.output.dtype is DType.F32:
                converter.narrow(op.output)
                op.attrs["type"] = op.output.type
    changed = 0
    for op in graph.topological():
        if op.dialect == "core":
            continue
        if op in stay or not converts(op, takes):
            converter.keep(op)
        else:
            converter.convert(op)
            changed += 1
    converter.close(borders)
    graph.erase_unused()
    return changed


def converts(op: Op, takes: Takes) -> bool:
    """Whether an op has something to convert, and can be: it reads float32, and has no graphs inside."""
    if subgraphs(op) or any(v.type is None or v.type.dtype is None or v.type.sequence for v in op.outputs):
        return False
    if any(v is not None and v.type is not None and v.type.sequence for v in op.inputs):
        return False
    if op.kind == "onnx.Cast" and op.inputs[0] is not None and op.inputs[0].dtype in _SMALL_INTEGERS:
        return op.attrs.get("to") is DType.F32
    return any(v is not None and v.dtype in (DType.F32, DType.F16) and takes(op, i) for i, v in enumerate(op.inputs))


def computes_sizes(graph: Graph) -> set[Op]:
    """The ops that compute with nothing but the shapes of tensors: float16 counts exactly to 2048 only."""
    found: set[Op] = set()
    for op in graph.topological():
        read = [v.op for v in op.inputs if v is not None and v.op.kind != "core.Constant"]
        if op.kind in ("onnx.Shape", "onnx.Size") or (read and all(each in found for each in read)):
            found.add(op)
    return found


class _Converter:
    """Keeps account of which values are float16 now, and of the Casts and constants that several ops share."""

    def __init__(self, graph: Graph, takes: Takes) -> None:
        self._graph = graph
        self._takes = takes
        self._narrowed: set[Value] = set()
        self._other: dict[tuple[Value, DType], Value] = {}

    def narrow(self, value: Value) -> None:
        """Take note that a value is float16 now."""
        value.type = TensorType(DType.F16, value.shape)
        self._narrowed.add(value)

    def keep(self, op: Op) -> None:
        """Let an op read float32 as before."""
        for index, value in enumerate(op.inputs):
            if value in self._narrowed:
                self._graph.set_input(op, index, self._as(value, DType.F32))

    def convert(self, op: Op) -> None:
        """Let an op read float16 where it may, and give it."""
        for index, value in enumerate(op.inputs):
            if value is None:
                continue
            if value in self._narrowed and not self._takes(op, index):
                self._graph.set_input(op, index, self._as(value, DType.F32))
            elif value.dtype is DType.F32 and self._takes(op, index):
                self._graph.set_input(op, index, self._as(value, DType.F16))
        if op.kind == "onnx.Cast" and op.attrs.get("to") is DType.F32:
            op.attrs["to"] = DType.F16
        before = [value.type or TensorType() for value in op.outputs]
        for value, old in zip(op.outputs, before, strict=True):
            value.type = TensorType(None, old.shape)
        infer_op(op)
        for value, old in zip(op.outputs, before, strict=True):
            if old.dtype is DType.F32 and value.dtype is not DType.F32:
                self.narrow(value)
            elif value.dtype is None:
                value.type = old

    def close(self, borders: bool) -> None:
        """Give the outputs of the graph in the type that is wanted of them."""
        for op in self._graph.outputs:
            value = op.inputs[0]
            if value in self._narrowed and not borders:
                self._graph.set_input(op, 0, self._as(value, DType.F32))
            elif value is not None and value.dtype is DType.F32 and borders:
                self._graph.set_input(op, 0, self._as(value, DType.F16))

    def _as(self, value: Value, dtype: DType) -> Value:
        """The value in the other type."""
        if (value, dtype) not in self._other:
            if value.array is not None:
                made = self._graph.add_constant(value.array.astype(dtype.numpy), value.name, source=value.op.source)
            else:
                cast = self._graph.add("onnx.Cast", [value], {"to": dtype}, name=value.name, source=value.op.source)
                cast.provenance = (*value.op.provenance, "float16")
                made = cast.output
                made.type = TensorType(dtype, value.shape)
            self._other[value, dtype] = made
        return self._other[value, dtype]


def beyond_float16(value: Value) -> str:
    """Why a constant cannot be float16, or nothing: it is too large, or so small that all its digits are lost.

    Float32's own largest number is not too large: bounds that mean "none" are written so.
    """
    array = value.array
    if array is None or value.dtype is not DType.F32 or not array.size:
        return ""
    sizes = np.abs(array.astype(np.float64))
    largest = float(sizes[sizes < np.finfo(np.float32).max].max(initial=0.0))
    if largest > LARGEST:
        return f"holds {largest:.3g}"
    if 0 < largest < SMALLEST:
        return f"holds nothing larger than {largest:.3g}"
    return ""
