"""FlowNet's Correlation and FlowWarp."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates
from regraft.reference.windows import pad


@evaluates("caffe.Correlation", "caffe.Correlation1D")
def correlation(call: Call, a: Array, b: Array) -> Array:
    """The mean over a patch of products, or of absolute differences, for each displacement of b.

    Correlation1D moves (and pads) along rows only, with single_direction 1 to the right only.
    """
    along_rows, direction = call.op.type_name == "Correlation1D", call.integer("single_direction")
    if direction not in ((0, 1) if along_rows else (0,)):
        raise NotEvaluated(f"its single_direction is {direction}")
    kernel, most, border = (call.integer(name) for name in ("kernel_size", "max_displacement", "pad"))
    step, between = call.integer("stride_1"), call.integer("stride_2")
    tall = 0 if along_rows else border
    a, b = (pad(x, [(tall, tall), (border, border)]) for x in (a, b))
    half, reach = (kernel - 1) // 2, most // between
    top = 0 if along_rows else most
    height = -(-(a.shape[2] - 2 * (top + half)) // step)
    width = -(-(a.shape[3] - 2 * (most + half)) // step)
    subtract = call.text("correlation_type") == "SUBTRACT"
    found = []
    for dy in (0,) if along_rows else range(-reach, reach + 1):
        for dx in range(0 if direction else -reach, reach + 1):
            total = np.zeros((a.shape[0], height, width), np.float64)
            for i, j in np.ndindex(kernel, kernel):
                one = _cut(a, top + i, most + j, height, width, step)
                two = _cut(b, top + i + dy * between, most + j + dx * between, height, width, step)
                total += (np.abs(one - two) if subtract else one * two).sum(1, dtype=np.float64)
            found.append(total / (kernel * kernel * a.shape[1]))
    return np.stack(found, 1).astype(a.dtype)


def _cut(x: Array, top: int, left: int, height: int, width: int, step: int) -> Array:
    return x[:, :, top : top + (height - 1) * step + 1 : step, left : left + (width - 1) * step + 1 : step]


@evaluates("caffe.FlowWarp")
def flow_warp(call: Call, image: Array, flow: Array) -> Array:
    """Each pixel from where its flow points, bilinearly; outside of the picture the fill value."""
    n, _, height, width = image.shape
    y, x = np.indices((height, width), dtype=np.float32)
    fx, fy = x + flow[:, 0], y + flow[:, 1]
    inside = (fx >= 0) & (fx < width) & (fy >= 0) & (fy < height)
    fx, fy = np.where(inside, fx, 0), np.where(inside, fy, 0)
    left, top = fx.astype(int), fy.astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    a, b = (fx - left)[:, None], (fy - top)[:, None]
    which = np.arange(n)[:, None, None]
    pixels = image.transpose(0, 2, 3, 1)
    corners = [pixels[which, i, j].transpose(0, 3, 1, 2) for i in (top, bottom) for j in (left, right)]
    found = (1 - b) * ((1 - a) * corners[0] + a * corners[1]) + b * ((1 - a) * corners[2] + a * corners[3])
    fill = np.float32(np.nan if call.text("fill_value") == "NOT_A_NUMBER" else 0)
    return np.where(inside[:, None], found, fill).astype(image.dtype)
