"""Ragged tensors to dense and sparse ones, and sets, against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Array, Feed, GraphText, Type, check, from_tensorflow, judge, numbers, refused

SPLITS = np.array([0, 2, 2, 5, 6], np.int64)
OWNERS = np.array([0, 0, 2, 2, 2, 3], np.int64)
VALUES = np.arange(10, 16).astype(np.float32)
OUTER, INNER = np.array([0, 1, 1, 4], np.int64), np.array([0, 2, 2, 5, 6], np.int64)
SHAPES = [[-1, -1], [4, -1], [-1, 2], [6, 5], [2, 1]]


def to_tensor(parts: list[Array], kinds: list[str], values: Array, shape: Any, default: Any = -1.0) -> Any:
    def build(tf: Any, values: Any, *parts: Any) -> Any:
        return tf.raw_ops.RaggedTensorToTensor(
            shape=shape, values=values, default_value=default, row_partition_tensors=parts, row_partition_types=kinds
        )

    return from_tensorflow(build, Feed(values, (None, *values.shape[1:])), *[Feed(p, [None] * p.ndim) for p in parts])


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_row_splits(shape: Any, dtype: Any, tmp_path: Path) -> None:
    judge(to_tensor([SPLITS.astype(dtype)], ["ROW_SPLITS"], VALUES, np.array(shape, dtype)), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_that_is_fed(shape: Any, tmp_path: Path) -> None:
    def build(tf: Any, values: Any, splits: Any, shape: Any) -> Any:
        attrs = {"row_partition_tensors": [splits], "row_partition_types": ["ROW_SPLITS"]}
        return tf.raw_ops.RaggedTensorToTensor(shape=shape, values=values, default_value=np.float32(-1), **attrs)

    feeds = [Feed(VALUES, "any"), Feed(SPLITS, "any"), Feed(np.array(shape, np.int64), [2])]
    judge(from_tensorflow(build, *feeds), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_row_numbers(shape: Any, tmp_path: Path) -> None:
    parts = [np.array(5, np.int64), OWNERS]
    judge(to_tensor(parts, ["FIRST_DIM_SIZE", "VALUE_ROWIDS"], VALUES, np.array(shape, np.int64)), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("shape", [[-1, -1, -1], [3, 2, 2]], ids=str)
def test_two_ragged_dimensions(shape: Any, tmp_path: Path) -> None:
    judge(to_tensor([OUTER, INNER], ["ROW_SPLITS"] * 2, VALUES, np.array(shape, np.int64)), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_values_of_several_dimensions(dtype: Any, tmp_path: Path) -> None:
    values = numbers(6, 2, 3, dtype=dtype)
    judge(to_tensor([SPLITS], ["ROW_SPLITS"], values, np.array([-1, -1, 2, 3]), dtype(7)), tmp_path)


def test_dense_by_definition(tmp_path: Path) -> None:
    graph = GraphText()
    parts = [np.asarray(-1, np.int64), Feed(VALUES, [None]), np.float32(0), Feed(SPLITS)]
    attrs = {"Tshape": Type("DT_INT64"), "Tindex": Type("DT_INT64"), "row_partition_types": ["ROW_SPLITS"]}
    graph.node("RaggedTensorToTensor", *parts, name="y", T=Type("DT_FLOAT"), num_row_partition_tensors=1, **attrs)
    expected = np.array([[10, 11, 0], [0, 0, 0], [12, 13, 14], [15, 0, 0]], np.float32)
    check(graph.net("y"), expected, tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("splits", [[SPLITS], [OUTER, INNER]], ids=["one", "two"])
def test_to_sparse(splits: Any, tmp_path: Path) -> None:
    def build(tf: Any, values: Any, *splits: Any) -> Any:
        made = tf.raw_ops.RaggedTensorToSparse(rt_nested_splits=splits, rt_dense_values=values)
        return made.sparse_indices, made.sparse_values, made.sparse_dense_shape

    judge(from_tensorflow(build, Feed(VALUES, [None]), *[Feed(s, [None]) for s in splits]), tmp_path)


SETS = {
    "matrix": (np.array([[1, 5, 3, 3], [2, 2, 2, 2], [9, 8, 7, 6]]), np.array([[3, 4, 1], [1, 3, 5], [6, 7, 0]])),
    "vectors": (np.array([4, 4, 1, 9]), np.array([9, 2])),
    "rank 3": (np.arange(12).reshape(2, 2, 3) % 4, np.arange(8).reshape(2, 2, 2) % 5),
}


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize("operation", ["a-b", "b-a", "intersection", "union"])
def test_sets(operation: str, sets: str, dtype: Any, tmp_path: Path) -> None:
    a, b = (v.astype(dtype) for v in SETS[sets])
    if a.ndim == 1:
        a, b = a[None], b[None]

    def build(tf: Any, a: Any, b: Any) -> Any:
        made = tf.raw_ops.DenseToDenseSetOperation(set1=a, set2=b, set_operation=operation)
        return made.result_indices, made.result_values, made.result_shape

    judge(from_tensorflow(build, a, Feed(b, [None] * b.ndim)), tmp_path)


def test_an_unknown_operation_is_refused(tmp_path: Path) -> None:
    graph = GraphText()
    graph.node("DenseToDenseSetOperation", Feed(np.zeros((1, 2), np.int32)), np.zeros((1, 2), np.int32), name="y",
               set_operation="xor")  # fmt: skip
    refused(graph.net("y"), tmp_path, "set_operation xor is not known")
