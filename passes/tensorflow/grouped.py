"""Convolutions and products that TensorFlow's own graph optimisers have joined with what stands before or behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import BUILT_IN, rule
from regraft.passes.tensorflow import images
from regraft.passes.tensorflow.common import cast, dtype_of_value, filled, zero
from regraft.passes.tensorflow.convolution import bias_add, conv, depthwise_conv
from regraft.passes.tensorflow.matmul import matmul
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.resize import image_size
from regraft.passes.tensorflow.spatial import mirror_pad

PLAIN = {"Relu": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "Elu": "Elu"}
"""Activations by the name that both TensorFlow and ONNX give them."""


def _activated(node: TensorFlowNode, build: Builder, name: str, x: Value) -> Value:
    if name in PLAIN:
        return build.many(f"onnx.{name}", x)[0]
    if name == "Relu6":
        return build.Clip(x, zero(build, x), filled(build, 6, x))
    if name == "LeakyRelu":
        return build.LeakyRelu(x, alpha=node.number("leakyrelu_alpha", 0.2))
    raise node.refuse(f"the fused op {name} is not known", field="fused_ops")


def _normalised(node: TensorFlowNode, build: Builder, x: Value, given: Sequence[Value]) -> Value:
    """The fused FusedBatchNorm: scale, offset, mean and variance of each channel."""
    rank = node.rank(x)
    moved = images.to_channels_first(node, build, x, rank)
    made = build.BatchNormalization(moved, *given, epsilon=node.number("epsilon", 1e-4))
    return images.from_channels_first(node, build, made, rank)


def _followed(node: TensorFlowNode, build: Builder, x: Value, given: Sequence[Value]) -> Value:
    """x, and one after the other what `fused_ops` names."""
    rest = list(given)
    for item in node.get("fused_ops", ()):
        name = item.decode() if isinstance(item, bytes) else str(item)
        if name == "BiasAdd":
            x = bias_add(node, build, x, rest.pop(0))
        elif name == "Add":
            x = build.Add(x, rest.pop(0))
        elif name == "FusedBatchNorm":
            x, rest = _normalised(node, build, x, rest[:4]), rest[4:]
        else:
            x = _activated(node, build, name, x)
    return x


def _joined(main: Callable[[TensorFlowNode, Builder, Value, Value], Value]) -> Callable[..., Value]:
    def lower(node: TensorFlowNode, build: Builder, x: Value, w: Value, *given: Value) -> Value:
        return _followed(node, build, main(node, build, x, w), given)

    lower.__name__ = f"fused_{main.__name__}"
    lower.__doc__ = (
        f"{main.__name__.replace('_', ' ').capitalize()}, then what `fused_ops` names: BiasAdd, FusedBatchNorm, Add and"
        " activations. Source: conv_ops_fused_impl.h, matmul_op_fused.cc."
    )
    return lower


BUILT_IN.rule("tf._FusedConv2D")(_joined(conv))
BUILT_IN.rule("tf._FusedDepthwiseConv2dNative")(_joined(depthwise_conv))
BUILT_IN.rule("tf._FusedMatMul")(_joined(matmul))


@rule("tf.FusedPadConv2D")
def pad_conv(node: TensorFlowNode, build: Builder, x: Value, paddings: Value, w: Value) -> Value:
    """MirrorPad, then Conv2D: x (N, H, W, C) float, paddings (4, 2), w (h, w, C, M).

    Of a batch TensorFlow's own kernel computes only the first image so; here all are. Source:
    conv_ops_fused_image_transform.cc.
    """
    return conv(node, build, mirror_pad(node, build, x, paddings), w)


@rule("tf.FusedResizeAndPadConv2D")
def resize_pad_conv(node: TensorFlowNode, build: Builder, x: Value, size: Value, paddings: Value, w: Value) -> Value:
    """ResizeBilinear, MirrorPad, then Conv2D: x (N, H, W, C) float, size (2,), paddings (4, 2), w (h, w, C, M).

    Of a batch TensorFlow's own kernel computes only the first image so; here all are. Source:
    conv_ops_fused_image_transform.cc.
    """
    mode = "align_corners" if node.flag("resize_align_corners", False) else "asymmetric"
    resized = build.regraft.ResizeBilinearNHWC(cast(build, x, DType.F32), image_size(build, size), coordinates=mode)
    resized = cast(build, resized, dtype_of_value(node, x))
    return conv(node, build, mirror_pad(node, build, resized, paddings), w)
