"""Caffe's layers that work number by number."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, pointwise


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5, dtype=x.dtype)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


pointwise(
    "caffe",
    {
        "AbsVal": np.abs,
        "BNLL": softplus,
        "HardSwish": lambda x: x * np.clip(x + 3, 0, 6) / np.float32(6),
        "Mish": lambda x: x * np.tanh(softplus(x)),
        "Sigmoid": sigmoid,
        "TanH": np.tanh,
    },
)


@evaluates("caffe.ReLU", "caffe.ReLU6")
def relu(call: Call, x: Array) -> Array:
    """max(x, 0) + slope * min(x, 0); never above 6 in the layer of that name, or where relu6 asks for it."""
    result = np.maximum(x, 0) + np.float32(call.number("negative_slope")) * np.minimum(x, 0)
    return np.minimum(result, 6) if call.op.type_name == "ReLU6" or call.given("relu6") else result


@evaluates("caffe.PReLU")
def prelu(call: Call, x: Array, slope: Array) -> Array:
    """A slope for each channel, or one."""
    return np.asarray(np.maximum(x, 0) + slope.reshape(-1, *(1,) * (x.ndim - 2)) * np.minimum(x, 0))


@evaluates("caffe.ELU")
def elu(call: Call, x: Array) -> Array:
    """x above 0, alpha * (exp(x) - 1) below."""
    return np.maximum(x, 0) + np.float32(call.number("alpha")) * np.expm1(np.minimum(x, 0))


@evaluates("caffe.Swish")
def swish(call: Call, x: Array) -> Array:
    """x * sigmoid(beta * x)."""
    return x * sigmoid(np.float32(call.number("beta")) * x)


@evaluates("caffe.HardSigmoid")
def hard_sigmoid(call: Call, x: Array) -> Array:
    """alpha * x + beta within 0 and 1."""
    return np.asarray(np.clip(np.float32(call.number("alpha")) * x + np.float32(call.number("beta")), 0, 1))


@evaluates("caffe.Clip")
def clip(call: Call, x: Array) -> Array:
    """Within min and max."""
    return np.clip(x, np.float32(call.number("min")), np.float32(call.number("max")))


@evaluates("caffe.Threshold")
def threshold(call: Call, x: Array) -> Array:
    """1 above the threshold, else 0."""
    return (x > np.float32(call.number("threshold"))).astype(x.dtype)


@evaluates("caffe.Power")
def power(call: Call, x: Array) -> Array:
    """(shift + scale * x) ** power."""
    scale, shift, exponent = (np.float32(call.number(name)) for name in ("scale", "shift", "power"))
    if scale == 0 or exponent == 0:
        return np.full_like(x, shift**exponent if exponent else 1)
    base = scale * x + shift
    return base if exponent == 1 else base**exponent


@evaluates("caffe.Exp")
def exp(call: Call, x: Array) -> Array:
    """base ** (shift + scale * x); base -1 is e."""
    return np.asarray(
        np.exp(
            np.float32(_log_of_base(call)) * (np.float32(call.number("shift")) + np.float32(call.number("scale")) * x)
        )
    )


@evaluates("caffe.Log")
def log(call: Call, x: Array) -> Array:
    """log_base(shift + scale * x); base -1 is e."""
    inner = np.float32(call.number("shift")) + np.float32(call.number("scale")) * x
    return np.asarray(np.log(inner) / np.float32(_log_of_base(call)))


def _log_of_base(call: Call) -> float:
    base = call.number("base")
    return 1.0 if base == -1 else float(np.log(base))


@evaluates("caffe.Dropout", "caffe.SpatialDropout")
def dropout(call: Call, x: Array) -> Array:
    """Nothing in TEST, except where training did not scale: then all is scaled now."""
    if call.given("sample_weights_test"):
        raise NotEvaluated("it draws at random")
    return x if call.flag("scale_train", True) else x * np.float32(1 - call.number("dropout_ratio"))
