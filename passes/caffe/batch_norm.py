"""BatchNorm and the layers called BN of the forks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regraft.ir import Array, Builder, Value
from regraft.passes.caffe.common import along, known_shape, reduce
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule

SEGNET_EPS = 1e-9


class _Statistics(NamedTuple):
    """Per-channel numbers of a trained normalisation; scale and shift are None where the layer has none."""

    mean: Array
    variance: Array
    scale: Array | None = None
    shift: Array | None = None


@rule("caffe.BatchNorm")
def batch_norm(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """(x - mean) / sqrt(variance + eps), by channel.

    x: (N, C, ...). Blobs: mean (C), variance (C) and a number that both are divided by (0: both are 0). NVIDIA's forks
    add scale and shift: 0.17 after these, 0.15 before them. With use_global_stats false the statistics are the batch's.
    Source: batch_norm_layer.cpp.
    """
    eps, channels = layer.number("eps"), _channels(layer, x)
    if layer.given("use_global_stats") is False:
        if len(layer.blobs) > 3:
            raise layer.refuse(
                "use_global_stats false with a scale among its blobs is not supported", field="use_global_stats"
            )
        return _relu(layer, build, _by_batch(build, x, eps))
    found = _read(layer, channels)
    return _relu(layer, build, _by_statistics(build, x, found, eps))


def _relu(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    return build.Relu(x) if layer.flag("relu", False) or layer.flag("fused_relu", False) else x


def _channels(layer: CaffeLayer, x: Value) -> int | None:
    shape = layer.shape(x, 1)
    if len(shape) < 2:
        return 1
    return shape[1] if isinstance(shape[1], int) else None


def _read(layer: CaffeLayer, channels: int | None) -> _Statistics:
    count = len(layer.blobs)
    if count not in (3, 5):
        if not count:
            raise layer.lacks("statistics")
        raise layer.refuse(f"has {count} blobs: mean, variance and their divisor are needed")
    blobs = [layer.blob(i, "statistics").reshape(-1).astype(np.float32, copy=False) for i in range(count)]
    width = channels or max(blob.size for blob in blobs)
    if count == 5 and blobs[2].size == width and blobs[4].size == 1 and width > 1:
        blobs = [blobs[2], blobs[3], blobs[4], blobs[0], blobs[1]]  # NVIDIA 0.15: scale and shift come first
    if any(blob.size != width for i, blob in enumerate(blobs) if i != 2) or blobs[2].size != 1:
        raise layer.refuse(
            f"its blobs have {', '.join(str(b.size) for b in blobs)} numbers, and its bottom has {width} channels",
            cure="pass the caffemodel that was trained with this prototxt",
        )
    divisor = float(blobs[2][0])
    factor = np.float32(0 if divisor == 0 else 1 / divisor)
    return _Statistics(blobs[0] * factor, blobs[1] * factor, *blobs[3:])


def _by_statistics(build: Builder, x: Value, found: _Statistics, eps: float) -> Value:
    scale = np.ones_like(found.mean) if found.scale is None else found.scale
    shift = np.zeros_like(found.mean) if found.shift is None else found.shift
    rank = len(known_shape(x))
    lent = build.Unsqueeze(x, [1]) if rank == 1 else x
    result = build.BatchNormalization(
        lent, *map(build.constant, (scale, shift, found.mean, found.variance)), epsilon=eps
    )
    return build.Squeeze(result, [1]) if rank == 1 else result


def _by_batch(build: Builder, x: Value, eps: float) -> Value:
    axes = [i for i in range(len(known_shape(x))) if i != 1]
    centred = build.Sub(x, reduce(build, "ReduceMean", x, axes))
    variance = reduce(build, "ReduceMean", build.Mul(centred, centred), axes)
    return build.Div(centred, build.Sqrt(build.Add(variance, build.scalar(eps, x))))


@rule("caffe.BN")
def bn(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """Normalisation with scale and shift, three layers of one name.

    x: (N, C, H, W). Four blobs: scale, shift, mean, variance, each of C numbers; eps is 1e-5 (PSPNet, yjxiong), or
    var_eps, 1e-10, where a field of ducha-aiki's is given. Two blobs: scale, shift (SegNet); INFERENCE is x * scale +
    shift, LEARN takes the statistics of the batch even in TEST, with 1e-9. Source: the bn_layer.cpp of these forks.
    """
    channels, count = _channels(layer, x), len(layer.blobs)
    blobs = [layer.blob(i, "statistics").reshape(-1).astype(np.float32, copy=False) for i in range(count)]
    if not blobs:
        raise layer.lacks("statistics")
    if channels is not None and any(blob.size != channels for blob in blobs):
        raise layer.refuse(
            f"its blobs have {', '.join(str(b.size) for b in blobs)} numbers, and its bottom has {channels} channels"
        )
    if count == 4:
        ducha = any(layer.has(f) for f in ("var_eps", "moving_average", "decay", "scale_filler", "shift_filler"))
        eps = layer.number("var_eps" if ducha and not layer.has("eps") else "eps")
        return _by_statistics(build, x, _Statistics(blobs[2], blobs[3], blobs[0], blobs[1]), eps)
    if count != 2:
        raise layer.refuse(f"has {count} blobs: 2 (SegNet) or 4 (PSPNet) are known")
    rank = len(known_shape(x))
    normal = _by_batch(build, x, SEGNET_EPS) if layer.text("bn_mode") == "LEARN" else x
    return build.Add(build.Mul(normal, along(build, blobs[0], rank, 1)), along(build, blobs[1], rank, 1))
