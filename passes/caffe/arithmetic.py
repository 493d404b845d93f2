"""Arithmetic on one blob or between blobs of one shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from regraft.ir import Builder, Value, shapes_agree
from regraft.passes.caffe.common import known_shape
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule


def affine(build: Builder, x: Value, scale: float, shift: float) -> Value:
    """scale * x + shift."""
    if scale != 1:
        x = build.Mul(x, build.scalar(scale, x))
    return build.Add(x, build.scalar(shift, x)) if shift else x


@rule("caffe.Power")
def power(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """(shift + scale * x) ** power; a constant when scale or power is 0. Source: power_layer.cpp."""
    exponent, scale, shift = (layer.number(n) for n in ("power", "scale", "shift"))
    if not scale * exponent:
        if shift == 0 and exponent < 0:
            raise layer.refuse("divides by zero: scale and shift are 0, and power is negative", field="power")
        with np.errstate(invalid="ignore", over="ignore"):
            constant = np.power(np.float32(shift), np.float32(exponent))
        return build.Expand(build.scalar(float(constant), x), build.Shape(x))
    y = affine(build, x, scale, shift)
    if exponent == 1:
        return y
    return build.Mul(y, y) if exponent == 2 else build.Pow(y, build.scalar(exponent, x))


def _log_base(layer: CaffeLayer) -> float:
    base = layer.number("base")
    if base != -1 and base <= 0:
        raise layer.refuse(f"base {base:g} is neither positive nor -1, which means e", field="base")
    return 1.0 if base == -1 else math.log(base)


@rule("caffe.Exp")
def exp(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """base ** (shift + scale * x). Source: exp_layer.cpp."""
    log_base, shift = _log_base(layer), layer.number("shift")
    inner = affine(build, x, log_base * layer.number("scale"), 0)
    with np.errstate(over="ignore"):
        outer = float(np.exp(np.float32(log_base * shift)))
    return affine(build, build.Exp(inner), outer, 0)


@rule("caffe.Log")
def log(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The logarithm of shift + scale * x to the base. Source: log_layer.cpp."""
    log_base = _log_base(layer)
    if not log_base:
        raise layer.refuse("base 1 has no logarithm", field="base")
    return affine(build, build.Log(affine(build, x, layer.number("scale"), layer.number("shift"))), 1 / log_base, 0)


@rule("caffe.Eltwise")
def eltwise(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """Product, sum with coefficients, or maximum of bottoms of one shape. Source: eltwise_layer.cpp.

    MIN and DIV (of two) are synopsys'.
    """
    _same_shapes(layer, bottoms)
    operation, coeff = layer.text("operation"), layer.numbers("coeff", ())
    if coeff and len(coeff) != len(bottoms):
        raise layer.refuse(f"has {len(coeff)} coeff for {len(bottoms)} bottoms", field="coeff")
    if coeff and operation == "PROD":
        raise layer.refuse("coeff goes with SUM, not with PROD: Caffe refuses it too", field="coeff")
    if operation == "SUM":
        factors = coeff or (1.0,) * len(bottoms)
        return _chain(build, "Add", [affine(build, x, c, 0) for x, c in zip(bottoms, factors, strict=True)])
    if operation == "PROD" or (operation == "DIV" and len(bottoms) == 2):
        return _chain(build, "Mul" if operation == "PROD" else "Div", bottoms)
    if operation in ("MAX", "MIN"):
        return build.many(f"onnx.{operation.capitalize()}", *bottoms)[0]
    raise layer.refuse(f"operation {operation} of {len(bottoms)} bottoms is not supported", field="operation")


def _same_shapes(layer: CaffeLayer, bottoms: Sequence[Value]) -> None:
    if not bottoms:
        raise layer.refuse("has no bottom")
    for other in bottoms[1:]:
        if not shapes_agree(bottoms[0].shape, other.shape):
            raise layer.refuse(f"its bottoms have different shapes: {bottoms[0].type} and {other.type}")


def _chain(build: Builder, op: str, values: Sequence[Value]) -> Value:
    result = values[0]
    for other in values[1:]:
        result = build.many(f"onnx.{op}", result, other)[0]
    return result


@rule("caffe.Axpy")
def axpy(layer: CaffeLayer, build: Builder, scale: Value, x: Value, y: Value) -> Value:
    """scale * x + y, a scale for each channel of each image.

    scale: (N, C) or (N, C, 1, 1); x, y: (N, C, H, W). Source: SENet's axpy_layer.cpp.
    """
    layer.shape(x)
    given = len(layer.shape(scale))
    missing = len(known_shape(x)) - given
    if given < 2 or missing < 0:
        raise layer.refuse(f"its scale has the shape {scale.type}, and two axes, N and C, are needed")
    spread = build.Unsqueeze(scale, list(range(given, given + missing))) if missing else scale
    return build.Add(build.Mul(spread, x), y)
