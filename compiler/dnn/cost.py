"""What layers cost, by OpenCV's way of counting, and the network as a drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.dnn.source import LayerInfo

Sizes = Sequence[tuple[int, ...]]
ShapeLists = tuple[tuple[npt.NDArray[np.int32], ...], ...]
FLOAT_BYTES = 4


class LayerShapes(NamedTuple):
    """The shapes that a layer takes and gives."""

    takes: Sizes
    gives: Sizes


def layer_shapes(
    layers: Mapping[str, LayerInfo], given: Sizes, found: Mapping[str, tuple[int, ...]]
) -> dict[str, LayerShapes]:
    """The shapes of all layers; `given` are those of the network's inputs, `found` those of all outputs."""
    read = {name for info in layers.values() for name, _ in info.inputs}
    shapes = {}
    for layer, info in layers.items():
        takes = [
            found[layers[name].pins[index]] if name else given[index] if index < len(given) else ()
            for name, index in info.inputs
        ]
        gives = [found[pin] for pin in info.pins]
        shapes[layer] = LayerShapes(takes, _planned(info, takes, gives, is_read=layer in read))
    return shapes


def _planned(info: LayerInfo, takes: Sizes, gives: Sizes, *, is_read: bool) -> Sizes:
    """The shapes that OpenCV plans before a run.

    Detections, whose number is not known, are as many as there can be; max pooling that no layer reads has its mask.
    """
    attrs: Mapping[str, Any] = info.attrs or {}
    if info.type == "DetectionOutput" and takes and takes[0] and attrs.get("keep_top_k", -1) > 0:
        return [(1, 1, int(attrs["keep_top_k"]) * takes[0][0], 7)]
    if info.type == "Pooling" and _takes_maximum(attrs) and len(gives) == 1 and not is_read:
        return [gives[0], gives[0]]
    return gives


def flops(info: LayerInfo, shapes: LayerShapes) -> int:
    """The operations of a layer; layers that only move numbers have none."""
    count = _COUNTS.get(info.type)
    return count(info, shapes.takes, shapes.gives) if count and shapes.gives and shapes.takes else 0


def size(shapes: Iterable[Sequence[int]]) -> int:
    """The bytes of float32 arrays of these shapes."""
    return sum(FLOAT_BYTES * prod(shape) for shape in shapes)


def dot(layers: Mapping[str, LayerInfo], inputs: Sequence[str]) -> str:
    """The network in the language of Graphviz."""
    lines = ["digraph G {", f'  "_input" [label={_quoted("input: " + ", ".join(inputs))} shape=box]']
    for name, info in layers.items():
        lines.append(f"  {_quoted(name)} [label={_quoted(name + chr(10) + info.type)} shape=box]")
        sources = dict.fromkeys(source or "_input" for source, _ in info.inputs)
        lines += [f"  {_quoted(source)} -> {_quoted(name)}" for source in sources]
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


Count = Callable[[LayerInfo, Sizes, Sizes], int]


