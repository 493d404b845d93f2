"""Crops of images, each brought to one size, as TensorFlow computes them."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.custom_ops.ops.crop_body import crop_bilinear, crop_nearest
from regraft.custom_ops.schema import OPS, CustomOp
from regraft.ir import UNKNOWN, Array, Dim, DType, Op, TensorType

INPUTS = ("image", "boxes", "owners", "size")
SOURCE = "TensorFlow's crop_and_resize_op.cc, whose float32 arithmetic is repeated step by step"


def _infer(op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]) -> list[TensorType | None]:
    image, boxes = (None if t is None else t.shape for t in types[:2])
    count: Dim = boxes[0] if boxes else UNKNOWN
    channels: Dim = image[3] if image else UNKNOWN
    sizes = [UNKNOWN, UNKNOWN] if arrays[3] is None else [int(size) for size in arrays[3]]
    return [TensorType(DType.F32, (count, *sizes, channels))]


CROP_AND_RESIZE = OPS.add(
    CustomOp("CropAndResize", INPUTS, _infer, attrs={"extrapolation_value": "float"}, body=crop_bilinear, source=SOURCE)
)
CROP_AND_RESIZE_NEAREST = OPS.add(
    CustomOp(
        "CropAndResizeNearest", INPUTS, _infer, attrs={"extrapolation_value": "float"}, body=crop_nearest, source=SOURCE
    )
)
