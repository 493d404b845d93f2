"""Depthwise convolutions whose number of channels ONNX Runtime's fast kernels do not take."""

from __future__ import annotations

import numpy as np

from regraft.ir import Array, Builder, DType, Op, Value
from regraft.passes.rewrite import Rewriter, rewrite

BLOCK = 8
"""ONNX Runtime's fast kernels take depthwise convolutions of multiples of 8 channels."""
FULL_BLOCK = 16
"""What they take on every processor."""
FEWEST = 16
ACTIVATIONS = frozenset({"onnx.Clip", "onnx.LeakyRelu", "onnx.Relu", "onnx.Sigmoid", "onnx.Tanh"})


@rewrite("onnx.Conv")
def pad_depthwise(op: Op, rewriter: Rewriter) -> Value | None:
    """Conv(x), depthwise, of 121 channels   =>   Slice(Conv(Pad(x)), 0 to 121), of 128

        x --Conv(group=C)--> y     =>     x --Pad(zeros)--> --Conv(group=C')--> --Slice(C)--> y

    A channel of zeros changes no other. Where only Convs of all channels read y, `weigh_padding_zero` drops the Slice
    again. Both together take half of the time.
    """
    x, weights = op.inputs[0], op.inputs[1]
    bias = op.inputs[2] if len(op.inputs) > 2 else None
    if x is None or weights is None or weights.array is None or x.dtype is not DType.F32 or x.rank != 4:
        return None
    channels = weights.array.shape[0]
    depthwise = op.integer("group", 1) == channels and weights.array.shape[1] == 1
    if not depthwise or channels < FEWEST or channels % BLOCK == 0 or (bias is not None and bias.array is None):
        return None
    build, extra = rewriter.build, -channels % FULL_BLOCK
    arrays = [_padded(a.array, 0, extra) for a in (weights, bias) if a is not None and a.array is not None]
    wide = _with_zeros(build, x, extra)
    y = build.Conv(wide, *arrays, **{**op.attrs, "group": channels + extra})
    return build.Slice(y, [0], [channels], [1])


@rewrite("onnx.Conv")
def weigh_padding_zero(op: Op, rewriter: Rewriter) -> Value | None:
    """Conv(W) of the first channels   =>   Conv(W and zeros) of all, after `pad_depthwise`

    y --Slice(C)--> --Relu--> --Conv(W)--> z     =>     y --Relu--> --Conv(W, 0)--> z
    """
    weights = op.inputs[1]
    if op.integer("group", 1) != 1 or weights is None or weights.array is None:
        return None
    between: list[Op] = []
    value = op.inputs[0]
    while value is not None and value.op.kind in ACTIVATIONS:
        between.append(value.op)
        value = value.op.inputs[0]
    if value is None or value.op.kind != "onnx.Slice" or "pad-depthwise" not in value.op.provenance:
        return None
    padded = value.op.inputs[0]
    total = padded.shape[1] if padded is not None and padded.shape is not None else None
    if padded is None or not isinstance(total, int):
        return None
    build = rewriter.build
    for each in reversed(between):
        padded = build.many(each.kind, padded, *each.inputs[1:], **each.attrs)[0]
    wide = _padded(weights.array, 1, total - weights.array.shape[1])
    return build.Conv(padded, wide, *op.inputs[2:], **op.attrs)


def _with_zeros(build: Builder, x: Value, extra: int) -> Value:
    """`x` with `extra` channels of zeros; one that another convolution reads already is used again."""
    for use in x.uses:
        if use.op.kind == "onnx.Pad" and "pad-depthwise" in use.op.provenance:
            return use.op.output
    return build.Pad(x, [0, 0, 0, 0, 0, extra, 0, 0])


def _padded(array: Array, axis: int, extra: int) -> Array:
    widths = [(0, extra if dimension == axis else 0) for dimension in range(array.ndim)]
    return np.pad(array, widths)
