"""The arithmetic of ONNX nodes: floating-point operations by the shapes that shape inference finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import onnx

_KEEP = 1024
"""Bytes of a tensor that shape inference may want to look into."""
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Ops that multiply by weights."""
_ELEMENTWISE = {
    *("Abs", "Add", "BatchNormalization", "Ceil", "Clip", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid"),
    *("HardSwish", "LRN", "LeakyRelu", "Log", "LogSoftmax", "Max", "Mean", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow"),
    *("Reciprocal", "Relu", "Selu", "Sigmoid", "Softmax", "Softplus", "Sqrt", "Sub", "Sum", "Tanh", "ThresholdedRelu"),
}
"""Ops that count as one operation an element of their result."""

Shapes = Mapping[str, Sequence[int] | None]


def flops(proto: Any) -> int | None:
    """Floating-point operations of one run, None when a shape that counts is unknown. Changes `proto`."""
    drop_weights(proto)
    typed = infer(proto)
    if typed is None:
        return None
    shapes = {name: static_shape(kind) for name, kind in types(typed).items()}
    counts = [node_flops(node, shapes) for node in typed.graph.node]
    return None if None in counts else sum(c for c in counts if c is not None)


def drop_weights(proto: Any) -> None:
    """Empty the large tensors, so that shape inference does not copy them."""
    for tensor in proto.graph.initializer:
        if prod(tensor.dims) * item_size(tensor.data_type) > _KEEP:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")


def infer(proto: Any) -> Any:
    """The model with the types that shape inference finds; None when it fails."""
    try:
        return onnx.shape_inference.infer_shapes(proto)
    except (onnx.shape_inference.InferenceError, ValueError):
        return None


def types(typed: Any) -> dict[str, Any]:
    """The TypeProtos of the values of a model's graph by name, those of its weights too."""
    graph = typed.graph
    found = {i.name: onnx.helper.make_tensor_type_proto(i.data_type, i.dims) for i in graph.initializer}
    return found | {v.name: v.type for v in (*graph.input, *graph.value_info, *graph.output)}


def node_flops(node: Any, shapes: Shapes) -> int | None:
    """Floating-point operations of one node, None when a shape that counts is unknown; a multiply-add is two."""
    kind = node.op_type
    weighted = kind in WEIGHTED
    pools = kind in ("MaxPool", "AveragePool")
    if node.domain or not (weighted or pools or kind in _ELEMENTWISE):
        return 0
    result, first = shapes.get(node.output[0]), shapes.get(node.input[0])
    if result is None or first is None:
        return None
    if pools:
        return prod(result) * prod(_integers(node, "kernel_shape"))
    if not weighted:
        return prod(result)
    second = shapes.get(node.input[1])
    if second is None:
        return None
    bias = prod(result) if len(node.input) > 2 else 0
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return 2 * products(kind, result, first, second, transposed=transposed) + bias


def products(
    kind: str, result: Sequence[int], first: Sequence[int], second: Sequence[int], *, transposed: bool = False
) -> int:
    """Multiplications of one of `WEIGHTED`, by the shapes of its result and inputs; `transposed` is Gemm's transA."""
    if kind == "Conv":
        return prod(result) * prod(second[1:])
    if kind == "ConvTranspose":
        return prod(first) * prod(second[1:])
    return prod(result) * (first[-2] if transposed else first[-1])


def static_shape(kind: Any) -> list[int] | None:
    """The dimensions of a TypeProto when all are numbers."""
    tensor = kind.tensor_type
    if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in tensor.shape.dim):
        return None
    return [d.dim_value for d in tensor.shape.dim]


def item_size(code: int) -> int:
    """Bytes an element of an ONNX element type."""
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(code).itemsize
    except (KeyError, ValueError, TypeError):
        return 1


def _integers(node: Any, name: str) -> Sequence[int]:
    return next((a.ints for a in node.attribute if a.name == name), ())
