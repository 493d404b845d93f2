"""Forms for OpenCV, op by op: OpenCV computes what numpy does, where it would refuse or compute otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft import emit
from regraft.emit import OnnxDialect
from regraft.errors import UnsupportedError
from regraft.ir import Builder, DType, Graph, OpTable, TensorType, Value, verify
from regraft.passes import RuleContext
from regraft.passes.opencv import avoid_what_opencv_reads_otherwise, refuse_unknown

Make = Callable[[Builder, Value], Value]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 6, 4, 5)).astype(np.float32)
LAST = RANDOM.normal(size=(2, 4, 5, 3)).astype(np.float32)


def padded_average(x: np.ndarray) -> np.ndarray:
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(wide[:, :, i : i + 4, j : j + 5] for i in range(3) for j in range(3)) / 9


def normal(x: np.ndarray) -> np.ndarray:
    mean, variance = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    scale, shift = (np.arange(6, dtype=np.float32).reshape(1, 6, 1, 1) + k for k in (1, -2))
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def nearest(build: Builder, x: Value) -> Value:
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return build.Resize(x, None, None, [2, 8, 10, 3], **how)


CASES: dict[str, tuple[Make, Callable[[np.ndarray], Any], np.ndarray]] = {
    "slice backwards": (lambda b, x: b.Slice(x, [-1], [-9], [3], [-1]), lambda x: x[..., ::-1], X),
    "slice backwards to the third": (lambda b, x: b.Slice(x, [-1], [1], [1], [-2]), lambda x: x[:, :1:-2], X),
    "average": (
        lambda b, x: b.AveragePool(x, kernel_shape=(3, 3), pads=(1, 1, 1, 1), count_include_pad=1),
        padded_average,
        X,
    ),
    "max of three": (lambda b, x: b.ReduceMax(x, axes=(0, 2, 3), keepdims=1), lambda x: x.max((0, 2, 3)), X),
    "mean of three": (lambda b, x: b.ReduceMean(x, axes=(0, 2, 3), keepdims=0), lambda x: x.mean((0, 2, 3)), X),
    "sum to the end": (lambda b, x: b.ReduceSum(x, [1, 2, 3], keepdims=1), lambda x: x.sum((1, 2, 3)), X),
    "squares": (lambda b, x: b.ReduceSumSquare(x, axes=(0, 2), keepdims=1), lambda x: (x * x).sum((0, 2)), X),
    "two new dimensions": (lambda b, x: b.Unsqueeze(b.Relu(x), [0, 3]), lambda x: np.maximum(x, 0), X[0, 0]),
    "whole numbers": (
        lambda b, x: b.Cast(b.Cast(b.Mul(x, b.scalar(3.0, x)), to=DType.I64), to=DType.F32),
        lambda x: np.trunc(x * 3),
        X,
    ),
    "reflection": (
        lambda b, x: b.Pad(x, [0, 1, 2, 0, 2, 1], mode="reflect"),
        lambda x: np.pad(x, ((0, 0), (1, 2), (2, 1)), mode="reflect"),
        X[0],
    ),
    "instances": (
        lambda b, x: b.InstanceNormalization(
            x, np.arange(1, 7, dtype="f4"), np.arange(-2, 4, dtype="f4"), epsilon=1e-5
        ),
        normal,
        X,
    ),
    "resize of channels last": (nearest, lambda x: x.repeat(2, 1).repeat(2, 2), LAST),
}


def graph_of(make: Make, shape: tuple[int, ...], dtype: DType = DType.F32) -> Graph:
    graph = Graph(OpTable({"onnx": OnnxDialect(17)}))
    x = graph.add_input("x", TensorType(dtype, shape))
    graph.add_output("y", make(Builder(graph), x))
    return graph


@pytest.mark.judge
@pytest.mark.parametrize("name", CASES)
def test_opencv_computes_what_numpy_does(name: str) -> None:
    cv2 = pytest.importorskip("cv2")
    make, expected, x = CASES[name]
    graph = graph_of(make, x.shape)
    assert avoid_what_opencv_reads_otherwise(graph, RuleContext()) > 0
    verify(graph)
    refuse_unknown(graph, RuleContext())
    data = emit.serialize(emit.emit(graph, opset=17))
    net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    net.setInput(np.ascontiguousarray(x), "x")
    wanted = np.asarray(expected(x))
    np.testing.assert_allclose(net.forward("y").reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "dtype", "says"),
    [
        (lambda b, x: b.Pad(x, [0, 0, 1, 1, 0, 0, 1, 1]), DType.I32, "computes with integers"),
        (lambda b, x: b.Add(x, x), DType.I8, "computes with bytes or short integers"),
        (lambda b, x: b.Cast(x, to=DType.U8), DType.F32, "casts to a type that is not OpenCV's"),
        (lambda b, x: b.Exp(b.Cast(x, to=DType.F64)), DType.F32, "computes in another precision than float32"),
        (lambda b, x: b.Relu(x), DType.F16, "computes in another precision than float32"),
        (lambda b, x: b.IsNaN(x), DType.F32, "not known"),
        (lambda b, x: b.Pad(x, [1, 0, 0, 0, 0, 0, 0, 0], mode="edge"), DType.F32, "not height and width"),
        (lambda b, x: b.Pad(x, b.Shape(x)), DType.F32, "its sizes are computed"),
    ],
)
def test_what_it_would_compute_otherwise_is_refused(make: Make, dtype: DType, says: str) -> None:
    graph = graph_of(make, ("N", 3, 4, 5) if says.startswith("its sizes") else (2, 3, 4, 5), dtype)
    with pytest.raises(UnsupportedError) as caught:
        refuse_unknown(graph, RuleContext())
    assert says in str(caught.value)
