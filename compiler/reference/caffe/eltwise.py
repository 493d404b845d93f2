"""Caffe's layers on several bottoms of one shape, and those with a factor or summand along some axes."""

from __future__ import annotations

from functools import reduce

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates


@evaluates("caffe.Eltwise")
def eltwise(call: Call, *bottoms: Array) -> Array:
    """Product, sum with coefficients, or maximum."""
    operation = call.text("operation")
    if operation == "SUM":
        weights = call.numbers("coeff", ()) or (1.0,) * len(bottoms)
        return reduce(np.add, (np.float32(w) * x for w, x in zip(weights, bottoms, strict=True)))
    if operation not in ("PROD", "MAX"):
        raise NotEvaluated(f"its operation is {operation}")
    return reduce(np.multiply if operation == "PROD" else np.maximum, bottoms)


def aligned(x: Array, factor: Array, axis: int) -> Array:
    """`factor`, so shaped that its axes lie from `axis` on over those of x."""
    start = axis % x.ndim
    return factor.reshape(factor.shape + (1,) * (x.ndim - start - factor.ndim))


def _blob(call: Call, x: Array, blob: Array) -> Array:
    """A weight over `num_axes` axes of x from `axis` on; its own leading ones do not count."""
    start, count = call.integer("axis") % x.ndim, call.integer("num_axes")
    stop = x.ndim if count == -1 else start + count
    return blob.reshape(x.shape[start:stop])


@evaluates("caffe.Scale")
def scale(call: Call, x: Array, *rest: Array) -> Array:
    """x * factor (+ bias), the factor a second bottom or the first blob."""
    blobs = list(call.blobs)
    axis = call.integer("axis")
    factor = call.bottoms[1] if len(call.bottoms) > 1 else _blob(call, x, blobs.pop(0))
    result = x * aligned(x, factor, axis)
    if call.flag("bias_term"):
        result = result + aligned(x, blobs[0].reshape(factor.shape), axis)
    return result


@evaluates("caffe.Bias")
def bias(call: Call, x: Array, summand: Array) -> Array:
    """x + bias, a second bottom or a blob."""
    found = summand if len(call.bottoms) > 1 else _blob(call, x, summand)
    return x + aligned(x, found, call.integer("axis"))


@evaluates("caffe.Axpy")
def axpy(call: Call, scale: Array, x: Array, y: Array) -> Array:
    """scale * x + y, a scale for each channel of each image."""
    return scale.reshape(*scale.shape[:2], 1, 1) * x + y
