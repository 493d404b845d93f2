"""Quantising and back: real numbers on a grid of integers, in TensorFlow's several ways to choose the grid.

Quantised integers are plain ones of the same size: qint8 is int8, quint8 is uint8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, dtype_of_value, limits, reduce
from regraft.passes.tensorflow.node import TensorFlowNode

_LARGEST = float(np.finfo(np.float32).max)


def single(build: Builder, number: float) -> Value:
    """A float32 scalar."""
    return build.constant(np.asarray(number, np.float32))


def _spread(node: TensorFlowNode, build: Builder, limit: Value, x: Value) -> Value:
    """A range's end shaped to broadcast with x: a number for each slice along the attribute `axis`, if it is given."""
    axis = node.integer("axis", -1)
    if axis < 0:
        return build.Reshape(limit, np.zeros(0, np.int64)) if limit.rank != 0 else limit
    rank = node.rank(x)
    return build.Reshape(limit, [-1 if i == axis else 1 for i in range(rank)])


def away_from_zero(build: Builder, x: Value) -> Value:
    """Round, halves away from zero; floats."""
    half = build.constant(np.asarray(0.5), x.dtype)
    return build.Mul(build.Sign(x), build.Floor(build.Add(build.Abs(x), half)))


def _sides(build: Builder, low: Value, high: Value, least: float, most: float) -> list[Value]:
    """Steps a unit by which the low and the high end of the range fit into least..most, when 0 stays 0."""
    made = []
    for end, steps in ((low, least), (high, most)):
        inside = build.Greater(build.Mul(end, single(build, steps)), single(build, 0))
        made.append(build.Where(inside, build.Div(single(build, steps), end), single(build, _LARGEST)))
    return made


@dataclass(frozen=True)
class _Steps:
    """The integers of the grid."""

    dtype: DType
    least: float
    most: float

    @classmethod
    def of(cls, node: TensorFlowNode, dtype: DType) -> _Steps:
        low, high = limits(dtype)
        if dtype not in (DType.I8, DType.U8, DType.I16, DType.U16):
            raise node.refuse(f"element type {dtype.value} as quantised numbers is not exact in float32", field="T")
        return cls(dtype, low, high)

    @property
    def half(self) -> float:
        """Half the number of integers for signed types, which MIN_COMBINED takes off."""
        return (self.most - self.least + 1) / 2 if self.least < 0 else 0.0


