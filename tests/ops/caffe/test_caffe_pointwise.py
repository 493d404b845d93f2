"""Activations, arithmetic, Scale, Bias, Reduction, ArgMax, InnerProduct, Embed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from caffe_cases import Array, Case, case, check, numbers, positive, refused

FUNCTIONS = 3e-6
"""exp, tanh and pow of different libraries differ by some float32 roundings."""
X = numbers(2, 3, 4, 5, scale=3)


def softplus(x: Array) -> Array:
    return np.log1p(np.exp(x.astype(np.float64)))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


UNARY: list[tuple[str, str, Callable[[Array], Array]]] = [
    ("ReLU", "", lambda x: np.maximum(x, 0)),
    ("ReLU", "relu_param { negative_slope: 0.1 }", lambda x: np.maximum(x, 0) + np.float32(0.1) * np.minimum(x, 0)),
    ("ReLU", "relu_param { relu6: true }", lambda x: np.clip(x, 0, 6)),
    ("ReLU6", "", lambda x: np.clip(x, 0, 6)),
    ("ReLU6", "relu6_param { negative_slope: 0.2 }", lambda x: np.minimum(np.where(x > 0, x, np.float32(0.2) * x), 6)),
    ("ELU", "elu_param { alpha: 0.7 }", lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
    ("Sigmoid", "", sigmoid),
    ("TanH", "", np.tanh),
    ("AbsVal", "", np.abs),
    ("BNLL", "", softplus),
    ("Swish", "swish_param { beta: 1.5 }", lambda x: x * sigmoid(1.5 * x)),
    ("Mish", "", lambda x: x * np.tanh(softplus(x))),
    ("HardSwish", "", lambda x: x * np.clip(x + 3, 0, 6) / 6),
    ("HardSigmoid", "hardsigmoid_param { alpha: 0.3 beta: 0.4 }", lambda x: np.clip(0.3 * x + 0.4, 0, 1)),
    ("Clip", "clip_param { min: -1 max: 2.5 }", lambda x: np.clip(x, -1, 2.5)),
    ("Threshold", "threshold_param { threshold: 0.5 }", lambda x: (x > 0.5).astype(np.float32)),
    ("Power", "power_param { power: 2 scale: 0.5 shift: 1 }", lambda x: (1 + 0.5 * x) ** 2),
    ("Power", "power_param { power: 3 }", lambda x: x**3),
    ("Power", "power_param { scale: -2 shift: 3 }", lambda x: 3 - 2 * x),
    ("Power", "power_param { power: 0 scale: 5 }", np.ones_like),
    ("Power", "power_param { power: 2 scale: 0 shift: 3 }", lambda x: np.full_like(x, 9)),
    ("Power", "", lambda x: x),
    ("Exp", "", np.exp),
    ("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }", lambda x: 2 ** (1 + 0.5 * x)),
    ("Exp", "exp_param { scale: 0.5 shift: 1 }", lambda x: np.exp(1 + 0.5 * x)),
    ("Dropout", "dropout_param { dropout_ratio: 0.3 }", lambda x: x),
    ("Dropout", "dropout_param { dropout_ratio: 0.3 scale_train: false }", lambda x: np.float32(0.7) * x),
    ("SpatialDropout", "", lambda x: x),
]


@pytest.mark.parametrize(("layer_type", "params", "function"), UNARY)
def test_unary(layer_type: str, params: str, function: Callable[[Array], Array], tmp_path: Any) -> None:
    check(layer_type, case("", params, X), function(X).astype(np.float32), tmp_path, rtol=FUNCTIONS)


@pytest.mark.parametrize(
    ("params", "function"),
    [
        ("", np.log),
        ("log_param { base: 10 scale: 2 shift: 0.5 }", lambda x: np.log10(0.5 + 2 * x)),
    ],
)
def test_log(params: str, function: Callable[[Array], Array], tmp_path: Any) -> None:
    x = positive(2, 3, 4)
    check("Log", case("", params, x), function(x).astype(np.float32), tmp_path, rtol=FUNCTIONS)


def test_prelu(tmp_path: Any) -> None:
    for x in (X, numbers(4, 3), numbers(2, 3, 5)):
        slopes = numbers(3, seed=1)
        shaped = slopes.reshape(1, 3, *(1,) * (x.ndim - 2))
        c = case("", "", x, blobs=[slopes])
        check("PReLU", c, np.maximum(x, 0) + shaped * np.minimum(x, 0), tmp_path, rtol=0)
    for one in (np.float32([0.3]), np.float32(0.3).reshape(())):
        c = case("", "prelu_param { channel_shared: true }", X, blobs=[one])
        check("PReLU", c, np.where(X > 0, X, np.float32(0.3) * X), tmp_path, rtol=0)


A, B, C = (numbers(2, 3, 4, seed=s) for s in range(3))
ELTWISE = [
    ("", A + B + C),
    ("eltwise_param { coeff: 2 coeff: -1 coeff: 0.5 }", 2 * A - B + np.float32(0.5) * C),
    ("eltwise_param { operation: PROD }", A * B * C),
    ("eltwise_param { operation: MAX }", np.maximum(np.maximum(A, B), C)),
    ("eltwise_param { operation: MAX coeff: 2 coeff: 1 coeff: 1 }", np.maximum(np.maximum(A, B), C)),
    ("eltwise_param { operation: MIN }", np.minimum(np.minimum(A, B), C)),
]


@pytest.mark.parametrize(("params", "expected"), ELTWISE, ids=lambda v: v if isinstance(v, str) else "")
def test_eltwise(params: str, expected: Array, tmp_path: Any) -> None:
    check("Eltwise", case("", params, A, B, C), expected, tmp_path, rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1, 1)])
def test_axpy(shape: tuple[int, ...], tmp_path: Any) -> None:
    s, x, y = numbers(*shape), numbers(2, 3, 4, 5, seed=1), numbers(2, 3, 4, 5, seed=2)
    check("Axpy", case("", "", s, x, y), s.reshape(2, 3, 1, 1) * x + y, tmp_path, rtol=1e-6)


SCALES = [
    ("channels", "", (3,), (1, 3, 1, 1)),
    ("two axes", "axis: 1 num_axes: 2", (3, 4), (1, 3, 4, 1)),
    ("the rest", "axis: 2 num_axes: -1", (4, 5), (1, 1, 4, 5)),
    ("a number", "num_axes: 0", (), (1, 1, 1, 1)),
    ("negative axis", "axis: -1", (5,), (1, 1, 1, 5)),
]


@pytest.mark.parametrize(("name", "params", "shape", "spread"), SCALES)
def test_scale_and_bias(name: str, params: str, shape: Any, spread: Any, tmp_path: Any) -> None:
    s, b = numbers(*shape, seed=1), numbers(*shape, seed=2)
    c = case(name, f"scale_param {{ {params} bias_term: true }}", X, blobs=[s, b])
    check("Scale", c, X * s.reshape(spread) + b.reshape(spread), tmp_path, rtol=1e-6)
    c = case(name, f"scale_param {{ {params} }}", X, blobs=[s])
    check("Scale", c, X * s.reshape(spread), tmp_path, rtol=0)
    c = case(name, f"bias_param {{ {params} }}", X, blobs=[b])
    check("Bias", c, X + b.reshape(spread), tmp_path, rtol=0)


@pytest.mark.parametrize(("axis", "shape", "spread"), [(0, (2, 3), (2, 3, 1, 1)), (1, (3,), (1, 3, 1, 1)), (1, (), ())])
def test_scale_and_bias_of_two_bottoms(axis: int, shape: Any, spread: Any, tmp_path: Any) -> None:
    s, b = numbers(*shape, seed=1), numbers(*shape, seed=2)
    if shape:
        check("Scale", case("", f"scale_param {{ axis: {axis} }}", X, s), X * s.reshape(spread), tmp_path, rtol=0)
        check("Bias", case("", f"bias_param {{ axis: {axis} }}", X, b), X + b.reshape(spread), tmp_path, rtol=0)
        c = case("", f"scale_param {{ axis: {axis} bias_term: true }}", X, s, blobs=[b])
        check("Scale", c, X * s.reshape(spread) + b.reshape(spread), tmp_path, rtol=1e-6)


REDUCTIONS = [
    ("SUM", 0, lambda v: v.sum()),
    ("SUM", 1, lambda v: v.sum((1, 2, 3))),
    ("ASUM", 2, lambda v: np.abs(v).sum((2, 3))),
    ("SUMSQ", -1, lambda v: (v * v).sum(3)),
    ("MEAN", 1, lambda v: v.mean((1, 2, 3))),
]


@pytest.mark.parametrize(("operation", "axis", "function"), REDUCTIONS)
def test_reduction(operation: str, axis: int, function: Callable[[Array], Array], tmp_path: Any) -> None:
    expected = np.asarray(2.5 * function(X.astype(np.float64)), np.float32)
    c = case("", f"reduction_param {{ operation: {operation} axis: {axis} coeff: 2.5 }}", X)
    check("Reduction", c, expected, tmp_path, rtol=1e-6)


def arg_max(x: Array, k: int) -> tuple[Array, Array]:
    """Along the last axis; pairs (number, place) are sorted downwards, so of equals the larger place is first."""
    places = np.stack(
        [sorted(range(x.shape[-1]), key=lambda i: (-row[i], -i))[:k] for row in x.reshape(-1, x.shape[-1])]
    )
    places = places.reshape(*x.shape[:-1], k)
    return places.astype(np.float32), np.take_along_axis(x, places, -1)


def test_arg_max(tmp_path: Any) -> None:
    ties = np.round(X)
    places, values = arg_max(ties.reshape(2, -1), 3)
    c = case("flat", "argmax_param { top_k: 3 }", ties)
    check("ArgMax", c, places.reshape(2, 1, 3, 1), tmp_path, rtol=0)
    c = case("flat with values", "argmax_param { top_k: 3 out_max_val: true }", ties)
    check("ArgMax", c, np.stack([places, values], 1)[..., None], tmp_path, rtol=0)
    places, values = arg_max(np.moveaxis(ties, 1, -1), 2)
    c = case("axis", "argmax_param { top_k: 2 axis: 1 }", ties)
    check("ArgMax", c, np.moveaxis(places, -1, 1), tmp_path, rtol=0)
    c = case("axis with values", "argmax_param { top_k: 2 axis: 1 out_max_val: true }", ties)
    check("ArgMax", c, np.moveaxis(values, -1, 1), tmp_path, rtol=0)
    c = case("rank 2", "", numbers(3, 7))
    check("ArgMax", c, arg_max(c.bottoms[0], 1)[0].reshape(3, 1, 1), tmp_path, rtol=0)


INNER_PRODUCTS = [("", 1, (60,)), ("axis: 2", 2, (20,)), ("axis: -1", 3, (5,)), ("axis: 0", 0, (120,))]


@pytest.mark.parametrize(("params", "axis", "inner"), INNER_PRODUCTS)
@pytest.mark.parametrize("transpose", [False, True])
def test_inner_product(params: str, axis: int, inner: tuple[int], transpose: bool, tmp_path: Any) -> None:
    w, b = numbers(7, *inner, seed=1), numbers(7, seed=2)
    expected = X.reshape(*X.shape[:axis], -1).astype(np.float64) @ w.T.astype(np.float64) + b
    blob = np.ascontiguousarray(w.T) if transpose else w
    c = case(
        "", f"inner_product_param {{ num_output: 7 {params} transpose: {str(transpose).lower()} }}", X, blobs=[blob, b]
    )
    check("InnerProduct", c, expected.astype(np.float32), tmp_path, rtol=2e-6)
    legacy = case(
        "", f"inner_product_param {{ num_output: 7 {params} }}", X, blobs=[w[None, None], b[None, None, None]]
    )
    if not transpose:
        check("InnerProduct", legacy, expected.astype(np.float32), tmp_path, rtol=2e-6)


def test_embed(tmp_path: Any) -> None:
    w, b = numbers(6, 4, seed=1), numbers(4, seed=2)
    x = np.float32([[0, 5, 2], [1, 1, 3]])
    c = case("", "embed_param { num_output: 4 input_dim: 6 }", x, blobs=[w, b])
    check("Embed", c, w[x.astype(int)] + b, tmp_path, rtol=0)
    c = case("", "embed_param { num_output: 4 input_dim: 6 bias_term: false }", x, blobs=[w])
    check("Embed", c, w[x.astype(int)], tmp_path, rtol=0)


REFUSED: list[tuple[str, Case, str]] = [
    ("Eltwise", case("", "", A, numbers(2, 3, 5)), "its bottoms have different shapes"),
    ("Eltwise", case("", "eltwise_param { coeff: 1 }", A, B), "has 1 coeff for 2 bottoms"),
    (
        "Eltwise",
        case("", "eltwise_param { operation: PROD coeff: 1 coeff: 2 }", A, B),
        "coeff goes with SUM, not with PROD",
    ),
    ("Log", case("", "log_param { base: 0 }", A), "base 0 is neither positive nor -1"),
    ("Clip", case("", "clip_param { min: 0 }", A), "has no max"),
    ("Power", case("", "power_param { power: -1 scale: 0 }", A), "divides by zero"),
    ("Scale", case("", "scale_param { num_axes: 4 }", X, blobs=[numbers(3)]), "num_axes 4 from axis 1 on go beyond"),
    ("Scale", case("", "", X, blobs=[numbers(4)]), "its scales have the shape 4, and 3 is needed"),
    ("ArgMax", case("", "argmax_param { top_k: 9 axis: 1 }", X), "top_k 9 is not within 1 and 3"),
    ("Reduction", case("", "reduction_param { operation: TOPK }", X), "operation TOPK is not supported"),
    ("Reduction", case("", "reduction_param { axis: 4 }", X), "axis 4 is outside a bottom of rank 4"),
    ("Dropout", case("", "dropout_param { sample_weights_test: true }", X), "draws at random in TEST too"),
    (
        "InnerProduct",
        case("", "inner_product_param { num_output: 7 }", X, blobs=[numbers(7, 61), numbers(7)]),
        "its weights have the shape 7x61, and 7x60 is needed",
    ),
]


@pytest.mark.parametrize(("layer_type", "c", "says"), REFUSED)
def test_refused(layer_type: str, c: Case, says: str, tmp_path: Any) -> None:
    refused(layer_type, c, says, tmp_path)
