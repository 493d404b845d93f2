"""Special functions against TensorFlow and against the standard library, which has some of them in double precision."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from harness import Feed, check, judge, one_op

POSITIVE = np.array([0.01, 0.3, 0.5, 0.999, 1.0, 1.5, 2.0, 2.7, 7.9, 8.0, 8.1, 33.3, 1e3, 1e5])
EVERYWHERE = np.concatenate([POSITIVE, [-0.3, -1.5, -2.25, -7.75, -20.4]])
INSIDE = np.array([-0.98, -0.86, -0.5, -0.1, -1e-4, 0.0, 1e-6, 0.2, 0.7, 0.849, 0.851, 0.98])
INFINITE = np.array([0.0, -1.0, -3.0, np.inf])
POLYGAMMA = (np.array([[0.0], [1], [2], [3], [5]]), np.array([0.1, 0.5, 1, 2.5, 9.5, 60, 1e3]))
ZETA = (np.array([[1.1], [2], [3.5], [8]]), np.array([0.1, 0.5, 1, 2.5, 9.5, 60, 1e3]))
DOUBLE = {"rtol": 1e-12, "atol": 1e-14}


def test_lgamma_in_double(tmp_path: Path) -> None:
    check(one_op("Lgamma", Feed(EVERYWHERE)), np.array([math.lgamma(v) for v in EVERYWHERE]), tmp_path, **DOUBLE)


def test_lgamma_where_it_is_infinite(tmp_path: Path) -> None:
    check(one_op("Lgamma", Feed(INFINITE)), np.full(4, np.inf), tmp_path, atol=0)


def test_ndtri_in_double(tmp_path: Path) -> None:
    p = np.array([1e-300, 1e-20, 1e-5, 0.07, 0.3, 0.5, 0.8, 0.95, 1 - 1e-9])
    check(one_op("Ndtri", Feed(p)), np.array([NormalDist().inv_cdf(v) for v in p]), tmp_path, **DOUBLE)


def test_erfinv_is_the_inverse_of_erf(tmp_path: Path) -> None:
    x = np.array([-3.0, -1.2, -0.1, 1e-9, 0.5, 2.0])
    check(one_op("Erfinv", Feed(np.array([math.erf(v) for v in x]))), x, tmp_path, rtol=1e-11, atol=0)


def test_digamma_of_whole_numbers(tmp_path: Path) -> None:
    """digamma(n) is the harmonic number before n, less Euler's constant."""
    n = np.arange(1.0, 30)
    expected = np.cumsum(np.concatenate([[0], 1 / n[:-1]])) - 0.5772156649015328606
    check(one_op("Digamma", Feed(n)), expected, tmp_path, **DOUBLE)


def test_zeta_of_two(tmp_path: Path) -> None:
    x = Feed(np.array([2.0, 4.0]))
    check(one_op("Zeta", x, np.array(1.0)), np.array([math.pi**2 / 6, math.pi**4 / 90]), tmp_path, **DOUBLE)


def test_polygamma_below_zero(tmp_path: Path) -> None:
    """The recurrence of trigamma, from positive arguments down."""
    expected = np.array([math.pi**2 / 2 + 4 + 4 / 9])
    net = one_op("Polygamma", np.array([1.0]), Feed(np.array([-1.5])))
    check(net, expected, tmp_path, **DOUBLE)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("declared", [None, [None]], ids=["static", "dynamic"])
@pytest.mark.parametrize(
    ("op", "x"), [("Lgamma", EVERYWHERE), ("Digamma", EVERYWHERE), ("Erfinv", INSIDE), ("Ndtri", abs(INSIDE))]
)
def test_unary(op: str, x: Any, declared: Any, dtype: Any, tmp_path: Path) -> None:
    if dtype is np.float16 and op in ("Erfinv", "Ndtri"):
        pytest.skip("TensorFlow has it for float32 and float64")
    narrow = x[abs(x) < 60].astype(dtype)
    tolerance = {np.float16: 2e-3, np.float32: 1e-5, np.float64: 1e-9}[dtype]
    judge(one_op(op, Feed(narrow, declared)), tmp_path, rtol=tolerance)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("declared", [None, [None]], ids=["static", "dynamic"])
