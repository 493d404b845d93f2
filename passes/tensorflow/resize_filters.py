"""Resizing of images by cubic and area filters."""

from __future__ import annotations

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.resize import coordinates, image_size, keeps_size

MODES = {"asymmetric": 0, "align_corners": 1, "half_pixel": 2}


@rule("tf.ResizeBicubic")
def resize_bicubic(node: TensorFlowNode, build: Builder, x: Value, size: Value) -> Value:
    """x (N, H, W, C), any real element type, to (N, size[0], size[1], C) float32, by four taps an axis.

    The taps' weights come from a table of 1024 steps: Keys' kernel (a = -0.5) with half pixels, where taps outside
    do not count, else the older one (a = -0.75), where they are moved to the border. Source: resize_bicubic_op.cc.
    """
    way = coordinates(node)
    image = cast(build, x, DType.F32)
    if keeps_size(node, x, size):
        return image
    return build.regraft.ResizeBicubicNHWC(image, image_size(build, size), coordinates=way, mode=MODES[way])


@rule("tf.ResizeArea")
def resize_area(node: TensorFlowNode, build: Builder, x: Value, size: Value) -> Value:
    """x (N, H, W, C), any real element type, to (N, size[0], size[1], C) float32: means of the covered areas.

    Source: resize_area_op.cc.
    """
    align = node.flag("align_corners", False)
    image = cast(build, x, DType.F32)
    if keeps_size(node, x, size):
        return image
    return build.regraft.ResizeAreaNHWC(image, image_size(build, size), align_corners=int(align))