@rule("tf.QuantizeV2")
def quantize(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> list[Value]:
    """Integers of type T for x float32 in low..high, and the range that they stand for (float32).

    Modes MIN_COMBINED, MIN_FIRST and SCALED; `axis` has a range for each slice. Source: quantize_op.cc.
    """
    steps, mode = _Steps.of(node, node.dtype("T")), node.text("mode", "MIN_COMBINED")
    zero, one = single(build, 0), single(build, 1)
    start = build.Min(zero, low)
    size = build.Max(one, build.Max(build.Abs(low), build.Abs(high)))
    gap = build.Mul(size, single(build, node.number("ensure_minimum_range", 0.01)))
    end = build.Max(zero, build.Max(high, build.Add(start, gap)))
    if mode == "SCALED":
        least = steps.least + 1 if node.flag("narrow_range", False) else steps.least
        scale = build.Min(*_sides(build, start, end, least, steps.most))
        start, end = build.Div(single(build, least), scale), build.Div(single(build, steps.most), scale)
    first, last = _spread(node, build, start, x), _spread(node, build, end, x)
    held = build.Max(build.Min(x, last), first)
    if mode == "SCALED":
        scaled = build.Mul(held, _spread(node, build, scale, x))
        even = node.text("round_mode", "HALF_AWAY_FROM_ZERO") == "HALF_TO_EVEN"
        made = build.Round(scaled) if even else away_from_zero(build, scaled)
    elif mode == "MIN_COMBINED":
        factor = build.Div(single(build, steps.most - steps.least), build.Sub(last, first))
        scaled = build.Mul(build.Sub(held, first), factor)
        made = (
            away_from_zero(build, build.Sub(scaled, single(build, steps.half)))
            if steps.half
            else build.Floor(build.Add(scaled, single(build, 0.5)))
        )
    elif mode == "MIN_FIRST":
        made = _from_first(build, x, first, last, steps)
    else:
        raise node.refuse(f"mode {mode} is not known", field="mode")
    return [build.Cast(made, to=steps.dtype), start, end]


def _from_first(build: Builder, x: Value, first: Value, last: Value, steps: _Steps) -> Value:
    """MIN_FIRST: the range's start lies on the grid."""
    scale = build.Div(single(build, steps.most - steps.least), build.Sub(last, first))
    offset = build.Sub(away_from_zero(build, build.Mul(first, scale)), single(build, steps.least))
    moved = build.Sub(away_from_zero(build, build.Mul(x, scale)), offset)
    return build.Min(build.Max(moved, single(build, steps.least)), single(build, steps.most))


@rule("tf.Dequantize")
def dequantize(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> Value:
    """The numbers (float32, or `dtype`) that integers of type T in the range low..high stand for.

    Modes MIN_COMBINED, MIN_FIRST and SCALED; `axis` has a range for each slice. Source: dequantize_op.cc.
    """
    steps, mode = _Steps.of(node, dtype_of_value(node, x)), node.text("mode", "MIN_COMBINED")
    first, last = _spread(node, build, low, x), _spread(node, build, high, x)
    number = build.Cast(x, to=DType.F32)
    width = build.Div(build.Sub(last, first), single(build, steps.most - steps.least))
    if mode == "SCALED":
        least = steps.least + 1 if node.flag("narrow_range", False) else steps.least
        made = build.Mul(number, _unit(build, first, last, least, steps.most))
    elif mode == "MIN_COMBINED":
        made = build.Add(build.Mul(build.Add(number, single(build, steps.half)), width), first)
    elif mode == "MIN_FIRST":
        start = build.Mul(away_from_zero(build, build.Div(first, width)), width)
        start = build.Where(build.Equal(first, last), first, start)
        made = build.Add(build.Mul(build.Sub(number, single(build, steps.least)), width), start)
    else:
        raise node.refuse(f"mode {mode} is not known", field="mode")
    return cast(build, made, node.dtype("dtype", DType.F32))


def _unit(build: Builder, low: Value, high: Value, least: float, most: float) -> Value:
    """A step's size in mode SCALED: the larger of what both ends ask for."""
    by_high = build.Div(high, single(build, most))
    return build.Max(build.Div(low, single(build, least)), by_high) if least else by_high


@rule("tf.QuantizeAndDequantizeV2", "tf.QuantizeAndDequantizeV4")
def quantize_and_dequantize(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> Value:
    """x rounded to a grid of `num_bits` integers around 0, over the given range or that of x; floats of one type.

    Source: quantize_and_dequantize_op.h. `axis` has a range for each slice.
    """
    return _rounded(node, build, x, low, high, node.integer("num_bits", 8))


@rule("tf.QuantizeAndDequantizeV3", "tf.QuantizeAndDequantize")
def quantize_and_dequantize_v3(
    node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value, bits: Value
) -> Value:
    """QuantizeAndDequantizeV2 whose number of bits is a (constant) input. Source: quantize_and_dequantize_op.h."""
    return _rounded(node, build, x, low, high, node.constant_integers(bits, "num_bits")[0])


def _rounded(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value, bits: int) -> Value:
    signed, given = node.flag("signed_input", True), node.flag("range_given", False)
    least = -(2 ** (bits - 1)) + (1 if node.flag("narrow_range", False) else 0) if signed else 0
    most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    dtype = dtype_of_value(node, x)
    if dtype is not DType.F32:
        raise node.refuse(f"element type {dtype.value} is rounded otherwise", field="T", cure="use float32")
    axis = node.integer("axis", -1)
    if not given:
        others = [i for i in range(node.rank(x)) if i != axis]
        low, high = (reduce(build, name, x, others) for name in ("ReduceMin", "ReduceMax"))
    low, high = (_spread(node, build, end, x) for end in (low, high))
    sides = _sides(build, low, high, least, most)
    scale, unit = build.Min(*sides), build.Div(high, single(build, most))
    if least:
        unit = build.Where(build.Less(*sides), build.Div(low, single(build, least)), unit)
    if given:
        bottom, top = build.Mul(unit, single(build, least)), build.Mul(unit, single(build, most))
        x = build.Max(build.Min(x, top), bottom)
    scaled = build.Mul(x, scale)
    if node.text("round_mode", "HALF_TO_EVEN") == "HALF_UP":
        rounded = build.Floor(build.Add(scaled, single(build, 0.5)))
    else:
        rounded = build.Round(scaled)
    return build.Mul(rounded, unit)
