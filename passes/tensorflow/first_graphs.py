"""Ops of TensorFlow's first years, which its published graphs of those years hold."""

from __future__ import annotations

from regraft.ir import Builder, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow import images
from regraft.passes.tensorflow.common import filled
from regraft.passes.tensorflow.node import TensorFlowNode


@rule("tf.BatchNormWithGlobalNormalization")
def batch_norm(
    node: TensorFlowNode, build: Builder, x: Value, mean: Value, variance: Value, offset: Value, scale: Value
) -> Value:
    """x (N, H, W, C) float normalised by channel; `scale` counts only with `scale_after_normalization`.

    Source: batch_norm_op.cc.
    """
    if not node.flag("scale_after_normalization"):
        scale = build.Expand(filled(build, 1, x), build.Shape(variance))
    moved = images.to_channels_first(node, build, x, 4)
    made = build.BatchNormalization(moved, scale, offset, mean, variance, epsilon=node.number("variance_epsilon"))
    return images.from_channels_first(node, build, made, 4)
