"""Ops that move elements between space, channels and batch, and paddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.ir import Builder, DType, Operand, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow import images
from regraft.passes.tensorflow.common import computed_in, dtype_of_value, float_carrier, to_int64, via
from regraft.passes.tensorflow.node import TensorFlowNode


@rule("tf.DepthToSpace")
def depth_to_space(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Channels (row, column, c) of a pixel become a block of pixels: (N, H, W, b * b * C) to (N, b * H, b * W, C).

    Source: TensorFlow's depthtospace_op.cc; ONNX calls this order DCR.
    """
    size = node.integer("block_size")
    moved = images.to_channels_first(node, build, x, 4)
    made = via(build, float_carrier(node, x), lambda v: build.DepthToSpace(v, blocksize=size, mode="DCR"), moved)
    return images.from_channels_first(node, build, made, 4)


@rule("tf.SpaceToDepth")
def space_to_depth(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """A block of pixels becomes one pixel with channels (row, column, c): the inverse of DepthToSpace.

    Source: TensorFlow's spacetodepth_op.cc.
    """
    size = node.integer("block_size")
    moved = images.to_channels_first(node, build, x, 4)
    made = via(build, float_carrier(node, x), lambda v: build.SpaceToDepth(v, blocksize=size), moved)
    return images.from_channels_first(node, build, made, 4)


@rule("tf.SpaceToBatchND")
def space_to_batch(node: TensorFlowNode, build: Builder, x: Value, block: Value, paddings: Value) -> Value:
    """Pads the first spatial dimensions, then moves each block's elements into the batch.

    x (N, S1, ..., Sm, rest...); `block` (m); `paddings` (m, 2). Result: (b1 * ... * bm * N, S1' / b1, ..., rest...),
    the place in the block varying slower than the batch. Source: TensorFlow's spacetobatch_op.cc.
    """
    sizes = to_int64(build, block)
    rank, count = node.rank(x), _count(node, block)
    filled = [[0, 0]] * (rank - count - 1)
    padded = pad_constant(node, build, x, build.Concat(*_rows(build, [[0, 0]], paddings, filled), axis=0))
    shape = build.Shape(padded)
    cells = build.Div(_part(build, shape, 1, count + 1), sizes)
    pairs = [_part(build, v, i, i + 1) for i in range(count) for v in (cells, sizes)]
    rest = _part(build, shape, count + 1, rank)
    batch = _part(build, shape, 0, 1)
    opened = build.Reshape(padded, _joined(build, [batch, *pairs, rest]))
    places = [2 + 2 * i for i in range(count)]
    order = [*places, 0, *(p - 1 for p in places), *range(2 * count + 1, rank + count)]
    moved = build.Transpose(opened, perm=order)
    many = build.Mul(batch, build.ReduceProd(sizes, keepdims=1))
    return build.Reshape(moved, _joined(build, [many, cells, rest]))


@rule("tf.BatchToSpaceND")
def batch_to_space(node: TensorFlowNode, build: Builder, x: Value, block: Value, crops: Value) -> Value:
    """The inverse of SpaceToBatchND: the batch's blocks become pixels again, then the borders are cropped.

    x (b1 * ... * bm * N, S1, ..., Sm, rest...); `block` (m); `crops` (m, 2).
    Source: TensorFlow's batchtospace_op.cc.
    """
    sizes = to_int64(build, block)
    rank, count = node.rank(x), _count(node, block)
    shape = build.Shape(x)
    batch = build.Div(_part(build, shape, 0, 1), build.ReduceProd(sizes, keepdims=1))
    cells, rest = _part(build, shape, 1, count + 1), _part(build, shape, count + 1, rank)
    opened = build.Reshape(x, _joined(build, [sizes, batch, cells, rest]))
    pairs = [axis for i in range(count) for axis in (count + 1 + i, i)]
    moved = build.Transpose(opened, perm=[count, *pairs, *range(2 * count + 1, rank + count)])
    whole = build.Mul(cells, sizes)
    closed = build.Reshape(moved, _joined(build, [batch, whole, rest]))
    wide = to_int64(build, crops)
    start, end = (build.Squeeze(build.Slice(wide, [side], [side + 1], [1]), [1]) for side in (0, 1))
    return build.Slice(closed, start, build.Sub(whole, end), list(range(1, count + 1)))


@rule("tf.SpaceToBatch")
def space_to_batch_square(node: TensorFlowNode, build: Builder, x: Value, paddings: Value) -> Value:
    """SpaceToBatchND of an image (N, H, W, C) with square blocks of `block_size`. Source: spacetobatch_op.cc."""
    return space_to_batch(node, build, x, build.constant([node.integer("block_size")] * 2, DType.I64), paddings)


@rule("tf.BatchToSpace")
def batch_to_space_square(node: TensorFlowNode, build: Builder, x: Value, crops: Value) -> Value:
    """BatchToSpaceND to an image (N, H, W, C) with square blocks of `block_size`. Source: batchtospace_op.cc."""
    return batch_to_space(node, build, x, build.constant([node.integer("block_size")] * 2, DType.I64), crops)


@rule("tf.Pad", "tf.PadV2")
def pad(node: TensorFlowNode, build: Builder, x: Value, paddings: Value, fill: Value | None = None) -> Value:
    """x with `paddings` (rank, 2) elements of `fill` (0) before and behind each dimension.

    Source: TensorFlow's pad_op.cc.
    """
    return pad_constant(node, build, x, to_int64(build, paddings), fill)


@rule("tf.MirrorPad")
def mirror_pad(node: TensorFlowNode, build: Builder, x: Value, paddings: Value) -> Value:
    """x continued by its mirror image: without the border (REFLECT) or with it (SYMMETRIC); `paddings` (rank, 2).

    Source: TensorFlow's mirror_pad_op.cc.
    """
    mode = node.text("mode")
    if mode == "REFLECT":
        dtype = computed_in(node, "Pad", dtype_of_value(node, x))
        flat = _flat(build, to_int64(build, paddings))
        return via(build, dtype, lambda v: build.Pad(v, flat, mode="reflect"), x)
    if mode != "SYMMETRIC":
        raise node.refuse(f"mode {mode} is not known", field="mode")
    if paddings.array is None:
        return _mirrored(build, x, to_int64(build, paddings), node.rank(x))
    for axis, (before, after) in enumerate(paddings.array.reshape(-1, 2)):
        x = _symmetric(build, x, axis, int(before), int(after))
    return x


def pad_constant(node: TensorFlowNode, build: Builder, x: Value, pairs: Value, fill: Value | None = None) -> Value:
    """x padded by int64 `pairs` (rank, 2), in a type that the Pad kernel takes and that holds every value of x."""
    dtype = computed_in(node, "Pad", dtype_of_value(node, x), modular=True)
    flat = _flat(build, pairs)
    if fill is None:
        return via(build, dtype, lambda v: build.Pad(v, flat), x)
    return via(build, dtype, lambda v, f: build.Pad(v, flat, f), x, fill)


def _flat(build: Builder, pairs: Value) -> Value:
    """From TensorFlow's (rank, 2) to ONNX's befores and afters in one vector."""
    return build.Reshape(build.Transpose(pairs, perm=(1, 0)), [-1])


def _symmetric(build: Builder, x: Value, axis: int, before: int, after: int) -> Value:
    pieces = [x]
    if before:
        pieces.insert(0, build.Slice(x, [before - 1], [-(2**62)], [axis], [-1]))
    if after:
        pieces.append(build.Slice(x, [-1], [-after - 1], [axis], [-1]))
    return x if len(pieces) == 1 else build.Concat(*pieces, axis=axis)


def _mirrored(build: Builder, x: Value, pairs: Value, rank: int) -> Value:
    """x with symmetric paddings that the graph computes: along each axis the elements in their mirrored order."""
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    for axis in range(rank):
        before, after = (build.Slice(pairs, [axis, side], [axis + 1, side + 1], [0, 1]) for side in (0, 1))
        before, after = (build.Reshape(v, [1]) for v in (before, after))
        size = build.Slice(build.Shape(x), [axis], [axis + 1], [0])
        ends = [build.Squeeze(v, [0]) for v in (build.Neg(before), build.Add(size, after))]
        places = build.Range(*ends, np.asarray(1, np.int64))
        places = build.Where(build.Less(places, zero), build.Sub(build.Neg(places), one), places)
        behind = build.Sub(build.Sub(build.Add(size, size), one), places)
        x = build.Gather(x, build.Where(build.Less(places, size), places, behind), axis=axis)
    return x


def _count(node: TensorFlowNode, block: Value) -> int:
    """The number of dimensions that are divided into blocks."""
    if not block.static_shape:
        raise node.refuse("the size of its block shape is unknown", cure="give the graph's input shapes")
    return block.static_shape[0]


def _rows(build: Builder, first: Sequence[Sequence[int]], middle: Value, last: Sequence[Sequence[int]]) -> list[Value]:
    rows = [build.constant(np.asarray(first, np.int64)), to_int64(build, middle)]
    return [*rows, build.constant(np.asarray(last, np.int64))] if last else rows


def _part(build: Builder, vector: Value, start: int, end: int) -> Value:
    return build.Slice(vector, [start], [end], [0])


def _joined(build: Builder, parts: Sequence[Operand]) -> Value:
    return build.Concat(*parts, axis=0)
