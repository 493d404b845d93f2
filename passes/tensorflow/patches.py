"""Windows cut out of images: patches, morphological dilation, and pools that tell where the maximum was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regraft.ir import Builder, DType, Value, count
from regraft.passes.rules import rule
from regraft.passes.tensorflow import images
from regraft.passes.tensorflow.common import cast, computed_in, dtype_of_value, filled, reduce, via
from regraft.passes.tensorflow.images import Window
from regraft.passes.tensorflow.node import TensorFlowNode


@dataclass(frozen=True)
class Sliding:
    """One axis along which windows are cut: kernel size, stride, dilation and whether the padding is SAME."""

    kernel: int
    stride: int
    rate: int
    same: bool

    @property
    def reach(self) -> int:
        """How many elements a window spans."""
        return (self.kernel - 1) * self.rate + 1

    def places(self, build: Builder, size: Value) -> tuple[Value, Value, Value]:
        """Padding before and behind, and the indices (windows, kernel) in the padded axis; size is (1,) int64."""
        if self.same:
            number = build.Div(build.Add(size, [self.stride - 1]), [self.stride])
            spanned = build.Add(build.Mul(build.Sub(number, [1]), [self.stride]), [self.reach])
            total = build.Max(build.Sub(spanned, size), np.asarray([0], np.int64))
            before = build.Div(total, [2])
            behind = build.Sub(total, before)
        else:
            before = behind = build.constant(np.zeros(1, np.int64))
            number = build.Div(build.Add(size, [self.stride - self.reach]), [self.stride])
        zero, one = np.asarray(0, np.int64), np.asarray(1, np.int64)
        starts = build.Mul(build.Range(zero, build.Squeeze(number, [0]), one), [self.stride])
        taps = np.arange(self.kernel, dtype=np.int64) * self.rate
        return before, behind, build.Add(build.Unsqueeze(starts, [1]), taps)


def cut(node: TensorFlowNode, build: Builder, x: Value, axes: Sequence[Sliding], fill: float) -> Value:
    """Windows of x (N, spatial..., C) as (N, windows..., kernels..., C); padding holds `fill`."""
    rank = len(axes) + 2
    if node.rank(x) != rank:
        raise node.refuse(f"its input is {x.type}, not of rank {rank}")
    sizes = build.Shape(x)
    found = [axis.places(build, build.Slice(sizes, [i + 1], [i + 2], [0])) for i, axis in enumerate(axes)]
    none = build.constant(np.zeros(1, np.int64))
    pads = build.Concat(none, *(f[0] for f in found), none, none, *(f[1] for f in found), none, axis=0)
    if pads.array is None or pads.array.any():
        dtype = computed_in(node, "Pad", dtype_of_value(node, x))
        x = via(build, dtype, lambda v, f: build.Pad(v, pads, f), x, filled(build, fill, x))
    for i, (_, _, places) in enumerate(found):
        x = build.Gather(x, places, axis=2 * i + 1)
    order = [0, *range(1, 2 * len(axes), 2), *range(2, 2 * len(axes) + 1, 2), 2 * len(axes) + 1]
    return build.Transpose(x, perm=order)


def _sliding(node: TensorFlowNode, ksize: Sequence[int], rank: int, rates: str) -> list[Sliding]:
    """The axes of a node with `strides`, `rates` and `padding`."""
    strides = images.spatial(node, node.integers("strides"), "strides", rank)
    steps = images.spatial(node, node.integers(rates, (1,) * rank), rates, rank)
    padding = node.text("padding")
    if padding not in ("SAME", "VALID"):
        raise node.refuse(f"padding {padding} is not known", field="padding")
    return [Sliding(k, s, r, padding == "SAME") for k, s, r in zip(ksize, strides, steps, strict=True)]


@rule("tf.ExtractImagePatches", "tf.ExtractVolumePatches")
def extract_patches(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Patches of x (N, spatial..., C) of any element type as (N, patches..., kernel elements * C), zeros outside.

    Source: extract_image_patches_op.cc, extract_volume_patches_op.cc; elements in the order rows, columns, channels.
    """
    rank = len(node.integers("ksizes"))
    kernel = images.spatial(node, node.integers("ksizes"), "ksizes", rank)
    windows = cut(node, build, x, _sliding(node, kernel, rank, "rates"), 0)
    sizes, depth = build.Shape(windows), (x.shape or ())[-1]
    last = [depth * count(kernel)] if isinstance(depth, int) else [-1]
    return build.Reshape(windows, build.Concat(build.Slice(sizes, [0], [rank - 1], [0]), last, axis=0))


