"""Resizing with filters that widen as pictures shrink: `tf.image.resize` with `antialias`, or by Lanczos filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, reduce, scalar
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.resize import image_size

Curve = Callable[[Builder, Value], Value]
"""The weight of a sample at a distance that is not negative, both float32."""


def _number(value: float) -> np.ndarray[tuple[()], np.dtype[np.float32]]:
    return np.asarray(value, np.float32)


@dataclass(frozen=True)
class _Filter:
    """A sampling kernel: how far it reaches, and its curve."""

    radius: float
    curve: Curve


def _below(build: Builder, distance: Value, limit: float, weight: Value | float, rest: Value | float) -> Value:
    """`weight` where the distance is less than `limit`, `rest` elsewhere."""
    near, far = (v if isinstance(v, Value) else build.constant(_number(v)) for v in (weight, rest))
    return build.Where(build.Less(distance, _number(limit)), near, far)


def _polynomial(build: Builder, x: Value, *factors: float) -> Value:
    """Horner's scheme, the highest power first."""
    result: Value = build.constant(_number(factors[0]))
    for factor in factors[1:]:
        result = build.Add(build.Mul(result, x), _number(factor))
    return result


def _cubic(inner: tuple[float, ...], outer: tuple[float, ...]) -> _Filter:
    def curve(build: Builder, x: Value) -> Value:
        far = _below(build, x, 2, _polynomial(build, x, *outer), 0)
        return _below(build, x, 1, _polynomial(build, x, *inner), far)

    return _Filter(2, curve)


def _lanczos(radius: int) -> _Filter:
    def curve(build: Builder, x: Value) -> Value:
        angle = build.Mul(x, _number(math.pi))
        waves = build.Mul(build.Sin(angle), build.Sin(build.Div(angle, _number(radius))))
        safe = _below(build, x, 1e-3, 1, build.Mul(angle, angle))
        weight = build.Div(build.Mul(waves, _number(radius)), safe)
        outside = build.Greater(x, _number(radius))
        return build.Where(outside, _number(0), _below(build, x, 1e-3, 1, weight))

    return _Filter(radius, curve)


def _gaussian(build: Builder, x: Value) -> Value:
    weight = build.Exp(build.Div(build.Neg(build.Mul(x, x)), _number(0.5)))
    return _below(build, x, 1.5, weight, 0)


def _box(build: Builder, x: Value) -> Value:
    edge = build.Where(build.Equal(x, _number(0.5)), _number(0.5), _number(0))
    return _below(build, x, 0.5, 1, edge)


def _triangle(build: Builder, x: Value) -> Value:
    return _below(build, x, 1, build.Sub(_number(1), x), 0)


FILTERS = {
    "lanczos1": _lanczos(1),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
    "gaussian": _Filter(1.5, _gaussian),
    "box": _Filter(1, _box),
    "triangle": _Filter(1, _triangle),
    "keyscubic": _cubic((1.5, -2.5, 0, 1), (-0.5, 2.5, -4, 2)),
    "mitchellcubic": _cubic((7 / 6, -2, 0, 8 / 9), (-7 / 18, 2, -10 / 3, 16 / 9)),
}


@rule("tf.ScaleAndTranslate")
def scale_and_translate(
    node: TensorFlowNode, build: Builder, x: Value, size: Value, scale: Value, translation: Value
) -> Value:
    """x (n, h, w, c), any real element type, to (n, size[0], size[1], c) float32: each pixel a weighted mean.

    Input pixel i lies at i * scale + translation in the result; both are (2,) float32. The weights of rows and of
    columns are matrices, constants where the sizes are. Source: scale_and_translate_op.cc, sampling_kernels.h.
    """
    name = node.text("kernel_type", "lanczos3")
    if name not in FILTERS:
        raise node.refuse(f"kernel_type {name} is not known", field="kernel_type")
    antialias, wanted, image = node.flag("antialias", True), image_size(build, size), cast(build, x, DType.F32)
    rows, columns = (
        _weights(
            build,
            FILTERS[name],
            (_element(build, build.Shape(x), axis + 1), _element(build, wanted, axis)),
            (_element(build, scale, axis), _element(build, translation, axis)),
            antialias,
        )
        for axis in (0, 1)
    )
    given = build.Shape(image)
    flat = build.Reshape(image, build.Concat(build.Slice(given, [0], [2], [0]), [-1], axis=0))
    tall = build.MatMul(rows, flat)
    ends = build.Slice(wanted, [0], [1], [0]), build.Slice(given, [2], [4], [0])
    opened = build.Reshape(tall, build.Concat(build.Slice(given, [0], [1], [0]), *ends, axis=0))
    return build.MatMul(columns, opened)


def _element(build: Builder, vector: Value, index: int) -> Value:
    return scalar(build, build.Slice(vector, [index], [index + 1], [0]))


def _weights(
    build: Builder, kernel: _Filter, sizes: tuple[Value, Value], line: tuple[Value, Value], antialias: bool
) -> Value:
    """(out, in) float32: how much each input counts in each output, in the float32 steps of TensorFlow."""
    given = build.Cast(sizes[0], to=DType.F32)
    inputs, outputs = (
        build.Cast(build.Range(np.asarray(0, np.int64), size, np.asarray(1, np.int64)), to=DType.F32) for size in sizes
    )
    inverse = build.Div(_number(1), line[0])
    offset = build.Neg(build.Mul(inverse, line[1]))
    width = build.Max(inverse, _number(1)) if antialias else build.constant(_number(1))
    centre = build.Add(build.Mul(build.Add(outputs, _number(0.5)), inverse), offset)
    centre = build.Unsqueeze(centre, [1])
    reach, last = build.Mul(width, _number(kernel.radius)), build.Sub(given, _number(1))
    first = build.Ceil(build.Sub(build.Sub(centre, reach), _number(0.5)))
    final = build.Floor(build.Sub(build.Add(centre, reach), _number(0.5)))
    first, final = (build.Max(build.Min(v, last), _number(0)) for v in (first, final))
    source = build.Unsqueeze(inputs, [0])
    distance = build.Abs(build.Div(build.Sub(build.Add(source, _number(0.5)), centre), width))
    seen = build.And(build.GreaterOrEqual(source, first), build.LessOrEqual(source, final))
    inside = build.And(build.GreaterOrEqual(centre, _number(0)), build.LessOrEqual(centre, given))
    weight = build.Where(build.And(seen, inside), kernel.curve(build, distance), _number(0))
    total = reduce(build, "ReduceSum", weight, [1], keepdims=True)
    vanishing = build.Less(build.Abs(total), _number(1000 * float(np.finfo(np.float32).tiny)))
    return build.Where(vanishing, _number(0), build.Div(weight, build.Where(vanishing, _number(1), total)))
