"""Convolutions with few output channels, of which ONNX Runtime's fast kernels compute sixteen at least."""

from __future__ import annotations

import numpy as np

from regraft.ir import Array, DType, Op, Value
from regraft.passes.rewrite import Rewriter, rewrite

BLOCK = 16
"""Output channels that are computed together, whether they are there or not."""
FEWEST_PRODUCTS = 1 << 20
"""Below this many multiplications the rearranging costs more than it saves."""
WORTH_IT = 0.6
"""The share of the work that may be left."""


@rewrite("onnx.Conv")
def widen_narrow(op: Op, rewriter: Rewriter) -> Value | None:
    """Conv of O channels   =>   Conv of O * r, which are r neighbouring columns of each, side by side again after it

        x --Conv(W, stride s)--> y
    =>  x --Conv(W', stride s * r)--> (N, O * r, H, W / r) --Reshape, Transpose, Reshape--> y

    W' holds W r times, each moved by s columns, in zeros: every product that is no product with zero is one of before.
    """
    value, weights, bias = (*op.inputs, None)[:3]
    if value is None or weights is None or weights.array is None or (bias is not None and bias.array is None):
        return None
    sizes, out = _sizes(value), _sizes(op.output)
    plain = op.integer("group", 1) == 1 and op.text("auto_pad", "NOTSET") == "NOTSET"
    if not sizes or not out or not plain or value.dtype is not DType.F32:
        return None
    spatial = len(out) - 1
    if op.integers("dilations", (1,) * spatial)[-1] != 1:
        return None
    columns = best_columns(out[0], weights.array.shape[-1], op.integers("strides", (1,) * spatial)[-1])
    products = weights.array.size * int(np.prod(out[1:]))
    if columns == 1 or products < FEWEST_PRODUCTS or out[-1] < 2 * columns:
        return None
    return _widened(op, rewriter, columns, weights.array, None if bias is None else bias.array)


def _sizes(value: Value) -> tuple[int, ...]:
    """(C, spatial...), empty when one of them is not known; the batch need not be."""
    sizes = [dim for dim in (value.shape or ())[1:] if isinstance(dim, int)]
    return tuple(sizes) if len(sizes) > 1 and value.rank == len(sizes) + 1 else ()


def best_columns(channels: int, width: int, stride: int) -> int:
    """How many columns to compute together: 1 when no number saves enough."""

    def cost(columns: int) -> float:
        blocks = -(-channels * columns // BLOCK)
        return blocks * (width + stride * (columns - 1)) / columns

    best = min(range(1, BLOCK + 1), key=cost)
    return best if cost(best) <= WORTH_IT * cost(1) else 1


def _widened(op: Op, rewriter: Rewriter, columns: int, weights: Array, bias: Array | None) -> Value:
    build, value, out = rewriter.build, op.inputs[0], _sizes(op.output)
    assert value is not None
    spatial = len(out) - 1
    strides, pads = op.integers("strides", (1,) * spatial), op.integers("pads", (0,) * (2 * spatial))
    step, together = strides[-1], -(-out[-1] // columns)
    wide = moved_copies(weights, columns, step)
    needed = (together - 1) * step * columns + wide.shape[-1]
    right = max(0, needed - _sizes(value)[-1] - pads[spatial - 1])
    attrs = {
        **op.attrs,
        "kernel_shape": wide.shape[2:],
        "strides": (*strides[:-1], step * columns),
        "pads": (*pads[:-1], right),
    }
    arrays = [wide] if bias is None else [wide, np.repeat(bias, columns)]
    y = build.Conv(value, *arrays, **attrs)
    split = build.Reshape(y, [0, out[0], columns, *out[1:-1], together])  # 0: the batch as it is
    order = [0, 1, *range(3, spatial + 3), 2]
    joined = build.Reshape(build.Transpose(split, perm=order), [0, *out[:-1], together * columns])
    return joined if together * columns == out[-1] else build.Slice(joined, [0], [out[-1]], [spatial + 1])


def moved_copies(weights: Array, columns: int, stride: int) -> Array:
    """(O, C, ..., K) as (O * columns, C, ..., K + stride * (columns - 1)): copy p of each moved by p * stride."""
    channels, *inner, width = weights.shape
    wide = np.zeros((channels, columns, *inner, width + stride * (columns - 1)), weights.dtype)
    for column in range(columns):
        wide[:, column, ..., stride * column : stride * column + width] = weights
    return wide.reshape(channels * columns, *inner, -1)