@rule("tf.Dilation2D")
def dilation(node: TensorFlowNode, build: Builder, x: Value, kernel: Value) -> Value:
    """The largest x + kernel over each window: x (N, H, W, C) float, kernel (h, w, C); padding never wins.

    Source: dilation_ops.cc.
    """
    shape = kernel.static_shape
    if shape is None or len(shape) != 3:
        raise node.refuse(f"its filter is {kernel.type}, and must have three known sizes")
    if not dtype_of_value(node, x).is_float:
        raise node.refuse("its images are integers", cure="cast them to float32 before this op")

    def largest(image: Value, added: Value) -> Value:
        windows = cut(node, build, image, _sliding(node, shape[:2], 4, "rates"), -np.inf)
        return reduce(build, "ReduceMax", build.Add(windows, added), (3, 4))

    return via(build, computed_in(node, "ReduceMax", dtype_of_value(node, x)), largest, x, kernel)


@rule("tf.MaxPoolWithArgmax")
def max_pool_with_argmax(node: TensorFlowNode, build: Builder, x: Value) -> list[Value]:
    """The largest element of each window of x (N, H, W, C), and its index (y * W + x) * C + c, of the first of equals.

    With `include_batch_in_index` the batch's share is added. Source: maxpooling_op.cc.
    """
    if node.rank(x) != 4:
        raise node.refuse(f"its input is {x.type}, not of rank 4")
    kernel = images.spatial(node, node.integers("ksize"), "ksize", 4)
    sliding = Window(kernel, images.spatial(node, node.integers("strides"), "strides", 4), (1, 1))
    moved = build.Transpose(x, perm=(0, 3, 1, 2))
    pads = images.padding(node, sliding, images.spatial_dims(moved))
    if "auto_pad" in pads and not sliding.suits_auto_pad:
        raise node.refuse("SAME padding with strides above the window needs the image's size", field="padding")
    dtype = dtype_of_value(node, x)
    wide = cast(build, moved, dtype if dtype in (DType.F32, DType.F64) else DType.F32)
    pooled, places = build.many("onnx.MaxPool", wide, outputs=2, kernel_shape=kernel, strides=sliding.strides, **pads)
    sizes = build.Shape(moved)
    batch, channels = build.Slice(sizes, [0], [1], [0]), build.Slice(sizes, [1], [2], [0])
    pixels = build.Mul(build.Slice(sizes, [2], [3], [0]), build.Slice(sizes, [3], [4], [0]))
    index = build.Mul(build.Mod(places, pixels), channels)
    zero, one = np.asarray(0, np.int64), np.asarray(1, np.int64)
    index = build.Add(index, build.Unsqueeze(build.Range(zero, build.Squeeze(channels, [0]), one), [1, 2]))
    if node.flag("include_batch_in_index", False):
        number = build.Unsqueeze(build.Range(zero, build.Squeeze(batch, [0]), one), [1, 2, 3])
        index = build.Add(index, build.Mul(number, build.Mul(pixels, channels)))
    results = (cast(build, pooled, dtype), cast(build, index, node.dtype("Targmax", DType.I64)))
    return [build.Transpose(r, perm=(0, 2, 3, 1)) for r in results]
