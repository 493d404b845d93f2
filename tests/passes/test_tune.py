"""Faster forms: which is taken when, and that not a bit changes, at the edges of the numbers too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from rewriting import graph_of, numbers, ops, rewritten, run

from regraft.ir import Builder, Shape, Value
from regraft.passes import RuleContext
from regraft.passes.tune import tune

BIG: Shape = (2, 8, 20, 20)
EDGES = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e38, -3e38, 1.5, -1.5], np.float32)
SLOPES: dict[str, tuple[npt.NDArray[np.float32], dict[str, int]]] = {
    "between 0 and 1": (np.linspace(0.01, 1, 8), {"Mul": 1, "Max": 1}),
    "from 1": (np.linspace(1, 4, 8), {"Mul": 1, "Min": 1}),
    "of both signs": (numbers(8), {"Max": 1, "Min": 1, "Mul": 1, "Add": 1}),
    "with a zero": (np.linspace(0, 1, 8), {"Max": 1, "Min": 1, "Mul": 1, "Add": 1}),
    "all the same": (np.full(8, 0.25), {"LeakyRelu": 1}),
}


def prelu(b: Builder, x: Value, slopes: npt.NDArray[np.float32]) -> Value:
    return b.PRelu(x, slopes.astype(np.float32).reshape(-1, 1, 1))


@pytest.mark.parametrize("name", SLOPES)
def test_prelu_to_the_last_bit(name: str) -> None:
    slopes, left = SLOPES[name]
    assert ops(rewritten(lambda b, x: prelu(b, x, slopes), BIG, by=tune)) == left


@pytest.mark.parametrize("name", SLOPES)
def test_prelu_of_what_is_not_finite_or_denormal(name: str) -> None:
    slopes, _ = SLOPES[name]
    x = np.resize(EDGES, (2, 8, 20, 20))
    before = graph_of(lambda b, x: prelu(b, x, slopes), [BIG])
    after = graph_of(lambda b, x: prelu(b, x, slopes), [BIG])
    assert tune(after, RuleContext()) > 0
    np.testing.assert_array_equal(run(after, [x])[0], run(before, [x])[0])


def test_small_prelus_stay_one_op() -> None:
    slopes = np.linspace(0.01, 1, 8)
    assert ops(rewritten(lambda b, x: prelu(b, x, slopes), (1, 8, 4, 4), by=tune)) == {"PRelu": 1}
    assert "PRelu" not in ops(rewritten(lambda b, x: prelu(b, x, slopes), ("N", 8, 4, 4), by=tune))


def test_slopes_that_are_computed_or_infinite_stay() -> None:
    computed = graph_of(lambda b, x: b.PRelu(x, b.ReduceMean(x, axes=[0, 2, 3], keepdims=1)), [BIG])
    infinite = graph_of(lambda b, x: prelu(b, x, np.array([np.inf] * 8)), [BIG])
    assert tune(computed, RuleContext()) == tune(infinite, RuleContext()) == 0
