"""Linear algebra against TensorFlow, and by its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Array, Feed, check, judge, numbers, one_op, refused

SHAPES = {"one": (3, 3), "batch": (2, 4, 4), "two batches": (2, 3, 5, 5), "single": (1, 1)}
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-10}
"""TensorFlow computes in the element type: in float32 its own error grows with the condition of the matrix."""


def positive_definite(*shape: int, dtype: Any = np.float32) -> Array:
    x = numbers(*shape, dtype=np.float64)
    return (x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])).astype(dtype)


def feed(array: Array, dynamic: bool) -> Feed:
    return Feed(array, [None] * array.ndim if dynamic else None)


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_inverse_by_definition(shape: Any, dynamic: bool, portable: bool, tmp_path: Path) -> None:
    x = numbers(*shape, dtype=np.float64)
    net = one_op("MatrixInverse", feed(x, dynamic))
    check(net, np.linalg.inv(x), tmp_path, rtol=1e-10, options={"portable": portable})


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cholesky_by_definition(shape: Any, dynamic: bool, tmp_path: Path) -> None:
    x = positive_definite(*shape, dtype=np.float64)
    check(one_op("Cholesky", feed(x, dynamic)), np.linalg.cholesky(x), tmp_path, rtol=1e-10)


def test_pivots_are_needed(tmp_path: Path) -> None:
    x = np.array([[0.0, 2, 1], [1, 0, 0], [0, 0, 4]], np.float32)
    check(one_op("MatrixInverse", Feed(x)), np.linalg.inv(x), tmp_path)


def test_a_vector_is_refused(tmp_path: Path) -> None:
    refused(one_op("MatrixInverse", Feed(numbers(4))), tmp_path, "no matrix")


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("adjoint", [False, True])
def test_inverse(shape: Any, adjoint: bool, dynamic: bool, dtype: Any, tmp_path: Path) -> None:
    x = positive_definite(*shape, dtype=dtype) + numbers(*shape, seed=1, dtype=dtype) / 10
    judge(one_op("MatrixInverse", feed(x, dynamic), adjoint=adjoint), tmp_path, rtol=TOLERANCE[dtype])


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("adjoint", [False, True])
def test_solve(shape: Any, adjoint: bool, dynamic: bool, dtype: Any, tmp_path: Path) -> None:
    x = positive_definite(*shape, dtype=dtype) + numbers(*shape, seed=1, dtype=dtype) / 10
    right = numbers(*shape[:-1], 2, seed=2, dtype=dtype)
    net = one_op("MatrixSolve", feed(x, dynamic), feed(right, dynamic), adjoint=adjoint)
    judge(net, tmp_path, rtol=TOLERANCE[dtype])


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_triangular_solve(shape: Any, lower: bool, adjoint: bool, dynamic: bool, dtype: Any, tmp_path: Path) -> None:
    x, right = positive_definite(*shape, dtype=dtype), numbers(*shape[:-1], 2, seed=2, dtype=dtype)
    net = one_op("MatrixTriangularSolve", feed(x, dynamic), feed(right, dynamic), lower=lower, adjoint=adjoint)
    judge(net, tmp_path, rtol=TOLERANCE[dtype])


@pytest.mark.judge
def test_triangular_solve_broadcasts(tmp_path: Path) -> None:
    feeds = Feed(positive_definite(4, 4)), Feed(numbers(3, 4, 2))
    judge(one_op("MatrixTriangularSolve", *feeds), tmp_path, rtol=1e-5)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_cholesky(shape: Any, dynamic: bool, dtype: Any, tmp_path: Path) -> None:
    judge(one_op("Cholesky", feed(positive_definite(*shape, dtype=dtype), dynamic)), tmp_path, rtol=TOLERANCE[dtype])


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_lu(shape: Any, dynamic: bool, dtype: Any, tmp_path: Path) -> None:
    judge(one_op("Lu", feed(numbers(*shape, dtype=dtype), dynamic), outputs=2), tmp_path, rtol=TOLERANCE[dtype])


def test_lu_by_definition(tmp_path: Path) -> None:
    x = np.array([[1.0, 2], [4, 2]])
    net = one_op("Lu", Feed(x), outputs=2)
    check(net, [np.array([[4.0, 2], [0.25, 1.5]]), np.array([1, 0], np.int32)], tmp_path)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_determinant_in_double(shape: Any, dynamic: bool, tmp_path: Path) -> None:
    x = numbers(*shape, dtype=np.float64)
    check(one_op("MatrixDeterminant", feed(x, dynamic)), np.asarray(np.linalg.det(x)), tmp_path, rtol=1e-12)


def test_determinants_with_exchanges_and_zeros(tmp_path: Path) -> None:
    x = np.array([[[0.0, 2], [3, 0]], [[1, 2], [2, 4]], [[0, 0], [0, 5]], [[0, 1], [1, 0]]])
    check(one_op("MatrixDeterminant", Feed(x)), np.array([-6.0, 0, 0, -1]), tmp_path, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_of_determinants(dtype: Any, tmp_path: Path) -> None:
    """The determinant itself would be beyond float32."""
    x = (numbers(3, 20, 20, dtype=np.float64) * 1e4).astype(dtype)
    signs, sizes = np.linalg.slogdet(x.astype(np.float64))
    net = one_op("LogMatrixDeterminant", Feed(x), outputs=2)
    check(net, [signs.astype(dtype), sizes.astype(dtype)], tmp_path, rtol=1e-6)
