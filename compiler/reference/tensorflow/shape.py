"""Shapes, and what only moves numbers about: joining, cutting, repeating, padding, turning."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.tensorflow.common import axes_of, shape_of


@evaluates(
    *(f"tf.{name}" for name in ("Identity", "StopGradient", "PreventGradient", "Snapshot", "PlaceholderWithDefault")),
    *(f"tf.{name}" for name in ("ReadVariableOp", "CheckNumerics", "CheckNumericsV2", "DebugGradientIdentity")),
    *(f"tf.{name}" for name in ("EnsureShape", "Print", "OptimizationBarrier")),
)
def identity(call: Call, x: Array, *ignored: Array) -> Array:
    """The first input."""
    return x


@evaluates("tf.IdentityN")
def identities(call: Call, *values: Array) -> object:
    """All inputs."""
    return several(values[: call.outputs])


@evaluates("tf.NoOp", "tf.Assert", "tf.PrintV2")
def nothing(call: Call, *values: Array) -> object:
    """Nothing that a network reads."""
    return several([])


def _out_type(call: Call) -> np.dtype[np.generic]:
    return call.dtype("out_type") if call.has("out_type") else np.dtype(np.int32)


@evaluates("tf.Shape")
def shape(call: Call, x: Array) -> Array:
    """The sizes."""
    return np.asarray(x.shape, _out_type(call))


@evaluates("tf.ShapeN")
def shapes(call: Call, *values: Array) -> object:
    """The sizes of each."""
    return several(np.asarray(x.shape, _out_type(call)) for x in values[: call.outputs])


@evaluates("tf.Size")
def size(call: Call, x: Array) -> Array:
    """How many numbers."""
    return np.asarray(x.size, _out_type(call))


@evaluates("tf.Rank")
def rank(call: Call, x: Array) -> Array:
    """How many axes."""
    return np.asarray(x.ndim, np.int32)


@evaluates("tf.Reshape")
def reshape(call: Call, x: Array, sizes: Array) -> Array:
    """The same numbers in another shape; one size may be -1."""
    return x.reshape(shape_of(sizes))


@evaluates("tf.Squeeze")
def squeeze(call: Call, x: Array) -> Array:
    """Without axes of size 1: the named ones, or all."""
    axes = call.integers("squeeze_dims", ()) or call.integers("axis", ())
    return np.squeeze(x, tuple(axes) if axes else None)


@evaluates("tf.ExpandDims")
def expand_dims(call: Call, x: Array, axis: Array) -> Array:
    """An axis of size 1 more."""
    return np.expand_dims(x, int(axis.reshape(())))


@evaluates("tf.Transpose")
def transpose(call: Call, x: Array, order: Array) -> Array:
    """Axes in another order."""
    return x.transpose(shape_of(order)).copy()


@evaluates("tf.ConjugateTranspose")
def conjugate_transpose(call: Call, x: Array, order: Array) -> Array:
    """Axes in another order, conjugated."""
    return np.conj(x.transpose(shape_of(order)))


@evaluates("tf.ConcatV2")
def concat(call: Call, *values: Array) -> Array:
    """One behind the other; the last input is the axis."""
    return np.concatenate(values[:-1], int(values[-1]))


@evaluates("tf.Concat")
def old_concat(call: Call, axis: Array, *values: Array) -> Array:
    """The axis comes first."""
    return np.concatenate(values, int(axis))


@evaluates("tf.ConcatOffset")
def concat_offset(call: Call, axis: Array, *sizes: Array) -> object:
    """Where each part begins in the whole."""
    begins = [0, *accumulate(int(s[int(axis)]) for s in sizes)]
    found = []
    for begin, part in zip(begins, sizes, strict=False):
        offset = np.zeros_like(part)
        offset[int(axis)] = begin
        found.append(offset)
    return several(found[: call.outputs])


@evaluates("tf.Pack")
def pack(call: Call, *values: Array) -> Array:
    """One upon the other, along a new axis."""
    return np.stack(values, call.integer("axis", 0))


@evaluates("tf.ParallelConcat")
def parallel_concat(call: Call, *values: Array) -> Array:
    """One behind the other along the first axis."""
    return np.concatenate(values, 0)


@evaluates("tf.Unpack")
def unpack(call: Call, x: Array) -> object:
    """The slices along an axis."""
    return several(np.moveaxis(x, call.integer("axis", 0), 0)[: call.outputs])


@evaluates("tf.Split")
def split(call: Call, axis: Array, x: Array) -> object:
    """In equal parts."""
    return several(np.split(x, call.integer("num_split"), int(axis))[: call.outputs])


@evaluates("tf.SplitV")
def split_v(call: Call, x: Array, sizes: Array, axis: Array) -> object:
    """In parts of these sizes, of which one may be -1."""
    wanted = list(shape_of(sizes))
    if -1 in wanted:
        wanted[wanted.index(-1)] = x.shape[int(axis)] - sum(wanted) - 1
    return several(np.split(x, np.cumsum(wanted)[:-1], int(axis))[: call.outputs])


@evaluates("tf.Tile")
def tile(call: Call, x: Array, times: Array) -> Array:
    """Repeated along each axis."""
    return np.tile(x, shape_of(times))


@evaluates("tf.BroadcastTo")
def broadcast_to(call: Call, x: Array, sizes: Array) -> Array:
    """Repeated to this shape."""
    return np.broadcast_to(x, shape_of(sizes)).copy()


@evaluates("tf.BroadcastArgs")
def broadcast_args(call: Call, a: Array, b: Array) -> Array:
    """The shape that two shapes broadcast to."""
    return np.asarray(np.broadcast_shapes(shape_of(a), shape_of(b)), a.dtype)


@evaluates("tf.Pad", "tf.PadV2")
def pad(call: Call, x: Array, widths: Array, *value: Array) -> Array:
    """With zeros, or a number, around."""
    return np.pad(x, widths.reshape(-1, 2), constant_values=value[0] if value else x.dtype.type(0))


@evaluates("tf.MirrorPad")
def mirror_pad(call: Call, x: Array, widths: Array) -> Array:
    """With a mirror image around, with or without the border itself."""
    mode = call.text("mode")
    return np.pad(x, widths.reshape(-1, 2), mode="symmetric" if mode == "SYMMETRIC" else "reflect")


@evaluates("tf.Fill")
def fill(call: Call, sizes: Array, value: Array) -> Array:
    """One number everywhere."""
    return np.full(shape_of(sizes), value, value.dtype)


@evaluates("tf.ZerosLike", "tf.OnesLike")
def like(call: Call, x: Array) -> Array:
    """Zeros or ones of this shape."""
    if x.dtype.kind == "O":
        raise NotEvaluated("it fills strings")
    return np.full_like(x, 1 if call.op.type_name == "OnesLike" else 0)


@evaluates("tf.Empty")
def empty(call: Call, sizes: Array) -> Array:
    """Numbers that nobody reads, or zeros."""
    return np.zeros(shape_of(sizes), call.dtype("dtype"))


@evaluates("tf.Range")
def range_(call: Call, start: Array, stop: Array, step: Array) -> Array:
    """Numbers at equal distances."""
    count = max(0, int(np.ceil((stop.astype(np.float64) - start) / step)))
    if start.dtype.kind in "iu":
        return np.arange(int(start), int(stop), int(step), dtype=start.dtype)
    return np.asarray(start + np.arange(count) * step, start.dtype)


@evaluates("tf.LinSpace")
def lin_space(call: Call, start: Array, stop: Array, count: Array) -> Array:
    """So many numbers from the first to the last."""
    return np.linspace(start, stop, int(count), dtype=start.dtype)


@evaluates("tf.ReverseV2")
def reverse(call: Call, x: Array, axes: Array) -> Array:
    """Backwards along axes."""
    return np.flip(x, axes_of(x, axes))


@evaluates("tf.Reverse")
def old_reverse(call: Call, x: Array, chosen: Array) -> Array:
    """Backwards along the axes for which it is true."""
    return np.flip(x, tuple(np.flatnonzero(chosen).tolist()))


@evaluates("tf.ReverseSequence")
def reverse_sequence(call: Call, x: Array, lengths: Array) -> Array:
    """The first so many items of each sequence backwards."""
    along, batch = call.integer("seq_dim"), call.integer("batch_dim", 0)
    moved = np.moveaxis(x, (batch, along), (0, 1)).copy()
    for row, length in enumerate(shape_of(lengths)):
        moved[row, :length] = moved[row, :length][::-1]
    return np.moveaxis(moved, (0, 1), (batch, along))


@evaluates("tf.Roll")
def roll(call: Call, x: Array, shift: Array, axis: Array) -> Array:
    """Moved along axes; what leaves at the end comes in at the front."""
    return np.roll(x, shape_of(shift), shape_of(axis))


@evaluates("tf.Bitcast")
def bitcast(call: Call, x: Array) -> Array:
    """The same bytes as another element type."""
    target = call.dtype("type")
    if target.itemsize == x.dtype.itemsize:
        return np.ascontiguousarray(x).view(target)
    raise NotEvaluated("its types differ in size")


@evaluates("tf.InvertPermutation")
def invert_permutation(call: Call, x: Array) -> Array:
    """Where each number stands."""
    return np.argsort(x).astype(x.dtype)
