"""Crops of images, each brought to one size."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.ir import UNKNOWN, Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, to_int64, with_shape
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.resize import image_size


@rule("tf.CropAndResize")
def crop_and_resize(
    node: TensorFlowNode, build: Builder, image: Value, boxes: Value, owners: Value, size: Value
) -> Value:
    """Boxes cut out of images and resized, bilinear or nearest, outside of the image `extrapolation_value`.

    image (N, H, W, C), any real element type; boxes (B, 4) float32: y1, x1, y2, x2 in shares of H - 1 and W - 1;
    owners (B) int32: the image of each box; size (2) int32. Result: (B, size[0], size[1], C) float32.
    Corners are aligned. Source: TensorFlow's crop_and_resize_op.cc, whose float32 arithmetic is repeated step by step.
    """
    method = node.text("method", "bilinear")
    if method not in ("bilinear", "nearest"):
        raise node.refuse(f"method {method} is not known", field="method")
    if node.rank(image) != 4:
        raise node.refuse(f"its image is {image.type}, not of rank 4")
    boxes, owners = with_shape(boxes, (UNKNOWN, 4)), with_shape(owners, (UNKNOWN,))
    shape, wanted = build.Shape(image), image_size(build, size)
    axes = [_Axis(build, boxes, axis, build.Gather(shape, axis + 1), build.Gather(wanted, axis)) for axis in (0, 1)]
    pixels = _Pixels(build, cast(build, image, DType.F32), shape, build.Unsqueeze(to_int64(build, owners), [1, 2]))
    rows, columns = axes
    if method == "nearest":
        crops = pixels.at(rows.rounded(), columns.rounded())
    else:
        (top, bottom), (left, right) = rows.neighbours(), columns.neighbours()
        upper = _mixed(build, pixels.at(top, left), pixels.at(top, right), columns.share)
        lower = _mixed(build, pixels.at(bottom, left), pixels.at(bottom, right), columns.share)
        crops = _mixed(build, upper, lower, rows.share)
    outside = build.constant(node.number("extrapolation_value", 0.0), DType.F32)
    return build.Where(build.And(rows.inside, columns.inside), crops, outside)


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
        height, width = (build.Gather(self.shape, axis) for axis in (1, 2))
        index = build.Add(build.Mul(build.Add(build.Mul(self.owners, height), rows), width), columns)
        flat = build.Reshape(self.image, build.Concat([-1], build.Slice(self.shape, [3], [4]), axis=0))
        return build.Gather(flat, index, axis=0)


def _mixed(build: Builder, low: Value, high: Value, share: Value) -> Value:
    return build.Add(low, build.Mul(build.Sub(high, low), share))
