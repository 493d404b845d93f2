"""Comparisons, logic, and choice."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates, pointwise

pointwise(
    "tf",
    {
        "Less": np.less,
        "LessEqual": np.less_equal,
        "Greater": np.greater,
        "GreaterEqual": np.greater_equal,
        "LogicalAnd": np.logical_and,
        "LogicalOr": np.logical_or,
        "LogicalXor": np.logical_xor,
        "LogicalNot": np.logical_not,
        "IsNan": np.isnan,
        "IsInf": np.isinf,
        "IsFinite": np.isfinite,
        "SelectV2": np.where,
    },
)


@evaluates("tf.Equal", "tf.NotEqual")
def equal(call: Call, x: Array, y: Array) -> Array:
    """Number by number; where shapes need not fit, tensors of other shapes are different as a whole."""
    same = call.op.type_name == "Equal"
    try:
        return np.asarray(np.equal(x, y) if same else np.not_equal(x, y))
    except ValueError:
        if call.flag("incompatible_shape_error", True):
            raise
        return np.asarray(not same)


@evaluates("tf.ApproximateEqual")
def approximately_equal(call: Call, x: Array, y: Array) -> Array:
    """Whether they differ by less than the tolerance."""
    return np.asarray(np.abs(x - y) < x.dtype.type(call.number("tolerance", 1e-5)))


@evaluates("tf.Select", "tf.BatchSelect")
def select(call: Call, condition: Array, x: Array, y: Array) -> Array:
    """Of x where it holds, else of y; a vector chooses whole rows."""
    return np.where(condition.reshape(condition.shape + (1,) * (x.ndim - condition.ndim)), x, y)


@evaluates("tf.Where")
def where(call: Call, condition: Array) -> Array:
    """The places of what is not zero, a row each."""
    return np.argwhere(condition).astype(np.int64)


@evaluates("tf.ToBool")
def to_bool(call: Call, x: Array) -> Array:
    """A condition as a scalar."""
    return np.asarray(truth(x))


def truth(x: Array) -> bool:
    """A scalar is true when it is not zero, another tensor when it has elements."""
    return bool(x.size) if x.ndim else bool(x[()])


@evaluates("tf.InTopK", "tf.InTopKV2")
def in_top_k(call: Call, predictions: Array, targets: Array, *k: Array) -> Array:
    """Whether the target's score is among the k largest; a score that is not finite never is."""
    count = int(k[0]) if k else call.integer("k")
    valid = (targets >= 0) & (targets < predictions.shape[1])
    mine = predictions[np.arange(len(targets)), np.where(valid, targets, 0)]
    finite = np.isfinite(predictions).all(1) | (np.isfinite(mine) & ~np.isnan(predictions).any(1))
    return np.asarray(((predictions > mine[:, None]).sum(1) < count) & valid & finite & np.isfinite(mine))
