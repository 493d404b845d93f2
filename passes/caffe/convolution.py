"""Convolution, Deconvolution and their depthwise forks, Im2col."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, Value
from regraft.passes.caffe.common import Merged, keep_all, known_shape, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.windows import Window, convolution_window
from regraft.passes.rules import rule

MOST_AXES = 3
"""ONNX Runtime convolves over up to three spatial axes."""


@rule("caffe.Convolution", "caffe.DepthwiseConvolution")
def convolution(layer: CaffeLayer, build: Builder, *bottoms: Value) -> list[Value]:
    """Correlation of each bottom with the same weights.

    bottom: (outer..., C, spatial...), C at `axis`. Weights: (num_output, C / group, kernel...), bias (num_output).
    Top: (outer..., num_output, spatial...). Source: base_conv_layer.cpp, conv_layer.cpp.
    """
    return [_convolve(layer, build, x, "Conv") for x in bottoms]


@rule("caffe.Deconvolution")
def deconvolution(layer: CaffeLayer, build: Builder, *bottoms: Value) -> list[Value]:
    """The transpose of Convolution.

    bottom: (outer..., C, spatial...). Weights: (C, num_output / group, kernel...), bias (num_output).
    Top: sizes stride * (in - 1) + extent - 2 * pad. Source: deconv_layer.cpp.
    """
    return [_convolve(layer, build, x, "ConvTranspose") for x in bottoms]


@rule("caffe.ConvolutionDepthwise")
def convolution_depthwise(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """One filter a channel; num_output and group do not count.

    x: (N, C, H, W). Weights: (C, 1, kernel_h, kernel_w), bias (C). Source: farmingyard's conv_dw_layer.
    """
    channels = _channels(layer, x, 1)
    window = convolution_window(layer, len(known_shape(x)) - 2)
    weights = layer.weight(build, 0, "weights", (channels, 1, *window.kernel))
    return _relu(layer, build, _onnx(build, "Conv", x, weights, _bias(layer, build, channels), window, channels))


@rule("caffe.Im2col")
def im2col(layer: CaffeLayer, build: Builder, *bottoms: Value) -> list[Value]:
    """Each window as a column of channels, made by a convolution with filters of a single 1.

    bottom: (N, C, spatial...). Top: (N, C * kernel volume, positions...). Source: im2col_layer.cpp.
    """
    return [_columns(layer, build, x) for x in bottoms]


def _columns(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    rank = len(layer.shape(x))
    axis = layer.axis(layer.integer("axis"), rank)
    spatial = rank - axis - 1
    channels = _channels(layer, x, axis)
    window = convolution_window(layer, spatial)
    _check_axes(layer, spatial)
    volume = int(np.prod(window.kernel))
    pick = np.eye(volume, dtype=np.float32).reshape(volume, 1, *window.kernel)
    merged = reshape(build, x, [Merged(0, axis), channels, *keep_all(axis + 1, rank)])
    result = _onnx(
        build, "Conv", merged, build.constant(np.tile(pick, (channels,) + (1,) * (spatial + 1))), None, window, channels
    )
    return _restore(build, result, x, axis)


def _convolve(layer: CaffeLayer, build: Builder, x: Value, op: str) -> Value:
    rank = len(layer.shape(x))
    axis = layer.axis(layer.integer("axis"), rank)
    spatial = rank - axis - 1
    _check_axes(layer, spatial)
    channels, wanted, group = _channels(layer, x, axis), layer.integer("num_output"), layer.integer("group")
    if group < 1 or channels % group or wanted % group:
        raise layer.refuse(f"group {group} divides not both {channels} channels and num_output {wanted}", field="group")
    window = convolution_window(layer, spatial)
    filters = (wanted, channels // group) if op == "Conv" else (channels, wanted // group)
    weights = layer.weight(build, 0, "weights", (*filters, *window.kernel))
    bias = _bias(layer, build, wanted)
    if not spatial:
        return _relu(layer, build, _pointwise(build, op, x, weights, bias, axis, group))
    merged = reshape(build, x, [Merged(0, axis), channels, *keep_all(axis + 1, rank)]) if axis != 1 else x
    result = _onnx(build, op, merged, weights, bias, window, group)
    return _relu(layer, build, _restore(build, result, x, axis))


def _pointwise(build: Builder, op: str, x: Value, weights: Value, bias: Value | None, axis: int, group: int) -> Value:
    """Without spatial axes: a spatial axis of size 1 is lent."""
    lent = reshape(build, x, [Merged(0, axis), *keep_all(axis, axis + 1), 1])
    one = Window((1,), (1,), (0,), (1,))
    result = _onnx(build, op, lent, build.Unsqueeze(weights, [2]), bias, one, group)
    return _restore(build, build.Squeeze(result, [2]), x, axis)


def _restore(build: Builder, result: Value, x: Value, axis: int) -> Value:
    """Gives `result`, whose first axis is all axes of `x` before `axis`, these axes again."""
    if axis == 1:
        return result
    inner = known_shape(result)[1:]
    outer = known_shape(x)[:axis]
    fixed = [d for d in (*outer, *inner) if isinstance(d, int)]
    if len(fixed) == len(outer) + len(inner):
        return reshape(build, result, fixed)
    target = build.Concat(sizes(build, x, 0, axis), sizes(build, result, 1, len(known_shape(result))), axis=0)
    return build.Reshape(result, target)


def _onnx(build: Builder, op: str, x: Value, weights: Value, bias: Value | None, window: Window, group: int) -> Value:
    return build.many(
        f"onnx.{op}",
        x,
        weights,
        bias,
        kernel_shape=window.kernel,
        strides=window.stride,
        pads=window.pads,
        dilations=window.dilation,
        group=group,
    )[0]


def _bias(layer: CaffeLayer, build: Builder, channels: int) -> Value | None:
    return layer.weight(build, 1, "bias", (channels,)) if layer.flag("bias_term") else None


def _relu(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Intel's `relu: true` in a convolution's block."""
    return build.Relu(x) if layer.flag("relu", False) else x


def _channels(layer: CaffeLayer, x: Value, axis: int) -> int:
    channels = layer.shape(x)[axis]
    if not isinstance(channels, int):
        raise layer.refuse(
            f"the number of channels of its bottom is unknown: {x.type}", cure="give the net's input shapes"
        )
    if not channels:
        raise layer.refuse(f"its bottom {x.type} has no channels")
    return channels


def _check_axes(layer: CaffeLayer, spatial: int) -> None:
    if spatial > MOST_AXES:
        raise layer.refuse(f"has {spatial} spatial axes: ONNX Runtime convolves over {MOST_AXES} at most")
