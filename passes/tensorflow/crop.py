"""Crops of images, each brought to one size."""

from __future__ import annotations

from regraft.ir import UNKNOWN, Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, to_int64, with_shape
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.resize import image_size

OPS = {"bilinear": "regraft.CropAndResize", "nearest": "regraft.CropAndResizeNearest"}


@rule("tf.CropAndResize")
def crop_and_resize(
    node: TensorFlowNode, build: Builder, image: Value, boxes: Value, owners: Value, size: Value
) -> Value:
    """Boxes cut out of images and resized, bilinear or nearest, outside of the image `extrapolation_value`.

    image (N, H, W, C), any real element type; boxes (B, 4) float32: y1, x1, y2, x2 in shares of H - 1 and W - 1;
    owners (B) int32: the image of each box; size (2) int32. Result: (B, size[0], size[1], C) float32.
    Corners are aligned. Source: TensorFlow's crop_and_resize_op.cc, whose float32 arithmetic is repeated step by step.
    """
    method = node.text("method", "bilinear")
    if method not in OPS:
        raise node.refuse(f"method {method} is not known", field="method")
    if node.rank(image) != 4:
        raise node.refuse(f"its image is {image.type}, not of rank 4")
    boxes, owners = with_shape(boxes, (UNKNOWN, 4)), with_shape(owners, (UNKNOWN,))
    outside = node.number("extrapolation_value", 0.0)
    inputs = (cast(build, image, DType.F32), boxes, to_int64(build, owners), image_size(build, size))
    return build.many(OPS[method], *inputs, extrapolation_value=outside)[0]