@pytest.mark.parametrize(("op", "values"), [("Zeta", ZETA), ("Polygamma", POLYGAMMA)])
def test_of_two(op: str, values: Any, declared: Any, dtype: Any, tmp_path: Path) -> None:
    a, b = (v.astype(dtype) for v in values)
    a, b = np.broadcast_arrays(a, b)
    a, b = (np.ascontiguousarray(v.reshape(-1)) for v in (a, b))
    judge(one_op(op, Feed(a, declared), Feed(b, declared)), tmp_path, rtol=1e-5 if dtype is np.float32 else 1e-9)


@pytest.mark.judge
@pytest.mark.parametrize("op", ["Lgamma", "Erfinv"])
def test_portable(op: str, tmp_path: Path) -> None:
    judge(one_op(op, Feed(abs(INSIDE))), tmp_path, atol=1e-9, options={"portable": True})


GAMMA = np.array([[0.3], [1.0], [2.5], [10.0], [300.0]]), np.array([0.0, 1e-3, 0.5, 2.0, 9.0, 12.0, 290.0, 320.0, 1e4])
BETA = np.array([[0.3], [1.0], [2.5], [40.0]]), np.array([[[0.5]], [[1.0]], [[30.0]]]), np.linspace(0, 1, 9)


def grid(arrays: Any, dtype: Any) -> list[Any]:
    """Every combination, as vectors of one shape."""
    return [np.ascontiguousarray(a.reshape(-1)) for a in np.broadcast_arrays(*(a.astype(dtype) for a in arrays))]


def test_igamma_of_whole_numbers(tmp_path: Path) -> None:
    """Q(3, x) is a sum of three terms of Poisson's distribution."""
    x = np.array([0.1, 1.0, 3.9, 4.1, 30.0])
    expected = np.exp(-x) * (1 + x + x * x / 2)
    check(one_op("Igammac", np.full(5, 3.0), Feed(x)), expected, tmp_path, **DOUBLE)
    check(one_op("Igamma", np.full(5, 3.0), Feed(x)), 1 - expected, tmp_path, **DOUBLE)


def test_betainc_of_whole_numbers(tmp_path: Path) -> None:
    x = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    net = one_op("Betainc", np.full(5, 2.0), np.full(5, 3.0), Feed(x))
    check(net, x**2 * (6 - 8 * x + 3 * x**2), tmp_path, **DOUBLE)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("declared", [None, [None]], ids=["static", "dynamic"])
@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(("op", "values"), [("Igamma", GAMMA), ("Igammac", GAMMA), ("Betainc", BETA)])
def test_incomplete(op: str, values: Any, declared: Any, portable: bool, dtype: Any, tmp_path: Path) -> None:
    feeds = [Feed(v, declared) for v in grid(values, dtype)]
    tolerance = 3e-5 if dtype is np.float32 else 1e-9  # TensorFlow's own error in float32, of powers of large numbers
    judge(one_op(op, *feeds), tmp_path, rtol=tolerance, options={"portable": portable})


@pytest.mark.judge
@pytest.mark.parametrize("op", ["Igamma", "Igammac"])
def test_outside_the_domain(op: str, tmp_path: Path) -> None:
    a, x = np.array([1.0, -1.0, 2.0]), np.array([-1.0, 1.0, np.inf])
    judge(one_op(op, Feed(a), Feed(x)), tmp_path)


@pytest.mark.parametrize("name", ["Erf", "Erfc"])
def test_error_function_in_double(name: str, tmp_path: Path) -> None:
    """Digits that float32 does not have, on both sides of the borders between the approximations."""
    x = np.concatenate([np.linspace(-7, 27, 400), [0.46875, 0.46876, 4, 4.0001, -4, 0, 1e-300, 700, -np.inf, np.inf]])
    expected = np.array([getattr(math, name.lower())(v) for v in x])
    check(one_op(name, Feed(x)), expected, tmp_path, rtol=1e-14, atol=0)


def test_small_complements_of_single_precision(tmp_path: Path) -> None:
    x = np.linspace(3, 9, 50, dtype=np.float32)
    expected = np.array([math.erfc(float(v)) for v in x]).astype(np.float32)
    check(one_op("Erfc", Feed(x)), expected, tmp_path, rtol=1e-6, atol=0)
