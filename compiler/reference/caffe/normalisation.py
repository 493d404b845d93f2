"""Caffe's layers that make numbers comparable: by statistics, by neighbours, by lengths; and Softmax."""

from __future__ import annotations

import numpy as np

from regraft.reference.caffe.pooling import pool
from regraft.reference.registry import Array, Call, NotEvaluated, evaluates


def _channels(x: Array, numbers: Array) -> Array:
    """A number a channel, so shaped that it spans x."""
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


def _own_statistics(x: Array) -> tuple[Array, Array]:
    """Mean and variance of each channel over the whole batch."""
    axes = (0, *range(2, x.ndim))
    wide = x.astype(np.float64)
    return wide.mean(axes).astype(x.dtype), wide.var(axes).astype(x.dtype)


def _normalised(x: Array, mean: Array, variance: Array, eps: float) -> Array:
    return (x - _channels(x, mean)) / np.sqrt(_channels(x, variance) + np.float32(eps))


@evaluates("caffe.BatchNorm")
def batch_norm(call: Call, x: Array, *blobs: Array) -> Array:
    """BVLC's three blobs; NVIDIA's five, with scale and shift behind (0.17) or before (0.15) them."""
    eps = call.number("eps")
    if not call.flag("use_global_stats", True):
        if len(blobs) > 3:
            raise NotEvaluated("it takes the batch's statistics and has a scale")
        result = _normalised(x, *_own_statistics(x), eps)
    elif len(blobs) not in (3, 5):
        raise NotEvaluated(f"it has {len(blobs)} blobs")
    else:
        result = _with_blobs(x, [b.reshape(-1) for b in blobs], eps)
    return np.maximum(result, 0) if call.given("relu") or call.given("fused_relu") else result


def _with_blobs(x: Array, blobs: list[Array], eps: float) -> Array:
    single = blobs[2].size == 1 and (len(blobs) == 3 or blobs[3].size == x.shape[1])
    old = len(blobs) == 5 and not (single and blobs[4].size == x.shape[1])
    mean, variance, divisor = (*blobs[2:4], blobs[4]) if old else blobs[:3]
    factor = np.float32(0 if divisor[0] == 0 else 1 / divisor[0])
    result = _normalised(x, mean * factor, variance * factor, eps)
    if len(blobs) == 3:
        return result
    scale, shift = blobs[:2] if old else blobs[3:]
    return result * _channels(x, scale) + _channels(x, shift)


@evaluates("caffe.BN")
def bn(call: Call, x: Array, *blobs: Array) -> Array:
    """PSPNet's and ducha-aiki's four blobs; SegNet's two, which are all, or follow the batch's statistics."""
    if len(blobs) == 4:
        ducha_aiki = any(call.has(name) for name in ("var_eps", "moving_average", "decay"))
        eps = call.number("var_eps", 1e-10) if ducha_aiki else call.number("eps")
        result = _normalised(x, blobs[2], blobs[3], eps)
    elif len(blobs) == 2:
        result = x if call.text("bn_mode") == "INFERENCE" else _normalised(x, *_own_statistics(x), 1e-9)
    else:
        raise NotEvaluated(f"it has {len(blobs)} blobs")
    return result * _channels(x, blobs[0]) + _channels(x, blobs[1])


@evaluates("caffe.MVN")
def mvn(call: Call, x: Array) -> Array:
    """Mean 0 and standard deviation 1 for each channel, or for each image."""
    axes = tuple(range(1 if call.flag("across_channels") else 2, x.ndim))
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axes, keepdims=True)
    if call.flag("normalize_variance"):
        centred = centred / (np.sqrt((centred**2).mean(axes, keepdims=True)) + call.number("eps"))
    return np.asarray(centred.astype(x.dtype))


@evaluates("caffe.LRN")
def lrn(call: Call, x: Array) -> Array:
    """By the squares of the neighbours: in other channels, or around the place in the own one."""
    size, alpha, beta = call.integer("local_size"), np.float32(call.number("alpha")), np.float32(call.number("beta"))
    if call.text("norm_region") == "WITHIN_CHANNEL":
        mean = pool(x * x, "AVE", (size, size), (1, 1), (size // 2,) * 2)[0]
        return np.asarray(x * (np.float32(1) + alpha * mean) ** -beta)
    squares = np.pad(x * x, [(0, 0), (size // 2, size // 2), *((0, 0),) * (x.ndim - 2)])
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return np.asarray(x * (np.float32(call.number("k")) + alpha / np.float32(size) * total) ** -beta)


@evaluates("caffe.Normalize")
def normalize(call: Call, x: Array, scale: Array) -> Array:
    """SSD's: by the length of the whole image, or of the channels at each place; eps is inside the root."""
    axes = tuple(range(1, x.ndim)) if call.flag("across_spatial") else (1,)
    squares = np.square(x.astype(np.float64)).sum(axes, keepdims=True)
    factor = scale.reshape(()) if scale.size == 1 else _channels(x, scale)
    return np.asarray((x / np.sqrt(squares + call.number("eps")) * factor).astype(x.dtype))


@evaluates("caffe.ChannelNorm")
def channel_norm(call: Call, x: Array) -> Array:
    """The length of the channels at each place."""
    return np.asarray(np.sqrt((x * x).sum(1, keepdims=True)))


@evaluates("caffe.GRN")
def grn(call: Call, x: Array) -> Array:
    """x / sqrt(bias + sum of squares over the channels)."""
    return np.asarray(x / np.sqrt(np.float32(call.number("bias")) + (x * x).sum(1, keepdims=True)))


@evaluates("caffe.Softmax")
def softmax(call: Call, x: Array) -> Array:
    """exp(x) by its sum along an axis."""
    axis = call.integer("axis")
    powers = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))
