"""Special functions in double precision, as ONNX ops: asymptotic series behind a shift of the argument."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from regraft.custom_ops.schema import OPS, Body, CustomOp
from regraft.ir import Array, Builder, DType, Op, TensorType, Value

SHIFT = 8
"""Arguments below are moved up by as much with the function's recurrence: there the series below are exact."""
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
"""B(2k) / (2k (2k - 1)), k = 1, 2, ...: the series of lgamma in odd powers of 1/z."""
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
"""B(2), B(4), ..., B(20)."""
MOST_TERMS = 100_000


def number(build: Builder, value: float) -> Value:
    """A double."""
    return build.constant(np.asarray(value, np.float64))


def polynomial(build: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x^2 + ..."""
    result = number(build, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = build.Add(build.Mul(result, x), number(build, coefficient))
    return result


def _reflected(build: Builder, x: Value) -> tuple[Value, Value, Value]:
    """Whether x is below 1/2, 1 - x there and x elsewhere, and sin(pi x) exact near integers."""
    below = build.Less(x, number(build, 0.5))
    positive = build.Where(below, build.Sub(number(build, 1), x), x)
    rest = build.Mul(build.Sub(x, build.Round(x)), number(build, math.pi))
    return below, positive, rest


def lgamma(build: Builder, x: Value) -> Value:
    """log |gamma(x)|; infinite at 0, -1, -2, ... and at both ends."""
    below, y, rest = _reflected(build, x)
    small = build.Less(y, number(build, SHIFT))
    start = build.Where(small, y, number(build, 1))
    product = start
    for i in range(1, SHIFT):
        product = build.Mul(product, build.Add(start, number(build, i)))
    z = build.Where(small, build.Add(y, number(build, SHIFT)), y)
    inverse = build.Reciprocal(z)
    series = build.Mul(polynomial(build, build.Mul(inverse, inverse), STIRLING), inverse)
    main = build.Sub(build.Mul(build.Sub(z, number(build, 0.5)), build.Log(z)), z)
    value = build.Add(build.Add(main, number(build, math.log(2 * math.pi) / 2)), series)
    value = build.Where(small, build.Sub(value, build.Log(product)), value)
    mirrored = build.Log(build.Div(number(build, math.pi), build.Abs(build.Sin(rest))))
    value = build.Where(below, build.Sub(mirrored, value), value)
    return build.Where(build.IsInf(x), number(build, math.inf), value)


def digamma(build: Builder, x: Value) -> Value:
    """The derivative of log gamma; not a number at 0, -1, -2, ..."""
    below, y, rest = _reflected(build, x)
    z, lowered = y, number(build, 0)
    small = build.Less(y, number(build, SHIFT))
    for i in range(SHIFT):
        lowered = build.Add(lowered, build.Reciprocal(build.Add(y, number(build, i))))
    z = build.Where(small, build.Add(y, number(build, SHIFT)), y)
    inverse = build.Reciprocal(z)
    square = build.Mul(inverse, inverse)
    series = polynomial(build, square, [b / (2 * k) for k, b in enumerate(BERNOULLI, 1)])
    half = build.Mul(inverse, number(build, 0.5))
    value = build.Sub(build.Sub(build.Log(z), half), build.Mul(series, square))
    value = build.Where(small, build.Sub(value, lowered), value)
    mirrored = build.Div(build.Mul(build.Cos(rest), number(build, math.pi)), build.Sin(rest))
    pole = build.And(build.Equal(rest, number(build, 0)), build.LessOrEqual(x, number(build, 0)))
    value = build.Where(below, build.Sub(value, mirrored), value)
    return build.Where(pole, number(build, math.nan), value)


def zeta(build: Builder, s: Value, q: Value) -> Value:
    """The sum of (q + k)^-s over k = 0, 1, ... by Euler and Maclaurin; s above 1."""
    ones = build.Mul(build.Add(s, q), number(build, 0))
    s, q = build.Add(s, ones), build.Add(q, ones)  # of one shape
    least = build.ReduceMin(build.Concat(build.Reshape(q, [-1]), np.zeros(1), axis=0), keepdims=0)
    count = build.Add(build.Ceil(build.Neg(build.Max(least, number(build, -MOST_TERMS)))), number(build, 10))
    terms = build.Range(number(build, 0), count, number(build, 1))
    power = build.Neg(build.Unsqueeze(s, [-1]))
    total = build.ReduceSum(build.Pow(build.Add(build.Unsqueeze(q, [-1]), terms), power), [-1], keepdims=0)
    w = build.Add(q, count)
    last = build.Pow(w, build.Neg(s))
    total = build.Add(total, build.Div(build.Mul(last, w), build.Sub(s, number(build, 1))))
    total = build.Add(total, build.Mul(last, number(build, 0.5)))
    inverse = build.Reciprocal(w)
    square = build.Mul(inverse, inverse)
    factor = build.Mul(build.Mul(last, inverse), s)
    for k, bernoulli in enumerate(BERNOULLI, 1):
        total = build.Add(total, build.Mul(factor, number(build, bernoulli / math.factorial(2 * k))))
        rising = build.Mul(build.Add(s, number(build, 2 * k - 1)), build.Add(s, number(build, 2 * k)))
        factor = build.Mul(build.Mul(factor, square), rising)
    one = number(build, 1)
    total = build.Where(build.Less(s, one), number(build, math.nan), total)
    return build.Where(build.Equal(s, one), number(build, math.inf), total)


_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_FAR_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip
"""Wichura's algorithm AS 241 (1988), PPND16: numerators and denominators."""


def _ratio(build: Builder, x: Value, pair: tuple[Sequence[float], Sequence[float]]) -> Value:
    return build.Div(polynomial(build, x, pair[0]), polynomial(build, x, pair[1]))


def normal_quantile(build: Builder, middle: Value, tail: Value) -> Value:
    """The normal distribution's quantile of p, given as p - 1/2 and min(p, 1 - p)."""
    square = build.Mul(middle, middle)
    centre = build.Mul(middle, _ratio(build, build.Sub(number(build, 0.180625), square), _CENTRE))
    root = build.Sqrt(build.Neg(build.Log(tail)))
    near = _ratio(build, build.Sub(root, number(build, 1.6)), _TAIL)
    far = _ratio(build, build.Sub(root, number(build, 5)), _FAR_TAIL)
    outer = build.Mul(build.Where(build.LessOrEqual(root, number(build, 5)), near, far), build.Sign(middle))
    value = build.Where(build.LessOrEqual(build.Abs(middle), number(build, 0.425)), centre, outer)
    ends = build.Mul(number(build, math.inf), build.Sign(middle))
    value = build.Where(build.Equal(tail, number(build, 0)), ends, value)
    return build.Where(build.Less(tail, number(build, 0)), number(build, math.nan), value)


def erfinv(build: Builder, x: Value) -> Value:
    """The inverse of erf, from -1 to 1."""
    half = number(build, 0.5)
    tail = build.Mul(build.Sub(number(build, 1), build.Abs(x)), half)
    return build.Mul(normal_quantile(build, build.Mul(x, half), tail), number(build, math.sqrt(0.5)))


def ndtri(build: Builder, p: Value) -> Value:
    """The quantile of the normal distribution, from 0 to 1."""
    tail = build.Min(p, build.Sub(number(build, 1), p))
    return normal_quantile(build, build.Sub(p, number(build, 0.5)), tail)


def same_type(op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]) -> list[TensorType | None]:
    """The element type and shape of the input."""
    return [types[0] or TensorType(DType.F64)]


def _of_two(op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]) -> list[TensorType | None]:
    shapes = [t.static_shape if t else None for t in types]
    if shapes[0] is None or shapes[1] is None:
        return [TensorType(DType.F64)]
    return [TensorType(DType.F64, np.broadcast_shapes(shapes[0], shapes[1]))]


_FUNCTIONS: dict[str, Body] = {"Lgamma": lgamma, "Digamma": digamma, "Erfinv": erfinv, "Ndtri": ndtri}
for _name, _body in _FUNCTIONS.items():
    OPS.add(CustomOp(_name, ("x",), same_type, body=_body, source=(_body.__doc__ or "").partition(";")[0]))
OPS.add(CustomOp("Zeta", ("s", "q"), _of_two, body=zeta, source="Hurwitz' zeta function, s above 1"))
