"""Resizing of images: bilinear and nearest, in TensorFlow's three ways to lay out coordinates."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, to_int64
from regraft.passes.tensorflow.node import TensorFlowNode

RESIZABLE = frozenset({DType.F32, DType.F16, DType.I32, DType.U8})
"""Element types that ONNX Runtime's Resize kernel takes."""


@rule("tf.ResizeBilinear")
def resize_bilinear(node: TensorFlowNode, build: Builder, x: Value, size: Value) -> Value:
    """x (N, H, W, C), any real element type, to (N, size[0], size[1], C) float32.

    Source: TensorFlow's resize_bilinear_op.cc and image_resizer_state.h.
    """
    mode = coordinates(node)
    image = cast(build, x, DType.F32)
    if keeps_size(node, x, size):
        return image
    return build.regraft.ResizeBilinearNHWC(image, image_size(build, size), coordinates=mode)


@rule("tf.ResizeNearestNeighbor")
def resize_nearest(node: TensorFlowNode, build: Builder, x: Value, size: Value) -> Value:
    """x (N, H, W, C) of any element type to (N, size[0], size[1], C).

    Where rows and columns are repeated a whole number of times, ONNX's Resize does that; all other sizes gather the
    rows and columns that TensorFlow's float32 arithmetic chooses. Source: TensorFlow's resize_nearest_neighbor_op.cc.
    """
    mode = coordinates(node)
    if keeps_size(node, x, size):
        return x
    wanted, given = image_size(build, size), build.Shape(x)
    indices = [
        nearest_indices(build, build.Gather(given, axis + 1), build.Gather(wanted, axis), mode) for axis in (0, 1)
    ]
    sizes = [(x.shape or ())[axis + 1] for axis in (0, 1)]
    if x.dtype in RESIZABLE and all(_repeats(index, size) for index, size in zip(indices, sizes, strict=True)):
        full = build.Concat(build.Slice(given, [0], [1]), wanted, build.Slice(given, [3], [4]), axis=0)
        return build.Resize(
            x, None, None, full, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    return build.regraft.ResizeNearestNeighborNHWC(x, *indices)


def nearest_indices(build: Builder, given: Value, wanted: Value, mode: str) -> Value:
    """The source index of each of `wanted` elements out of `given` (int64 scalars), in TensorFlow's float32 arithmetic.

    Every step is rounded to float32 as TensorFlow rounds it: scale first, then its product with the position.
    TensorFlow's roundf takes halves away from zero, ONNX's Round to even: a comparison of the fraction does it.
    """
    have, want = build.Cast(given, to=DType.F32), build.Cast(wanted, to=DType.F32)
    one = build.constant(1.0, DType.F32)
    scale = build.Div(have, want)
    if mode == "align_corners":
        between = build.Div(build.Sub(have, one), build.Max(build.Sub(want, one), one))
        scale = build.Where(build.Greater(want, one), between, scale)
    zero = build.constant(0, DType.I64)
    position = build.Cast(build.Range(zero, wanted, build.constant(1, DType.I64)), to=DType.F32)
    if mode == "half_pixel":
        position = build.Add(position, build.constant(0.5, DType.F32))
    source = build.Mul(position, scale)
    whole = build.Floor(source)
    if mode == "align_corners":
        up = build.GreaterOrEqual(build.Sub(source, whole), build.constant(0.5, DType.F32))
        whole = build.Add(whole, build.Cast(up, to=DType.F32))
    last = build.Sub(given, build.constant(1, DType.I64))
    return build.Min(build.Cast(whole, to=DType.I64), last)


def coordinates(node: TensorFlowNode) -> str:
    """`asymmetric`, `align_corners` or `half_pixel`."""
    align, half = node.flag("align_corners", False), node.flag("half_pixel_centers", False)
    if align and half:
        raise node.refuse(
            "align_corners and half_pixel_centers exclude each other: TensorFlow refuses them too",
            field="half_pixel_centers",
        )
    return "align_corners" if align else "half_pixel" if half else "asymmetric"


def image_size(build: Builder, size: Value) -> Value:
    """Height and width as an int64 vector of two elements, whatever is declared."""
    wide = to_int64(build, size)
    return wide if wide.static_shape == (2,) else build.Reshape(wide, [2])


def keeps_size(node: TensorFlowNode, x: Value, size: Value) -> bool:
    """Whether the result is known to have the size of the image: then every mode gives the image itself."""
    if node.rank(x) != 4:
        raise node.refuse(f"its input is {x.type}, not of rank 4")
    wanted = size.array
    return wanted is not None and (x.shape or ())[1:3] == tuple(int(s) for s in wanted)


def _repeats(indices: Value, size: object) -> bool:
    """Whether the (constant) indices are 0..size-1, each repeated equally often."""
    found = indices.array
    if found is None or not isinstance(size, int) or size == 0 or found.size % size:
        return False
    return bool(np.array_equal(found, np.arange(found.size) // (found.size // size)))
