"""Convolutions and their transposes, in two and three dimensions; what TensorFlow's optimiser fuses with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates
from regraft.reference.tensorflow.arithmetic import sigmoid
from regraft.reference.tensorflow.common import is_channels_first, pads, shape_of, spatial, to_first, to_last, widened
from regraft.reference.windows import correlate, pad, spread


def _convolved(call: Call, x: Array, filters: Array) -> Array:
    """x in the layout of the op; filters: (kernel..., C / group, M)."""
    first = is_channels_first(call, "NHWC" if x.ndim == 4 else "NDHWC")
    data = to_first(widened(x), first)
    stride, dilation = spatial(call, "strides", x.ndim), spatial(call, "dilations", x.ndim)
    weights = np.moveaxis(widened(filters), (-1, -2), (0, 1))
    y = correlate(
        data,
        weights,
        stride=stride,
        pads=pads(call, data.shape[2:], weights.shape[2:], stride, dilation),
        dilation=dilation,
        group=data.shape[1] // weights.shape[1],
    )
    return to_last(y, first).astype(x.dtype)


@evaluates("tf.Conv2D", "tf.Conv3D")
def convolution(call: Call, x: Array, filters: Array) -> Array:
    """Correlation; groups where the filters have fewer channels."""
    return _convolved(call, x, filters)


def _depthwise(call: Call, x: Array, filters: Array) -> Array:
    first = is_channels_first(call)
    data = to_first(widened(x), first)
    rows, columns, channels, times = filters.shape
    kernel = (rows, columns)
    stride, dilation = spatial(call, "strides", 4), spatial(call, "dilations", 4)
    wide = pad(data, pads(call, data.shape[2:], kernel, stride, dilation))
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    out = [(n - e) // s + 1 for n, e, s in zip(wide.shape[2:], extent, stride, strict=True)]
    y = np.zeros((x.shape[0], channels, times, *out), data.dtype)
    for i, j in np.ndindex(*kernel):
        cut = tuple(
            slice(p * d, p * d + (o - 1) * s + 1, s) for p, d, o, s in zip((i, j), dilation, out, stride, strict=True)
        )
        y += wide[(slice(None), slice(None), None, *cut)] * widened(filters)[i, j][:, :, None, None]
    return to_last(y.reshape(x.shape[0], channels * times, *out), first).astype(x.dtype)


@evaluates("tf.DepthwiseConv2dNative")
def depthwise(call: Call, x: Array, filters: Array) -> Array:
    """Each channel with filters of its own; filters: (rows, columns, C, times)."""
    return _depthwise(call, x, filters)


@evaluates("tf.Conv2DBackpropInput", "tf.Conv3DBackpropInputV2")
def transposed(call: Call, sizes: Array, filters: Array, x: Array) -> Array:
    """What a convolution of these filters makes of the result has the size of x. filters: (kernel..., M, C)."""
    first = is_channels_first(call, "NHWC" if x.ndim == 4 else "NDHWC")
    wanted = shape_of(sizes)
    data = to_first(widened(x), first)
    if len(wanted) == x.ndim:
        wanted = wanted[2:] if first else wanted[1:-1]
    stride, dilation = spatial(call, "strides", x.ndim), spatial(call, "dilations", x.ndim)
    weights = np.moveaxis(widened(filters), (-1, -2), (0, 1))
    border = pads(call, wanted, weights.shape[2:], stride, dilation)
    full = [n + a + b for n, (a, b) in zip(wanted, border, strict=True)]
    y = spread(data, weights, stride=stride, dilation=dilation, full=full)
    return to_last(pad(y, [(-a, -b) for a, b in border]), first).astype(x.dtype)


@evaluates("tf.BiasAdd", "tf.BiasAddV1")
def bias_add(call: Call, x: Array, bias: Array) -> Array:
    """A number a channel."""
    first = call.text("data_format", "NHWC") in ("NCHW", "NCDHW")
    return x + (bias.reshape(-1, *(1,) * (x.ndim - 2)) if first else bias)


@evaluates("tf._FusedConv2D", "tf._FusedDepthwiseConv2dNative")
def fused(call: Call, x: Array, filters: Array, *rest: Array) -> Array:
    """A convolution and what follows it."""
    core = _convolved if call.op.type_name == "_FusedConv2D" else _depthwise
    return _finished(call, core(call, x, filters), rest, is_channels_first(call))


@evaluates("tf._FusedMatMul")
def fused_mat_mul(call: Call, a: Array, b: Array, *rest: Array) -> Array:
    """A matrix product and what follows it."""
    return _finished(call, mat_mul(call, a, b), rest, False)


def _finished(call: Call, y: Array, rest: Sequence[Array], first: bool) -> Array:
    """The ops of `fused_ops` in their order."""
    left = list(rest)
    for name in call.get("fused_ops", ()):
        name = name.decode() if isinstance(name, bytes) else name
        if name in ("BiasAdd", "Add"):
            term = left.pop(0)
            y = y + (term.reshape(-1, *(1,) * (y.ndim - 2)) if first and term.ndim == 1 else term)
        elif name in _ACTIVATIONS:
            y = _ACTIVATIONS[name](call, y)
        else:
            raise NotEvaluated(f"it is fused with {name}")
    return y.astype(call.inputs[0].dtype)


_ACTIVATIONS: dict[str, Callable[[Call, Array], Array]] = {
    "Relu": lambda call, y: np.maximum(y, 0),
    "Relu6": lambda call, y: np.clip(y, 0, 6),
    "Elu": lambda call, y: np.where(y < 0, np.expm1(np.minimum(y, 0)), y),
    "LeakyRelu": lambda call, y: np.where(y > 0, y, y * y.dtype.type(call.number("leakyrelu_alpha", 0.2))),
    "Tanh": lambda call, y: np.tanh(y),
    "Sigmoid": lambda call, y: sigmoid(y),
}


@evaluates("tf.MatMul", "tf.SparseMatMul", "tf.BatchMatMul", "tf.BatchMatMulV2", "tf.BatchMatMulV3")
def mat_mul(call: Call, a: Array, b: Array) -> Array:
    """The matrix product, of batches too; `adj` matrices are transposed and conjugated."""
    result = call.dtype("Tout") if call.has("Tout") else np.result_type(a, b)
    a, b = a.astype(result, copy=False), b.astype(result, copy=False)
    for_a, for_b = call.flag("transpose_a", False), call.flag("transpose_b", False)
    if call.op.type_name.startswith("Batch"):
        for_a, for_b = call.flag("adj_x", False), call.flag("adj_y", False)
        a, b = (np.conj(a) if for_a else a), (np.conj(b) if for_b else b)
    a, b = (a.swapaxes(-1, -2) if for_a else a), (b.swapaxes(-1, -2) if for_b else b)
    return (widened(a) @ widened(b)).astype(result)
