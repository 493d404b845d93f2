"""Elementwise arithmetic of two inputs with broadcasting, with TensorFlow's integer division and its guarded forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import BUILT_IN, rule
from regraft.passes.tensorflow.common import cast, choose, compute, computed_in, dtype_of_value, filled, via, zero
from regraft.passes.tensorflow.elementwise import in_float32
from regraft.passes.tensorflow.node import TensorFlowNode

SAME_MEANING = {
    "Add": "Add",
    "AddV2": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "Maximum": "Max",
    "Minimum": "Min",
    "RealDiv": "Div",
}
"""Ops of two inputs that have an ONNX op of the same meaning; both broadcast as numpy does, integers wrap.

Source: cwise_ops.h.
"""
_MODULAR = ("Add", "Sub", "Mul")

Lowering = Callable[[TensorFlowNode, Builder, Value, Value], Value]


def _binary(name: str) -> Lowering:
    def lower(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
        return compute(node, build, name, x, y, modular=name in _MODULAR)

    lower.__name__ = name.lower()
    return lower


for _tensorflow, _onnx in SAME_MEANING.items():
    BUILT_IN.rule(f"tf.{_tensorflow}")(_binary(_onnx))


@rule("tf.AddN", "tf.AccumulateNV2")
def add_n(node: TensorFlowNode, build: Builder, first: Value, *more: Value) -> Value:
    """The sum of N tensors of one shape. Source: aggregate_ops.cc."""
    if not more:
        return build.Identity(first)
    for each in more:
        first = compute(node, build, "Add", first, each, modular=True)
    return first


@rule("tf.SquaredDifference")
def squared_difference(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """(x - y) * (x - y). Source: cwise_op_squared_difference.cc."""
    difference = compute(node, build, "Sub", x, y, modular=True)
    return compute(node, build, "Mul", difference, difference, modular=True)


@rule("tf.Div")
def div(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x / y; integers are cut towards zero. Source: cwise_op_div.cc. A zero divisor is an error in TensorFlow."""
    return compute(node, build, "Div", x, y)


@rule("tf.TruncateDiv")
def truncate_div(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x / y cut towards zero, of integers as of floats. Source: cwise_op_div.cc, truncate_div_real."""
    if dtype_of_value(node, x).is_integer:
        return compute(node, build, "Div", x, y)

    def formula(a: Value, b: Value) -> Value:
        quotient = build.Div(a, b)
        return build.Where(build.Less(quotient, zero(build, quotient)), build.Ceil(quotient), build.Floor(quotient))

    return in_float32(build, x, formula, y)


@rule("tf.FloorDiv")
def floor_div(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """floor(x / y), of integers as of floats. Source: cwise_ops.h, google_floor_div."""
    if dtype_of_value(node, x).is_float:
        return in_float32(build, x, lambda a, b: build.Floor(build.Div(a, b)), y)
    dtype = computed_in(node, "Div", dtype_of_value(node, x))
    return via(build, dtype, lambda a, b: _floor_quotient(build, a, b), x, y)


def _floor_quotient(build: Builder, x: Value, y: Value) -> Value:
    """ONNX cuts integers towards zero: one less where the remainders of both divisions differ."""
    quotient = build.Div(x, y)
    rest = build.Sub(x, build.Mul(quotient, y))
    differs = build.Not(build.Equal(rest, build.Mod(x, y)))
    return build.Sub(quotient, cast(build, differs, x.dtype or DType.I64))


@rule("tf.FloorMod")
def floor_mod(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """The remainder of floor(x / y): it has the sign of y. Source: cwise_ops.h, google_floor_fmod."""
    if dtype_of_value(node, x).is_integer:
        return compute(node, build, "Mod", x, y)

    def formula(a: Value, b: Value) -> Value:
        rest = build.Mod(a, b, fmod=1)
        nothing = zero(build, a)
        turned = build.Xor(build.Less(b, nothing), build.Less(rest, nothing))
        wrong = build.And(turned, build.Not(build.Equal(rest, nothing)))
        return build.Where(wrong, build.Add(rest, b), rest)

    return in_float32(build, x, formula, y)


@rule("tf.Mod", "tf.TruncateMod")
def truncate_mod(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """The remainder of x / y cut towards zero: it has the sign of x. Source: cwise_op_mod.cc (fmod, C's %)."""
    dtype = dtype_of_value(node, x)
    if dtype.is_float:
        return compute(node, build, "Mod", x, y, fmod=1)
    formula = lambda a, b: build.Sub(a, build.Mul(build.Div(a, b), b))  # noqa: E731
    return via(build, computed_in(node, "Div", dtype), formula, x, y)


@rule("tf.Pow")
def power(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x to the power y; of integers the exact product, which wraps. Source: cwise_op_pow.cc."""
    dtype = dtype_of_value(node, x)
    if dtype.is_float:
        return compute(node, build, "Pow", x, y)
    return via(build, computed_in(node, "Mul", dtype, modular=True), lambda a, b: _integer_power(build, a, b), x, y)


_EXPONENT_BITS = 6


def _integer_power(build: Builder, x: Value, y: Value) -> Value:
    """By squaring: ONNX Runtime goes through double, which is not exact.

    From 2 ** 64 on all products have wrapped past any use; bases 0, 1 and -1 only need the parity of the exponent.
    """
    one = filled(build, 1, x)
    two = filled(build, 2, y)
    limit = 1 << _EXPONENT_BITS
    small = build.Less(y, filled(build, limit, y))
    left = build.Where(small, y, build.Add(filled(build, limit - 2, y), build.Mod(y, two)))
    result, base = one, x
    for _ in range(_EXPONENT_BITS):
        odd = build.Equal(build.Mod(left, two), filled(build, 1, y))
        result = build.Mul(result, build.Where(odd, base, one))
        base = build.Mul(base, base)
        left = build.Div(left, two)
    return result


def _where_zero(node: TensorFlowNode, build: Builder, test: Value, result: Value) -> Value:
    """`result`, but 0 where `test` is."""
    return choose(node, build, build.Equal(test, zero(build, test)), zero(build, result), result)


@rule("tf.DivNoNan")
def div_no_nan(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x / y, 0 where y is 0; floats. Source: cwise_ops.h, div_no_nan_op."""
    return _where_zero(node, build, y, build.Div(x, y))


@rule("tf.MulNoNan")
def mul_no_nan(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x * y, 0 where y is 0 whatever x is; floats. Source: cwise_ops.h, mul_no_nan_op."""
    return _where_zero(node, build, y, build.Mul(x, y))


@rule("tf.Xdivy")
def xdivy(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x / y, 0 where x is 0; floats. Source: cwise_ops.h, xdivy_op."""
    return _where_zero(node, build, x, build.Div(x, y))


@rule("tf.Xlogy")
def xlogy(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """x * log(y), 0 where x is 0; floats. Source: cwise_ops.h, xlogy_op."""
    return _where_zero(node, build, x, build.Mul(x, build.Log(y)))


@rule("tf.Prelu")
def prelu(node: TensorFlowNode, build: Builder, x: Value, slope: Value) -> Value:
    """x where positive, else x * slope; a fused op that some exporters write."""
    return build.PRelu(x, slope)


@rule("tf.L2Loss")
def l2_loss(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Half the sum of squares, a scalar; floats of any shape. Source: l2loss_op.cc."""
    half = build.constant(np.asarray(0.5), dtype_of_value(node, x))
    total = build.ReduceSum(build.Mul(x, x), keepdims=0)
    return build.Mul(total, half)
