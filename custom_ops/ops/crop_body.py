"""CropAndResize in ONNX's own operators: every neighbour of every pixel of the crops gathered."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.custom_ops.ops.numbers import Attribute, number
from regraft.ir import Builder, DType, Value


def crop_bilinear(
    build: Builder, image: Value, boxes: Value, owners: Value, size: Value, *, extrapolation_value: Attribute
) -> Value:
    """Between the four pixels around each place; `extrapolation_value` outside of the image."""
    rows, columns, pixels = _places(build, image, boxes, owners, size)
    (top, bottom), (left, right) = rows.neighbours(), columns.neighbours()
    upper = _mixed(build, pixels.at(top, left), pixels.at(top, right), columns.share)
    lower = _mixed(build, pixels.at(bottom, left), pixels.at(bottom, right), columns.share)
    crops = _mixed(build, upper, lower, rows.share)
    return build.Where(build.And(rows.inside, columns.inside), crops, number(build, extrapolation_value))


def crop_nearest(
    build: Builder, image: Value, boxes: Value, owners: Value, size: Value, *, extrapolation_value: Attribute
) -> Value:
    """The pixel next to each place; `extrapolation_value` outside of the image."""
    rows, columns, pixels = _places(build, image, boxes, owners, size)
    crops = pixels.at(rows.rounded(), columns.rounded())
    return build.Where(build.And(rows.inside, columns.inside), crops, number(build, extrapolation_value))


def _places(build: Builder, image: Value, boxes: Value, owners: Value, size: Value) -> tuple[_Axis, _Axis, _Pixels]:
    shape = build.Shape(image)
    rows, columns = (
        _Axis(build, boxes, axis, _scalar(build, shape, axis + 1), _scalar(build, size, axis)) for axis in (0, 1)
    )
    return rows, columns, _Pixels(build, image, shape, build.Unsqueeze(owners, [1, 2]))


def _scalar(build: Builder, vector: Value, place: int) -> Value:
    return build.Gather(vector, build.constant(place, DType.I64))


class _Axis:
    """Where the crops' rows (or columns) lie in the image; all values broadcast to (B, rows, columns, C)."""

    def __init__(self, build: Builder, boxes: Value, axis: int, have: Value, want: Value) -> None:
        self.build = build
        self.have = have
        one = build.constant(1, DType.F32)
        first, second = (build.Gather(boxes, [place], axis=1) for place in (axis, axis + 2))  # (B, 1)
        last = build.Sub(build.Cast(have, to=DType.F32), one)
        count = build.Cast(want, to=DType.F32)
        steps = build.Max(build.Sub(count, one), one)
        scale = build.Div(build.Mul(build.Sub(second, first), last), steps)
        zero, single = build.constant(0, DType.I64), build.constant(1, DType.I64)
        places = build.Cast(build.Range(zero, want, single), to=DType.F32)
        spread = build.Add(build.Mul(first, last), build.Mul(build.Unsqueeze(places, [0]), scale))
        centre = build.Mul(build.Mul(build.Add(first, second), build.constant(0.5, DType.F32)), last)
        place = build.Where(build.Greater(count, one), spread, centre)
        self.place = build.Unsqueeze(place, [2, 3] if axis == 0 else [1, 3])
        self.low = build.Floor(self.place)
        self.share = build.Sub(self.place, self.low)
        within = build.GreaterOrEqual(self.place, build.constant(0, DType.F32))
        self.inside = build.And(within, build.LessOrEqual(self.place, last))

    def neighbours(self) -> tuple[Value, Value]:
        """The elements below and above."""
        return self._index(self.low), self._index(self.build.Ceil(self.place))

    def rounded(self) -> Value:
        """The nearest element, halves away from zero as in roundf."""
        up = self.build.GreaterOrEqual(self.share, self.build.constant(0.5, DType.F32))
        return self._index(self.build.Add(self.low, self.build.Cast(up, to=DType.F32)))

    def _index(self, place: Value) -> Value:
        """As indices (B, rows, 1) or (B, 1, columns), kept inside the image where the crop is not."""
        build = self.build
        last = build.Sub(self.have, build.constant(1, DType.I64))
        index = build.Cast(build.Squeeze(place, [3]), to=DType.I64)
        return build.Max(build.Min(index, last), build.constant(0, DType.I64))


@dataclass(frozen=True)
class _Pixels:
    """All pixels of all images in one list, and which image each box belongs to (B, 1, 1)."""

    build: Builder
    image: Value
    shape: Value
    owners: Value

    def at(self, rows: Value, columns: Value) -> Value:
        """The pixels (B, rows, columns, C) at these places."""
        build = self.build
        height, width = (_scalar(build, self.shape, axis) for axis in (1, 2))
        index = build.Add(build.Mul(build.Add(build.Mul(self.owners, height), rows), width), columns)
        flat = build.Reshape(self.image, build.Concat([-1], build.Slice(self.shape, [3], [4]), axis=0))
        return build.Gather(flat, index, axis=0)


def _mixed(build: Builder, low: Value, high: Value, share: Value) -> Value:
    return build.Add(low, build.Mul(build.Sub(high, low), share))
