"""Pictures seen through a projective transform: rotations, shears, shifts and changes of perspective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, dtype_of_value, scalar, split
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.resize import image_size

_ZERO, _HALF, _ONE = (np.asarray(n, np.float32) for n in (0, 0.5, 1))


@dataclass(frozen=True)
class _Picture:
    """What pixels are read from: (n, rows * columns, channels), its sizes as float32 scalars, and what lies outside."""

    pixels: Value
    rows: Value
    columns: Value
    fill: Value

    def at(self, build: Builder, y: Value, x: Value) -> Value:
        """(n, h, w, channels): the pixels at whole coordinates (m, h, w), m being n or 1, as float32."""
        inside = build.And(_within(build, y, self.rows), _within(build, x, self.columns))
        place = build.Where(inside, build.Add(build.Mul(y, self.columns), x), _ZERO)
        batch = build.Concat(build.Slice(build.Shape(self.pixels), [0], [1], [0]), [1, 1], axis=0)
        places = build.Unsqueeze(build.Expand(build.Cast(place, to=DType.I64), batch), [-1])
        found = build.GatherND(self.pixels, places, batch_dims=1)
        return build.Where(build.Unsqueeze(inside, [-1]), cast(build, found, DType.F32), self.fill)


def _within(build: Builder, place: Value, size: Value) -> Value:
    return build.And(build.GreaterOrEqual(place, _ZERO), build.Less(place, size))


@rule("tf.ImageProjectiveTransformV2", "tf.ImageProjectiveTransformV3")
def project(
    node: TensorFlowNode, build: Builder, x: Value, transforms: Value, size: Value, fill: Value | None = None
) -> Value:
    """x (n, h, w, c) read at other places: output pixel (x, y) is x at ((a x + b y + c) / k, (d x + e y + f) / k).

    transforms: (n or 1, 8) float32 rows a to h, k being g x + h y + 1; size: the height and width of the result.
    Places outside hold `fill` (0), or are mirrored, repeated or clamped, as `fill_mode` says.
    Source: image/image_ops.h, ProjectiveGenerator.
    """
    dtype = dtype_of_value(node, x)
    rows, columns = (
        scalar(build, build.Cast(build.Slice(build.Shape(x), [i], [i + 1], [0]), to=DType.F32)) for i in (1, 2)
    )
    depth = build.Slice(build.Shape(x), [3], [4], [0])
    pixels = build.Reshape(x, build.Concat([0, -1], depth, axis=0))
    outside = build.constant(_ZERO) if fill is None else scalar(build, fill)
    outside = cast(build, cast(build, outside, dtype), DType.F32)
    picture = _Picture(pixels, rows, columns, outside)
    ground, x_place, y_place = _source_places(build, transforms, size)
    mode = node.text("fill_mode", "CONSTANT")
    if mode not in _MAPPED:
        raise node.refuse(f"fill_mode {mode} is not known", field="fill_mode")
    y_place, x_place = _MAPPED[mode](build, y_place, rows), _MAPPED[mode](build, x_place, columns)
    way = node.text("interpolation")
    if way not in ("NEAREST", "BILINEAR"):
        raise node.refuse(f"interpolation {way} is not known", field="interpolation")
    seen = (_nearest if way == "NEAREST" else _bilinear)(build, picture, y_place, x_place)
    horizon = build.Unsqueeze(build.Equal(ground, _ZERO), [-1])
    return cast(build, build.Where(horizon, outside, seen), dtype)


def _source_places(build: Builder, transforms: Value, size: Value) -> tuple[Value, Value, Value]:
    """The divisor k, and x and y of the source of each output pixel, each (m, h, w)."""
    wanted = image_size(build, size)
    ends = [scalar(build, build.Slice(wanted, [i], [i + 1], [0])) for i in (0, 1)]
    order = [
        build.Cast(build.Range(np.asarray(0, np.int64), end, np.asarray(1, np.int64)), to=DType.F32) for end in ends
    ]
    row, column = build.Unsqueeze(order[0], [1]), build.Unsqueeze(order[1], [0])
    factors = split(build, build.Unsqueeze(transforms, [2]), None, 1, 8)

    def line(first: Value, second: Value, offset: Value) -> Value:
        return build.Add(build.Add(build.Mul(first, column), build.Mul(second, row)), offset)

    ground = line(factors[6], factors[7], build.constant(_ONE))
    return ground, build.Div(line(*factors[:3]), ground), build.Div(line(*factors[3:6]), ground)


def _nearest(build: Builder, picture: _Picture, y: Value, x: Value) -> Value:
    return picture.at(build, _rounded(build, y), _rounded(build, x))


def _rounded(build: Builder, x: Value) -> Value:
    """The nearest whole number, halves away from zero as C++ rounds."""
    size = build.Abs(x)
    down = build.Floor(size)
    up = build.GreaterOrEqual(build.Sub(size, down), _HALF)
    return build.Mul(build.Sign(x), build.Add(down, build.Cast(up, to=DType.F32)))


def _bilinear(build: Builder, picture: _Picture, y: Value, x: Value) -> Value:
    top, left = build.Floor(y), build.Floor(x)
    bottom, right = build.Add(top, _ONE), build.Add(left, _ONE)
    to_right, to_left = (build.Unsqueeze(v, [-1]) for v in (build.Sub(right, x), build.Sub(x, left)))
    upper, lower = (
        build.Add(
            build.Mul(to_right, picture.at(build, row, left)),
            build.Mul(to_left, picture.at(build, row, right)),
        )
        for row in (top, bottom)
    )
    to_bottom, to_top = (build.Unsqueeze(v, [-1]) for v in (build.Sub(bottom, y), build.Sub(y, top)))
    return build.Add(build.Mul(to_bottom, upper), build.Mul(to_top, lower))


def _clamped(build: Builder, place: Value, size: Value) -> Value:
    return build.Max(build.Min(place, build.Sub(size, _ONE)), _ZERO)


def _reflected(build: Builder, place: Value, size: Value) -> Value:
    """dcba|abcd|dcba, the way there in float32 as TensorFlow takes it."""
    period = build.Add(size, size)
    turned = build.Add(build.Mul(period, build.Floor(build.Div(build.Neg(place), period))), place)
    before = build.Where(
        build.Less(turned, build.Neg(size)), build.Add(turned, period), build.Sub(build.Neg(turned), _ONE)
    )
    turned = build.Sub(place, build.Mul(period, build.Floor(build.Div(place, period))))
    behind = build.Where(build.GreaterOrEqual(turned, size), build.Sub(build.Sub(period, turned), _ONE), turned)
    return _chosen(build, place, size, before, behind)


def _wrapped(build: Builder, place: Value, size: Value) -> Value:
    """abcd|abcd|abcd."""
    steps = build.Sub(size, _ONE)
    times = build.Add(build.Floor(build.Div(build.Neg(place), steps)), _ONE)
    before = build.Add(place, build.Mul(size, times))
    behind = build.Sub(place, build.Mul(size, build.Floor(build.Div(place, steps))))
    return _chosen(build, place, size, before, behind)


def _chosen(build: Builder, place: Value, size: Value, before: Value, behind: Value) -> Value:
    last = build.Sub(size, _ONE)
    mapped = build.Where(build.Less(place, _ZERO), before, build.Where(build.Greater(place, last), behind, place))
    return _clamped(build, build.Where(build.LessOrEqual(size, _ONE), _ZERO, mapped), size)


_MAPPED: dict[str, Callable[[Builder, Value, Value], Value]] = {
    "CONSTANT": lambda build, place, size: place,
    "NEAREST": _clamped,
    "REFLECT": _reflected,
    "WRAP": _wrapped,
}