def _convolution(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    """A multiplication and an addition a weight, one more for the bias; groups are not looked at, as in OpenCV."""
    if not info.blob_shapes:
        return 0
    return prod(gives[0]) * (2 * takes[0][1] * prod(info.blob_shapes[0][2:]) + 1)


def _deconvolution(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    """OpenCV adds up in float32."""
    if not info.blob_shapes:
        return 0
    return int(np.float32(2 * takes[0][1] * prod(info.blob_shapes[0][2:]) * prod(takes[0])))


def _inner_product(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    return 3 * prod(gives[0]) * info.blob_shapes[0][-1] if info.blob_shapes else 0


def _pooling(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    """OpenCV counts a global window as one element."""
    attrs: Mapping[str, Any] = info.attrs or {}
    sides: Any = attrs.get("kernel_size") or (attrs.get("kernel_h"), attrs.get("kernel_w"))
    kernel = [int(k) for k in np.ravel(sides) if k]
    window = 1 if attrs.get("global_pooling") else prod(kernel * 2 if len(kernel) == 1 else kernel)
    return prod(gives[0]) * (window if _takes_maximum(attrs) else window + 1)


def _onnx_pooling(more: int) -> Count:
    return lambda info, takes, gives: prod(gives[0]) * (prod((info.attrs or {}).get("kernel_shape", ())) + more)


def _broadcast(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    return (len(takes) + len(info.blob_shapes)) * prod(gives[0])


def _conv2d(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    """TensorFlow's weights are height x width x channels x filters."""
    return prod(gives[0]) * (2 * prod(info.blob_shapes[0][:3]) + 1) if info.blob_shapes else 0


def _takes_maximum(attrs: Mapping[str, Any]) -> bool:
    return attrs.get("pool", "MAX") in ("MAX", 0)


def _per_output(factor: int) -> Count:
    return lambda info, takes, gives: factor * prod(gives[0])


def _per_input(factor: int) -> Count:
    return lambda info, takes, gives: factor * sum(prod(shape) for shape in takes)


def _power(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    return prod(gives[0]) * (2 if (info.attrs or {}).get("power", 1.0) == 1.0 else 10)


def _eltwise(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    return len(takes) * prod(takes[0])


def _lrn(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    """Sums over a window that slides along the channels, or a filter of `local_size` squared."""
    attrs: Mapping[str, Any] = info.attrs or {}
    size = int(attrs.get("local_size", attrs.get("size", 5)))
    if attrs.get("norm_region", "ACROSS_CHANNELS") not in ("ACROSS_CHANNELS", 0):
        return prod(takes[0]) * (2 * size * size + 2)
    batch, channels, *sides = takes[0]
    before = (size - 1) // 2
    slides = size + 2 * (channels - size) if before < channels else 0
    return (batch * (min(before, channels) * 2 + channels * 4) + slides) * prod(sides)


def _mvn(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    normalises = (info.attrs or {}).get("normalize_variance", True)
    return 6 * prod(takes[0]) + 3 * prod(takes[0][: 2 if normalises else 1])


def _prior_box(info: LayerInfo, takes: Sizes, gives: Sizes) -> int:
    priors: int = gives[0][2] // (4 * prod(takes[0][2:]))
    return sum(prod(shape[2:]) for shape in takes) * priors * 4


_COUNTS: dict[str, Count] = {
    "Convolution": _convolution,
    "Conv": _convolution,
    "Deconvolution": _deconvolution,
    "InnerProduct": _inner_product,
    "Pooling": _pooling,
    "PSROIPooling": _per_output(2),
    "ROIPooling": _per_output(2),
    "AbsVal": _per_output(1),
    "BNLL": _per_output(5),
    "ELU": _per_output(2),
    "Exp": _per_output(3),
    "Log": _per_output(1),
    "Mish": _per_output(3),
    "ReLU": _per_output(1),
    "PReLU": _per_output(1),
    "ReLU6": _per_output(2),
    "Sigmoid": _per_output(3),
    "Swish": _per_output(3),
    "TanH": _per_output(1),
    "Power": _power,
    "Eltwise": _eltwise,
    "Scale": _per_input(2),
    "BatchNorm": _per_input(3),
    "Softmax": _per_input(4),
    "LRN": _lrn,
    "MVN": _mvn,
    "PriorBox": _prior_box,
    "Reorg": _per_input(21),
    **dict.fromkeys(("Relu", "LeakyRelu", "PRelu", "Tanh", "Abs"), _per_output(1)),
    "MaxPool": _onnx_pooling(0),
    "AveragePool": _onnx_pooling(1),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum"), _broadcast),
    "Conv2D": _conv2d,
    "DepthwiseConv2dNative": _conv2d,
}
"""By type of layer, OpenCV's count of operations: Caffe's, then those that only ONNX or TensorFlow have."""
