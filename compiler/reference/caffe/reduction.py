"""Caffe's sums, means and largest numbers along axes."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates


@evaluates("caffe.Reduction")
def reduction(call: Call, x: Array) -> Array:
    """coeff times the sum, of absolutes or squares, or the mean, over all axes from `axis` on."""
    axes = tuple(range(call.integer("axis") % x.ndim, x.ndim))
    operation = call.text("operation")
    numbers = {"SUM": x, "MEAN": x, "ASUM": np.abs(x), "SUMSQ": x * x}.get(operation)
    if numbers is None:
        raise NotEvaluated(f"its operation is {operation}")
    found = (np.mean if operation == "MEAN" else np.sum)(numbers, axis=axes)
    return np.float32(call.number("coeff")) * np.asarray(found, x.dtype)


@evaluates("caffe.ArgMax")
def arg_max(call: Call, x: Array) -> Array:
    """The places of the top_k largest, or with out_max_val the numbers; of equals the last comes first."""
    top, with_values = call.integer("top_k"), call.flag("out_max_val")
    axis = call.given("axis")
    data = x.reshape(x.shape[0], -1) if axis is None else x
    along = 1 if axis is None else axis % x.ndim
    backwards = np.flip(data, along)
    chosen = np.argsort(-backwards, axis=along, kind="stable").take(np.arange(top), axis=along)
    places = data.shape[along] - 1 - chosen
    values = np.take_along_axis(data, places, along)
    if axis is not None:
        return values if with_values else places.astype(x.dtype)
    shape = (x.shape[0], 1, top, *(1,) * (max(x.ndim, 3) - 3))
    found = [places.astype(x.dtype).reshape(shape), *([values.reshape(shape)] if with_values else [])]
    return np.concatenate(found, axis=1)


@evaluates("caffe.BatchReduction")
def batch_reduction(call: Call, x: Array) -> Array:
    """The sum or mean of groups of l * l items along an axis, a group for each level."""
    inner = call.get("reduction_param", {})
    operation, axis = inner.get("operation", "SUM"), inner.get("axis", 0) % x.ndim
    if operation not in ("SUM", "MEAN") or call.given("pos"):
        raise NotEvaluated(f"its operation is {operation}")
    reduce = np.sum if operation == "SUM" else np.mean
    coeff = np.float32(inner.get("coeff", 1.0))
    levels = call.integers("level", ())
    if tuple(levels) in ((), (1,)):
        return np.asarray(coeff * reduce(x, axis=axis))
    bounds = np.cumsum([level * level for level in levels])[:-1]
    return coeff * np.stack([reduce(part, axis=axis) for part in np.split(x, bounds, axis)], axis)
