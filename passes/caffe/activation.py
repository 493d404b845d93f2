"""Activations: functions of one number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.caffe.common import along, known_shape
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import BUILT_IN, rule

SAME_AS_ONNX = {"Sigmoid": "Sigmoid", "TanH": "Tanh", "AbsVal": "Abs", "BNLL": "Softplus", "HardSwish": "HardSwish"}
"""Caffe layers without parameters, and ONNX operators that compute the same; BNLL is log(1 + exp(x))."""


def _unary(layer_type: str, name: str) -> Callable[[CaffeLayer, Builder, Value], Value]:
    def lower(layer: CaffeLayer, build: Builder, x: Value) -> Value:
        return build.many(f"onnx.{name}", x)[0]

    lower.__name__ = layer_type.lower()
    return lower


for _type, _name in SAME_AS_ONNX.items():
    BUILT_IN.rule(f"caffe.{_type}")(_unary(_type, _name))


@rule("caffe.ReLU", "caffe.ReLU6")
def relu(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """max(x, 0) + negative_slope * min(x, 0), and not above 6 for ReLU6. Source: relu_layer.cpp, relu6_layer.cpp."""
    slope = layer.number("negative_slope")
    result = build.LeakyRelu(x, alpha=slope) if slope else build.Relu(x)
    if layer.op.type_name == "ReLU6" or layer.flag("relu6", False):
        if not slope:
            return build.Clip(x, build.scalar(0, x), build.scalar(6, x))
        return build.Min(result, build.scalar(6, x))
    return result


@rule("caffe.PReLU")
def prelu(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """max(x, 0) + slope * min(x, 0), a slope for each channel or one for all.

    x: (N, C, ...). Weights: (C), or one number with channel_shared. Source: prelu_layer.cpp.
    """
    shape = layer.shape(x, 2)
    if layer.flag("channel_shared"):
        slope = layer.blob(0, "slopes")
        if slope.size != 1:
            raise layer.refuse(f"channel_shared, and its slopes are {slope.size}", field="channel_shared")
        return build.PRelu(x, build.constant(slope.reshape(1).astype(np.float32)))
    channels = shape[1] if isinstance(shape[1], int) else None
    slopes = layer.weight(build, 0, "slopes", (channels,)).array
    assert slopes is not None
    return build.PRelu(x, along(build, slopes, len(known_shape(x)), 1))


@rule("caffe.ELU")
def elu(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x above 0, alpha * (exp(x) - 1) below. Source: elu_layer.cpp."""
    return build.Elu(x, alpha=layer.number("alpha"))


@rule("caffe.Swish")
def swish(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x * sigmoid(beta * x). Source: swish_layer.cpp."""
    beta = layer.number("beta")
    inner = x if beta == 1 else build.Mul(x, build.scalar(beta, x))
    return build.Mul(x, build.Sigmoid(inner))


@rule("caffe.Mish")
def mish(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x * tanh(log(1 + exp(x))). Source: darknet's and the YOLO forks' mish."""
    return build.Mul(x, build.Tanh(build.Softplus(x)))


@rule("caffe.HardSigmoid")
def hard_sigmoid(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """alpha * x + beta, kept within 0 and 1. Source: the parameters' names; ONNX defines them equally."""
    return build.HardSigmoid(x, alpha=layer.number("alpha"), beta=layer.number("beta"))


@rule("caffe.Clip")
def clip(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """x kept within min and max, both required. Source: clip_layer.cpp."""
    for field in ("min", "max"):
        if layer.given(field) is None:
            raise layer.refuse(f"has no {field}: Clip needs min and max", field=field)
    return build.Clip(x, build.scalar(layer.number("min"), x), build.scalar(layer.number("max"), x))


@rule("caffe.Threshold")
def threshold(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """1 where x is above the threshold, else 0. Source: threshold_layer.cpp."""
    return build.Cast(build.Greater(x, build.scalar(layer.number("threshold"), x)), to=x.dtype or DType.F32)
