"""Resizing of pictures (N, H, W, C) in all modes; coordinates are float32, as in TensorFlow's kernels."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates
from regraft.reference.rounding import half_away

F = np.float32


class Axis:
    """How the results along one axis lie in the picture."""

    def __init__(self, call: Call, size: int, wanted: int) -> None:
        self.size, self.wanted = size, wanted
        self.aligned = call.flag("align_corners", False)
        self.halves = call.flag("half_pixel_centers", False)
        aligned = self.aligned and wanted > 1 and size > 1
        self.scale = F(size - 1) / F(wanted - 1) if aligned else F(size) / F(wanted)

    @property
    def places(self) -> Array:
        """Where each result lies."""
        index = np.arange(self.wanted, dtype=F)
        return (index + F(0.5)) * self.scale - F(0.5) if self.halves else index * self.scale

    @property
    def nearest(self) -> Array:
        """The place that is nearest: rounded when corners are aligned, else cut."""
        index = np.arange(self.wanted, dtype=F)
        if self.halves:
            found = np.floor((index + F(0.5)) * self.scale)
        elif self.aligned:
            found = half_away(index * self.scale)
        else:
            found = np.floor(index * self.scale)
        return np.asarray(np.clip(found.astype(np.int64), 0, self.size - 1))


def _axes(call: Call, x: Array, size: Array) -> tuple[Axis, Axis]:
    height, width = (int(n) for n in size)
    return Axis(call, x.shape[1], height), Axis(call, x.shape[2], width)


@evaluates("tf.ResizeNearestNeighbor")
def nearest(call: Call, x: Array, size: Array) -> Array:
    """One pixel each."""
    rows, columns = _axes(call, x, size)
    return x[:, rows.nearest][:, :, columns.nearest]


@evaluates("tf.ResizeBilinear")
def bilinear(call: Call, x: Array, size: Array) -> Array:
    """Between the pixels below and above, columns first."""
    wide = x.astype(F)
    sides = []
    for axis in _axes(call, x, size):
        low = np.floor(axis.places)
        first = np.clip(low.astype(int), 0, axis.size - 1)
        second = np.clip(np.ceil(axis.places).astype(int), 0, axis.size - 1)
        sides.append((first, second, axis.places - low))
    (top, bottom, y), (left, right, z) = sides
    z, y = z[:, None], y[:, None, None]

    def across(rows: Array) -> Array:
        a, b = wide[:, rows][:, :, left], wide[:, rows][:, :, right]
        return np.asarray(a + (b - a) * z)

    upper, lower = across(top), across(bottom)
    return np.asarray(upper + (lower - upper) * y)


@evaluates("tf.ResizeBicubic")
def bicubic(call: Call, x: Array, size: Array) -> Array:
    """Four pixels each way, weights from a table of 1024 steps."""
    rows, columns = _axes(call, x, size)
    tall = _gathered(np.moveaxis(x.astype(F), 1, 0), rows)
    return np.moveaxis(_gathered(np.moveaxis(np.moveaxis(tall, 0, 1), 2, 0), columns), 0, 2)


def _gathered(x: Array, axis: Axis) -> Array:
    """x with the axis to resize first."""
    index, weights = _cubic(axis)
    spread = (-1, *(1,) * (x.ndim - 1))
    parts = [x[index[k]] * weights[k].reshape(spread) for k in range(4)]
    return np.asarray(((parts[0] + parts[1]) + parts[2]) + parts[3])


def _cubic(axis: Axis) -> tuple[Array, Array]:
    """Four places and weights for each result. With half pixels (Keys, a = -0.5) what lies outside does not count."""
    a = -0.5 if axis.halves else -0.75
    below = np.floor(axis.places)
    step = np.rint((axis.places - below) * F(1024)) / 1024
    distances = np.stack([1 + step, step, 1 - step, 2 - step])
    near = ((a + 2) * distances - (a + 3)) * distances**2 + 1
    far = ((a * distances - 5 * a) * distances + 8 * a) * distances - 4 * a
    weights = np.where(np.asarray([[False], [True], [True], [False]]), near, far).astype(F)
    wanted = below.astype(int) + np.arange(-1, 3)[:, None]
    index = np.clip(wanted, 0, axis.size - 1)
    if axis.halves:
        weights = np.where(index == wanted, weights, F(0))
        weights = weights / (((weights[0] + weights[1]) + weights[2]) + weights[3])
    return index, weights


@evaluates("tf.ResizeArea")
def area(call: Call, x: Array, size: Array) -> Array:
    """The mean over what each result covers; past the end the last pixel counts."""
    rows, columns = (_cover(axis) for axis in _axes(call, x, size))
    return np.asarray(np.einsum("yi,nijc,xj->nyxc", rows, x.astype(np.float64), columns, optimize=True).astype(F))


def _cover(axis: Axis) -> Array:
    weights = np.zeros((axis.wanted, axis.size))
    for row in range(axis.wanted):
        first, last = F(row) * axis.scale, F(row + 1) * axis.scale
        for pixel in range(int(np.floor(first)), int(np.ceil(last))):
            weights[row, min(pixel, axis.size - 1)] += min(F(pixel + 1), last) - max(F(pixel), first)
    return weights / float(axis.scale)
