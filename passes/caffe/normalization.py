"""Normalisation without trained statistics: LRN, MVN, Normalize, GRN, ChannelNorm, Softmax."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, Value
from regraft.passes.caffe.common import along, known_shape, reduce
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule


@rule("caffe.Softmax")
def softmax(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """exp(x) by its sum along `axis`. Source: softmax_layer.cpp."""
    return build.Softmax(x, axis=layer.axis(layer.integer("axis"), len(layer.shape(x))))


@rule("caffe.LRN")
def lrn(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x / (k + alpha * mean of squares) ** beta, over local_size channels, or within a channel over a square.

    x: (N, C, H, W). ACROSS_CHANNELS divides by local_size also at the border. WITHIN_CHANNEL is Caffe's chain of AVE
    pooling and Power, in which k is always 1. Source: lrn_layer.cpp.
    """
    layer.image(x)
    size, alpha, beta = layer.integer("local_size"), layer.number("alpha"), layer.number("beta")
    if size < 1 or size % 2 == 0:
        raise layer.refuse(f"local_size {size} is not odd: Caffe refuses it too", field="local_size")
    if layer.text("norm_region") == "ACROSS_CHANNELS":
        return build.LRN(x, size=size, alpha=alpha, beta=beta, bias=layer.number("k"))
    pad = (size - 1) // 2
    mean = build.AveragePool(build.Mul(x, x), kernel_shape=(size, size), pads=(pad,) * 4, count_include_pad=1)
    scaled = build.Add(build.Mul(mean, build.scalar(alpha, x)), build.scalar(1, x))
    return build.Mul(x, build.Pow(scaled, build.scalar(-beta, x)))


@rule("caffe.MVN")
def mvn(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """(x - mean) / (standard deviation + eps) of each channel, or of each image with across_channels.

    x: (N, C, ...). Without normalize_variance only the mean is taken off. Source: mvn_layer.cpp.
    """
    rank = len(layer.shape(x))
    axes = range(1 if layer.flag("across_channels") else 2, rank)
    if not axes:
        return build.Sub(x, x)
    centred = build.Sub(x, reduce(build, "ReduceMean", x, axes))
    if not layer.flag("normalize_variance"):
        return centred
    deviation = build.Sqrt(reduce(build, "ReduceMean", build.Mul(centred, centred), axes))
    return build.Div(centred, build.Add(deviation, build.scalar(layer.number("eps"), x)))


@rule("caffe.Normalize")
def normalize(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x by its euclidean length, times a trained scale: of each image, or of each place over the channels.

    x: (N, C, H, W). Blob: one scale (channel_shared), or C. Source: SSD's normalize_layer.cpp: eps is added to the
    sum of squares.
    """
    layer.refuse_unless("normalize_type", "L2")
    channels = layer.shape(x, 2)[1]
    axes = range(1, len(known_shape(x))) if layer.flag("across_spatial") else (1,)
    squares = reduce(build, "ReduceSumSquare", x, axes)
    length = build.Sqrt(build.Add(squares, build.scalar(layer.number("eps"), x)))
    scales = layer.blob(0, "scale").reshape(-1).astype(np.float32, copy=False)
    wanted = 1 if layer.flag("channel_shared") else channels
    if isinstance(wanted, int) and scales.size != wanted:
        raise layer.refuse(f"its scale has {scales.size} numbers, and {wanted} are needed", field="channel_shared")
    return build.Mul(build.Div(x, length), along(build, scales, len(known_shape(x)), 1))


@rule("caffe.GRN")
def grn(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x / sqrt(bias + sum of squares over the channels). Source: OpenVINO's definition of GRN."""
    layer.shape(x, 2)
    squares = reduce(build, "ReduceSumSquare", x, (1,))
    return build.Div(x, build.Sqrt(build.Add(squares, build.scalar(layer.number("bias"), x))))


@rule("caffe.ChannelNorm")
def channel_norm(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The euclidean length over the channels: (N, C, H, W) to (N, 1, H, W). Source: FlowNet2's channel_norm_layer."""
    layer.image(x)
    return reduce(build, "ReduceL2", x, (1,))
