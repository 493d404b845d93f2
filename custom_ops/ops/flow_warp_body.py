"""FlowWarp in ONNX's own operators: four gathers of the neighbours, weighted."""

from __future__ import annotations

from regraft.custom_ops.ops.numbers import Attribute, column, counted, dim, flag, float32, shape
from regraft.ir import Builder, DType, Value


def flow_warp(build: Builder, image: Value, flow: Value, *, fill_nan: Attribute) -> Value:
    """Each pixel from where the flow at it points; NaN or 0 where that is outside of the image."""
    height, width = dim(build, image, 2), dim(build, image, 3)
    rows = build.Unsqueeze(counted(build, height), [1])
    from_x = build.Add(counted(build, width), column(build, flow, 0, axis=1))
    from_y = build.Add(rows, column(build, flow, 1, axis=1))
    inside = build.And(_within(build, from_x, width), _within(build, from_y, height))
    left, right, a = _neighbours(build, from_x, inside, width)
    top, bottom, b = _neighbours(build, from_y, inside, height)
    flat = build.Reshape(image, shape(build, dim(build, image, 0), dim(build, image, 1), -1))

    def at(row: Value, column_: Value) -> Value:
        place = build.Add(build.Mul(row, width), column_)
        place = build.Reshape(place, shape(build, dim(build, image, 0), 1, -1))
        return build.GatherElements(flat, build.Expand(place, build.Shape(flat)), axis=2)

    one = float32(build, 1)
    total: Value | None = None
    for row, weight_y in ((top, build.Sub(one, b)), (bottom, b)):
        for column_, weight_x in ((left, build.Sub(one, a)), (right, a)):
            weight = build.Reshape(build.Mul(weight_x, weight_y), shape(build, dim(build, image, 0), 1, -1))
            term = build.Mul(weight, at(row, column_))
            total = term if total is None else build.Add(total, term)
    assert total is not None
    fill = build.Where(flag(build, fill_nan), float32(build, float("nan")), float32(build, 0))
    warped = build.Reshape(total, build.Shape(image))
    return build.Where(build.Unsqueeze(inside, [1]), warped, fill)


def _within(build: Builder, place: Value, size: Value) -> Value:
    """Whether places lie in 0 <= place < size; NaN does not."""
    above = build.GreaterOrEqual(place, float32(build, 0))
    return build.And(above, build.Less(place, build.Cast(size, to=DType.F32)))


def _neighbours(build: Builder, place: Value, inside: Value, size: Value) -> tuple[Value, Value, Value]:
    """The places before and after (int64, the last twice), and how far the first lies behind."""
    safe = build.Where(inside, place, float32(build, 0))
    before = build.Cast(safe, to=DType.I64)
    after = build.Min(build.Add(before, [1]), build.Sub(size, [1]))
    return before, after, build.Sub(safe, build.Cast(before, to=DType.F32))
