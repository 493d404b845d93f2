"""Normalisation by statistics and neighbours, Softmax and the losses built on it."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates, several
from regraft.reference.tensorflow.common import is_channels_first, widened


@evaluates("tf.FusedBatchNorm", "tf.FusedBatchNormV2", "tf.FusedBatchNormV3")
def batch_norm(call: Call, x: Array, scale: Array, shift: Array, mean: Array, variance: Array) -> object:
    """By the given statistics, or with is_training (its default) by the batch's own, which are then results."""
    first = is_channels_first(call, "NHWC" if x.ndim == 4 else "NDHWC")
    axes = tuple(i for i in range(x.ndim) if i != (1 if first else x.ndim - 1))
    wide = widened(x)
    training, given = call.flag("is_training", True), (mean, variance)
    if training:
        mean, variance = wide.mean(axes), wide.var(axes)
    inverse = 1 / np.sqrt(variance + np.float32(call.number("epsilon", 1e-4)))

    def along(numbers: Array) -> Array:
        return numbers.reshape(-1, *(1,) * (x.ndim - 2)) if first else numbers

    y = ((wide - along(mean)) * along(inverse * scale) + along(shift)).astype(x.dtype)
    if not training:
        return several([y, *given, *given, np.zeros(0, np.float32)][: call.outputs])
    count = x.size // max(mean.size, 1)
    new = mean, variance * np.float32(count / max(count - 1, 1))
    part = np.float32(call.number("exponential_avg_factor", 1.0))
    kept = new if part == 1 else [part * a + (1 - part) * b for a, b in zip(new, given, strict=True)]
    return several([y, *kept, mean, variance, np.zeros(0, np.float32)][: call.outputs])


@evaluates("tf.LRN")
def lrn(call: Call, x: Array) -> Array:
    """By the squares of the neighbours in other channels; alpha is not divided by their number."""
    radius = call.integer("depth_radius", 5)
    squares = np.pad(np.square(x), [*((0, 0),) * (x.ndim - 1), (radius, radius)])
    total = sum(squares[..., i : i + x.shape[-1]] for i in range(2 * radius + 1))
    kind = x.dtype.type
    return np.asarray(
        x
        * (kind(call.number("bias", 1.0)) + kind(call.number("alpha", 1.0)) * total) ** -kind(call.number("beta", 0.5))
    )


def log_softmax(x: Array) -> Array:
    """Along the last axis."""
    wide = widened(x)
    moved = wide - wide.max(-1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(-1, keepdims=True)), x.dtype)


@evaluates("tf.LogSoftmax")
def _log_softmax(call: Call, x: Array) -> Array:
    """The logarithm of Softmax."""
    return log_softmax(x)


@evaluates("tf.Softmax")
def softmax(call: Call, x: Array) -> Array:
    """exp(x) by its sum along the last axis."""
    wide = widened(x)
    powers = np.exp(wide - wide.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), x.dtype)


@evaluates("tf.SoftmaxCrossEntropyWithLogits", "tf.SparseSoftmaxCrossEntropyWithLogits")
def cross_entropy(call: Call, logits: Array, labels: Array) -> object:
    """The loss of each row, and its gradient."""
    if call.op.type_name.startswith("Sparse"):
        labels = np.equal.outer(labels, np.arange(logits.shape[-1])).astype(logits.dtype)
    logits, labels = np.broadcast_arrays(logits, labels)
    found = log_softmax(logits)
    loss = -(labels * found).sum(-1)
    return several([loss.astype(logits.dtype), (np.exp(found) - labels).astype(logits.dtype)][: call.outputs])
