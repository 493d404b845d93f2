"""Attributes as values inside ONNX bodies: a body that stays a function learns them only when it runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.ir import UNKNOWN, AttrRef, Builder, DType, Shape, TensorType, Value

Attribute = AttrRef | int | float
Attributes = AttrRef | Sequence[float]


def integer(build: Builder, value: Attribute) -> Value:
    """An `int` attribute as a rank-1 int64 tensor of one element."""
    if isinstance(value, AttrRef):
        return build.Reshape(_learned(build, "value_int", value, DType.I64), [1])
    return build.constant([int(value)], DType.I64)


def number(build: Builder, value: Attribute) -> Value:
    """A `float` attribute as a rank-0 float32 tensor."""
    if isinstance(value, AttrRef):
        return _learned(build, "value_float", value, DType.F32)
    return build.constant(float(value), DType.F32)


def floats(build: Builder, value: Attributes) -> Value:
    """A `floats` attribute as a rank-1 float32 tensor."""
    if isinstance(value, AttrRef):
        return _learned(build, "value_floats", value, DType.F32, (UNKNOWN,))
    return float32(build, value)


def _learned(build: Builder, name: str, value: AttrRef, dtype: DType, dims: Shape = ()) -> Value:
    """The attribute of the calling node as a constant."""
    op = build.graph.add("onnx.Constant", attrs={name: value}, name=value.name)
    op.output.type = TensorType(dtype, dims)
    return op.output


def flag(build: Builder, value: Attribute) -> Value:
    """An `int` attribute as a rank-1 bool tensor of one element."""
    return build.Cast(integer(build, value), to=DType.BOOL)


def float32(build: Builder, value: float | Sequence[float]) -> Value:
    """A float32 constant."""
    return build.constant(np.asarray(value, dtype=np.float32))


def dim(build: Builder, x: Value, axis: int) -> Value:
    """One size of `x` as a rank-1 tensor of one element."""
    return build.Slice(build.Shape(x), [axis], [axis + 1], [0])


def shape(build: Builder, *dims: Value | int) -> Value:
    """A shape of sizes, each a number or a rank-1 tensor."""
    return build.Concat(*([d] if isinstance(d, int) else d for d in dims), axis=0)


def column(build: Builder, x: Value, index: int, axis: int = -1) -> Value:
    """Entry `index` along `axis`, which goes away."""
    return build.Gather(x, build.constant(index, DType.I64), axis=axis)


def reduce(build: Builder, name: str, x: Value, axes: Sequence[int]) -> Value:
    """A `Reduce...` op that drops `axes`, whether the opset takes them as an attribute or as an input."""
    definition = build.graph.table.find(f"onnx.{name}")
    if definition is not None and definition.attrs is not None and "axes" in definition.attrs:
        return build.many(f"onnx.{name}", x, axes=tuple(axes), keepdims=0)[0]
    return build.many(f"onnx.{name}", x, list(axes), keepdims=0)[0]


def clip(build: Builder, x: Value, least: Value, most: Value) -> Value:
    """x within two bounds, which broadcast."""
    return build.Min(build.Max(x, least), most)


def rounded(build: Builder, x: Value) -> Value:
    """Rounded as C's round: halves away from zero."""
    size = build.Abs(x)
    floor = build.Floor(size)
    up = build.Cast(build.GreaterOrEqual(build.Sub(size, floor), float32(build, 0.5)), to=DType.F32)
    return build.Mul(build.Sign(x), build.Add(floor, up))


def counted(build: Builder, count: Value) -> Value:
    """0, 1, ... below `count`, a rank-1 int64 tensor of one element, as float32."""
    indices = build.Range(
        *(build.Squeeze(v, [0]) for v in (build.value([0]), count, build.value([1])) if v is not None)
    )
    return build.Cast(indices, to=DType.F32)
