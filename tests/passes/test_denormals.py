"""Weights below float32's normal range: which are set to zero, that it is said, and that no sum changes."""

from __future__ import annotations

import numpy as np
import pytest
from rewriting import graph_of, numbers, rewritten

from regraft.ir import Builder
from regraft.passes import RuleContext
from regraft.passes.tune import flush_denormals
from regraft.passes.tune.denormals import count_denormals

TINY = float(np.finfo(np.float32).tiny)
EDGES = [
    (0.0, 0),
    (-0.0, 0),
    (TINY, 0),
    (-TINY, 0),
    (TINY / 2, 1),
    (-TINY / 2, 1),
    (1e-45, 1),
    (np.inf, 0),
    (np.nan, 0),
]


@pytest.mark.parametrize(("number", "count"), EDGES)
def test_a_denormal_is_neither_zero_nor_normal(number: float, count: int) -> None:
    assert count_denormals(np.array([1.0, number, -3.0], np.float32)) == count


def test_they_are_counted_across_big_arrays_and_in_float32_only() -> None:
    array = numbers(3, 70_001)
    array[1, ::1000] = 1e-40
    assert count_denormals(array) == 71
    assert count_denormals(array.T) == 71
    assert count_denormals(array[:, ::1000]) == 71
    assert count_denormals(np.full(4, 1e-310)) == 0


def test_sums_stay_and_the_report_says_it() -> None:
    weights = numbers(6, 4, 3, 3)
    weights[2] = 1e-40
    bias = numbers(6)
    before = graph_of(lambda b, x: b.Conv(x, weights, bias), [(1, 4, 6, 7)])
    context = RuleContext()
    assert flush_denormals(before, context) == 1
    [conv] = [op for op in before if op.kind == "onnx.Conv"]
    flushed = conv.inputs[1]
    assert flushed is not None
    assert flushed.array is not None
    np.testing.assert_array_equal(flushed.array[2], 0)
    np.testing.assert_array_equal(np.delete(flushed.array, 2, 0), np.delete(weights, 2, 0))
    assert "36 weights of Conv" in str(context.notes[0])
    assert flush_denormals(before, context) == 0


def test_numbers_do_not_change() -> None:
    weights = numbers(5, 6)
    weights[0] = -1e-41
    rewritten(lambda b, x: b.MatMul(x, weights), (3, 5), by=flush_denormals)


def test_sums_that_are_not_weighted_keep_theirs() -> None:
    def add(b: Builder, x: object) -> object:
        return b.Add(x, np.full(4, 1e-40, np.float32))

    assert flush_denormals(graph_of(add, [(4,)]), RuleContext()) == 0  # type: ignore[arg-type]
