"""Pooling and PriorBox for pictures whose size only a run knows: the numbers that sizes decide, as ONNX ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regraft.ir import UNKNOWN, Array, Builder, DType, TensorType, Value
from regraft.passes.caffe.common import known_shape, sizes

LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True)
class OpenPool:
    """Caffe's windows over a picture of unknown size, its numbers in the order H, W; see `pool_geometry`."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    ceil: bool

    def largest(self, build: Builder, x: Value) -> Value:
        """MAX: what lies outside is the lowest number."""
        padded = self._padded(build, x, self._windows(build, x), LOWEST)
        return _of_unknown_size(build.MaxPool(padded, kernel_shape=self.kernel, strides=self.stride), x)

    def average(self, build: Builder, x: Value) -> Value:
        """AVE: the sum by the part of each window that counts."""
        windows = self._windows(build, x)
        padded = self._padded(build, x, windows, 0.0)
        mean = build.AveragePool(padded, kernel_shape=self.kernel, strides=self.stride)
        total = build.Mul(mean, build.scalar(self.kernel[0] * self.kernel[1], x))
        rows, columns = (self._lengths(build, x, windows, axis) for axis in range(2))
        area = build.Mul(build.Unsqueeze(rows, [1]), columns)
        return _of_unknown_size(build.Div(total, build.Cast(area, to=x.dtype or DType.F32)), x)

    def _windows(self, build: Builder, x: Value) -> Value:
        """How many windows there are in height and width."""
        kernel, stride, pad = (np.asarray(v, np.int64) for v in (self.kernel, self.stride, self.pad))
        size = sizes(build, x, 2, 4)
        span = build.Add(size, 2 * pad - kernel + ((stride - 1) if self.ceil else 0))
        steps = build.Div(span, stride)
        if not pad.any():
            return build.Add(steps, [1])
        outside = build.GreaterOrEqual(build.Mul(steps, stride), build.Add(size, pad))
        return build.Where(outside, steps, build.Add(steps, [1]))

    def _padded(self, build: Builder, x: Value, windows: Value, fill: float) -> Value:
        """The picture with as much around it as the windows cover."""
        kernel, stride, pad = (np.asarray(v, np.int64) for v in (self.kernel, self.stride, self.pad))
        covered = build.Add(build.Mul(windows, stride), kernel - stride - pad)
        after = build.Max(build.Sub(covered, sizes(build, x, 2, 4)), [0])
        return build.Pad(x, build.Concat([0, 0, *self.pad, 0, 0], after, axis=0), build.scalar(fill, x))

    def _lengths(self, build: Builder, x: Value, windows: Value, axis: int) -> Value:
        """How much of each window counts along height (0) or width (1): what is not beyond the padding."""
        kernel, stride, pad = self.kernel[axis], self.stride[axis], self.pad[axis]
        start = build.Sub(build.Mul(_counted(build, _entry(build, windows, axis)), [stride]), [pad])
        limit = build.Add(sizes(build, x, 2 + axis, 3 + axis), [pad])
        return build.Sub(build.Min(build.Add(start, [kernel]), limit), start)


def _of_unknown_size(result: Value, x: Value) -> Value:
    result.type = TensorType(x.dtype, (*known_shape(x)[:2], UNKNOWN, UNKNOWN))
    return result


def _entry(build: Builder, values: Value, index: int) -> Value:
    return build.Slice(values, [index], [index + 1], [0])


def _counted(build: Builder, count: Value) -> Value:
    """0, 1, ... below a count of rank 1."""
    zero, one = build.constant(0, DType.I64), build.constant(1, DType.I64)
    return build.Range(zero, build.Squeeze(count, [0]), one)


@dataclass(frozen=True)
class OpenGrid:
    """Cells of a feature map over a picture, sizes of which are not known; None is a step of the cells' share."""

    cells: Value
    """Height and width of the feature map."""
    image: Value
    """Height and width of the picture."""
    steps: tuple[float, float] | None
    offset: float

    def boxes(self, build: Builder, widths: Sequence[float], heights: Sequence[float], *, clip: bool) -> Value:
        """Boxes of these sizes around the middle of each cell: (height, width, box, 4), in parts of the picture.

        As in C++: centres and sizes are float32, corners are computed in double and stored in float32.
        """
        halves = [np.asarray(s, np.float32).astype(np.float64) / 2 for s in (heights, widths)]
        ends = [self._ends(build, axis, half) for axis, half in enumerate(halves)]
        shape = build.Concat(self.cells, [len(widths), 1], axis=0)
        columns = []
        for side in range(2):
            for axis in (1, 0):
                spread = build.Unsqueeze(ends[axis][side], [1 - axis, 3])
                columns.append(build.Expand(spread, shape))
        found = build.Cast(build.Concat(*columns, axis=3), to=DType.F32)
        return build.Clip(found, build.constant(0, DType.F32), build.constant(1, DType.F32)) if clip else found

    def _ends(self, build: Builder, axis: int, half: Array) -> tuple[Value, Value]:
        """Where boxes of these half sizes begin and end along height (0) or width (1): (cells, box) of double each."""
        cells, pixels = (_entry(build, v, axis) for v in (self.cells, self.image))
        step = build.constant([self.steps[axis]], DType.F32) if self.steps else self._share(build, cells, pixels)
        place = build.Cast(_counted(build, cells), to=DType.F32)
        centre = build.Mul(build.Add(place, build.constant([self.offset], DType.F32)), step)
        centre = build.Unsqueeze(build.Cast(centre, to=DType.F64), [1])
        whole = build.Cast(pixels, to=DType.F64)
        begin, end = (build.Div(op(centre, build.constant(half)), whole) for op in (build.Sub, build.Add))
        return begin, end

    def _share(self, build: Builder, cells: Value, pixels: Value) -> Value:
        return build.Div(build.Cast(pixels, to=DType.F32), build.Cast(cells, to=DType.F32))
