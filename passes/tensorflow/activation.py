"""Activations with constants of their own."""

from __future__ import annotations

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import compute, computed_in, dtype_of_value, filled, via, zero
from regraft.passes.tensorflow.node import TensorFlowNode


@rule("tf.Relu6")
def relu6(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """min(max(x, 0), 6), any real element type. Source: TensorFlow's relu_op_functor.h."""
    dtype = computed_in(node, "Clip", dtype_of_value(node, x))
    return via(build, dtype, lambda v: build.Clip(v, build.scalar(0, v), build.scalar(6, v)), x)


@rule("tf.LeakyRelu")
def leaky_relu(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """x where x > 0, else alpha * x; x float. Source: TensorFlow's relu_op_functor.h (alpha is 0.2 by default)."""
    alpha = node.number("alpha", 0.2)
    if dtype_of_value(node, x) is not DType.F64:
        return compute(node, build, "LeakyRelu", x, alpha=alpha)
    return build.Where(build.Greater(x, zero(build, x)), x, build.Mul(x, filled(build, alpha, x)))
