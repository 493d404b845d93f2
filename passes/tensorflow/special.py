"""Special functions, computed in double precision whatever the element type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import BUILT_IN, rule
from regraft.passes.tensorflow.common import via
from regraft.passes.tensorflow.node import TensorFlowNode


def _unary(name: str) -> Callable[[TensorFlowNode, Builder, Value], Value]:
    def lower(node: TensorFlowNode, build: Builder, x: Value) -> Value:
        return via(build, DType.F64, lambda v: build.many(f"regraft.{name}", v)[0], x)

    lower.__name__ = name.lower()
    lower.__doc__ = f"{name} of each element; floats. Source: cwise_op_{name.lower()}.cc; computed in double."
    return lower


for _name in ("Lgamma", "Digamma", "Erfc", "Erfinv", "Ndtri"):
    BUILT_IN.rule(f"tf.{_name}")(_unary(_name))


@rule("tf.Zeta")
def zeta(node: TensorFlowNode, build: Builder, s: Value, q: Value) -> Value:
    """The sum of (q + k)^-s over k = 0, 1, ...; floats that broadcast. Source: cwise_op_zeta.cc.

    Not a number for s below 1; of negative q only whole s are meant.
    """
    return via(build, DType.F64, build.regraft.Zeta, s, q)


@rule("tf.Polygamma")
def polygamma(node: TensorFlowNode, build: Builder, n: Value, x: Value) -> Value:
    """The n-th derivative of digamma at x; floats that broadcast. Source: cwise_op_polygamma.cc.

    It is (-1)^(n+1) n! zeta(n + 1, x), and digamma where n is 0.
    """

    def formula(order: Value, value: Value) -> Value:
        one, two = (build.constant(np.asarray(v, np.float64)) for v in (1, 2))
        above = build.Add(order, one)
        factorial = build.Exp(build.regraft.Lgamma(above))
        even = build.Equal(build.Mod(order, two, fmod=1), build.constant(np.asarray(0.0)))
        sign = build.Where(even, build.Neg(one), one)
        derived = build.Mul(build.Mul(sign, factorial), build.regraft.Zeta(above, value))
        zeroth = build.Equal(order, build.constant(np.asarray(0.0)))
        return build.Where(zeroth, build.regraft.Digamma(value), derived)

    return via(build, DType.F64, formula, n, x)
