"""Shapes as values, and ops that change the shape and nothing else: Shape, Reshape, Squeeze, Transpose, BroadcastTo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from regraft.ir import UNKNOWN, Builder, Dim, DType, Shape, Value, count, dims_of, elements_of
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import axis_of, cast, need_opset, strides, to_int64, vector, with_shape
from regraft.passes.tensorflow.node import TensorFlowNode


@rule("tf.Shape")
def shape(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The shape of x, a vector of `out_type` (int32). Source: shape_ops.h."""
    return cast(build, build.Shape(x), node.dtype("out_type", DType.I32))


@rule("tf.ShapeN")
def shape_n(node: TensorFlowNode, build: Builder, *values: Value) -> list[Value]:
    """The shapes of all inputs. Source: shape_ops.h."""
    dtype = node.dtype("out_type", DType.I32)
    return [cast(build, build.Shape(value), dtype) for value in values]


@rule("tf.Size")
def size(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The number of elements, a scalar of `out_type` (int32). Source: shape_ops.h."""
    return cast(build, build.Size(x), node.dtype("out_type", DType.I32))


@rule("tf.Rank")
def rank(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The number of dimensions, an int32 scalar. Source: shape_ops.h."""
    if x.rank is not None:
        return build.constant(np.asarray(x.rank, np.int32))
    return cast(build, build.Size(build.Shape(x)), DType.I32)


@rule("tf.Reshape")
def reshape(node: TensorFlowNode, build: Builder, x: Value, wanted: Value) -> Value:
    """x with another shape; one size may be -1, and 0 means none, not the size of x. Source: reshape_op.h."""
    sizes = elements_of(wanted)
    result = None if sizes is None else reshaped(dims_of(x), sizes)
    target = _constant_target(sizes, result)
    if target is None:
        need_opset(build, "Reshape", 14)
        made = build.Reshape(x, vector(build, wanted), allowzero=1)
    elif 0 in target:
        need_opset(build, "Reshape", 14)
        made = build.Reshape(x, target, allowzero=1)
    else:
        made = build.Reshape(x, target)
    return made if result is None else with_shape(made, result)


def reshaped(given: Shape | None, sizes: Sequence[Dim]) -> Shape:
    """The shape that results where some of the wanted `sizes` are unknown (strings) and one may be -1."""
    if -1 not in sizes:
        return tuple(sizes)
    others = [d for d in sizes if d != -1]
    return tuple(_remainder(given, others) if d == -1 else d for d in sizes)


def _remainder(given: Shape | None, others: Sequence[Dim]) -> Dim:
    """What -1 stands for: symbols that stand on both sides cancel."""
    if given is None or UNKNOWN in given or UNKNOWN in others:
        return UNKNOWN
    symbols = Counter(d for d in given if isinstance(d, str))
    symbols.subtract(d for d in others if isinstance(d, str))
    total = count([d for d in given if isinstance(d, int)])
    known = count([d for d in others if isinstance(d, int)])
    left = [s for s, times in symbols.items() if times]
    if known <= 0 or total % known:
        return UNKNOWN
    if not left:
        return total // known
    return left[0] if len(left) == 1 and symbols[left[0]] == 1 and total == known else UNKNOWN


def _constant_target(sizes: Sequence[Dim] | None, result: Shape | None) -> list[int] | None:
    """The target as ONNX takes it, when at most one size is unknown: -1 stands for that one."""
    if sizes is None or result is None:
        return None
    known = [d for d in result if isinstance(d, int)]
    if len(known) == len(result):
        return known
    if len(result) - len(known) == 1 and all(d > 0 for d in known):
        return [d if isinstance(d, int) else -1 for d in result]
    return None


@rule("tf.Flatten")
def flatten(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """(N, ...) to (N, product of the rest); no TensorFlow op of today, but graphs hold it."""
    return build.Flatten(x, axis=1)


@rule("tf.ExpandDims")
def expand_dims(node: TensorFlowNode, build: Builder, x: Value, axis: Value) -> Value:
    """x with a dimension of size 1 put in at `axis`. Source: expanddims in shape_ops.h."""
    return build.Unsqueeze(x, vector(build, axis))


@rule("tf.Squeeze")
def squeeze(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """x without the dimensions of size 1 in `squeeze_dims`, without all of them when none are named.

    Source: shape_ops.h, SqueezeOp.
    """
    axes = node.integers("squeeze_dims", ()) or node.integers("axis", ())
    if axes:
        return build.Squeeze(x, list(axes))
    if x.shape is not None and all(isinstance(d, int) for d in x.shape):
        ones = [i for i, d in enumerate(x.shape) if d == 1]
        return build.Squeeze(x, ones) if ones else build.Identity(x)
    return build.Squeeze(x)


@rule("tf.Transpose")
def transpose(node: TensorFlowNode, build: Builder, x: Value, perm: Value) -> Value:
    """Dimension i of the result is dimension `perm[i]` of x. Source: transpose_op.cc."""
    if perm.array is None:
        return _transposed_at_run_time(node, build, x, to_int64(build, perm))
    order = node.constant_integers(perm, "perm")
    positive = tuple(axis_of(node, axis, len(order), what="perm") for axis in order)
    return build.Transpose(x, perm=positive) if positive else build.Identity(x)


def _transposed_at_run_time(node: TensorFlowNode, build: Builder, x: Value, perm: Value) -> Value:
    """x in an order that the graph computes: the places of its elements in the flat tensor are gathered."""
    rank = x.rank if x.rank is not None else (perm.static_shape or (None,))[0]
    if rank is None:
        raise node.refuse("the rank of its input is unknown", cure="give the graph's input shapes")
    shape = build.Shape(x)
    steps = strides(build, shape)
    order = [build.Slice(perm, [i], [i + 1], [0]) for i in range(rank)]
    places: Value = build.constant(np.zeros((1,) * rank, np.int64))
    for i, axis in enumerate(order):
        size = build.Squeeze(build.Gather(shape, axis, axis=0), [0])
        line = build.Mul(
            build.Range(np.asarray(0, np.int64), size, np.asarray(1, np.int64)), build.Gather(steps, axis, axis=0)
        )
        places = build.Add(places, build.Unsqueeze(line, [a for a in range(rank) if a != i]) if rank > 1 else line)
    return build.Gather(build.Reshape(x, [-1]), places, axis=0)


@rule("tf.BroadcastTo")
def broadcast_to(node: TensorFlowNode, build: Builder, x: Value, wanted: Value) -> Value:
    """x repeated along dimensions of size 1 and new ones in front. Source: broadcast_to_op.cc."""
    sizes = elements_of(wanted)
    made = build.Expand(x, vector(build, wanted))
    return made if sizes is None else with_shape(made, sizes)


@rule("tf.BroadcastArgs")
def broadcast_args(node: TensorFlowNode, build: Builder, a: Value, b: Value) -> Value:
    """The shape to which tensors of shapes a and b (integer vectors) broadcast. Source: bcast_ops.cc."""
    left, right = to_int64(build, a), to_int64(build, b)
    lengths = build.Size(left), build.Size(right)
    longest = build.Max(*lengths)
    padded = [_padded(build, v, build.Sub(longest, n)) for v, n in zip((left, right), lengths, strict=True)]
    result = build.Where(build.Equal(padded[0], [1]), padded[1], padded[0])
    return cast(build, result, a.dtype or DType.I32)


def _padded(build: Builder, x: Value, number: Value) -> Value:
    """The vector x with `number` ones in front."""
    return build.Concat(build.Expand(build.constant([1]), build.Unsqueeze(number, [0])), x, axis=0)
