"""The reference's loop: what it does not know, names that are written twice, and which ops it knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft.reference
from regraft.ir import DType, Graph, Op, TensorType
from regraft.options import CompileOptions
from regraft.passes import BUILT_IN
from regraft.reference import EVALUATORS, NotEvaluated, evaluate, evaluate_alone
from regraft.sources import read_source

X = np.random.default_rng(0).standard_normal((1, 2, 3, 4)).astype(np.float32)
NET = """
input: "x" input_shape { dim: 1 dim: 2 dim: 3 dim: 4 }
layer { name: "abs" type: "AbsVal" bottom: "x" top: "a" }
layer { name: "mine" type: "Mine" bottom: "a" top: "b" }
layer { name: "tanh" type: "TanH" bottom: "b" top: "c" }
layer { name: "neg" type: "Power" bottom: "x" top: "d" power_param { scale: -1 } }
layer { name: "relu" type: "ReLU" bottom: "d" top: "d" }
layer { name: "out" type: "Sigmoid" bottom: "d" top: "e" }
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return read_source(path, None, CompileOptions()).graph


def test_what_it_does_not_know_and_all_that_follows_is_missing(graph: Graph) -> None:
    found = evaluate(graph, {"x": X})
    assert set(found.missing) == {"b", "c"}
    assert found.missing["c"] == "caffe.Mine mine: the reference does not know this type"
    np.testing.assert_array_equal(found.values["a"], np.abs(X))
    np.testing.assert_allclose(found.values["e"], 1 / (1 + np.exp(-np.maximum(-X, 0))), rtol=1e-6)


def test_somebody_else_may_compute_it(graph: Graph) -> None:
    def twice(op: Op, inputs: Sequence[Any]) -> tuple[Sequence[Any], str]:
        return [2 * inputs[0]], "by a test"

    found = evaluate(graph, {"x": X}, substitute=twice)
    np.testing.assert_allclose(found.values["c"], np.tanh(2 * np.abs(X)), rtol=1e-6)
    assert found.substituted == {"caffe.Mine mine": "the reference does not know this type: by a test"}
    assert found.unjudged == {"b"} and not found.missing


def test_nobody_has_to(graph: Graph) -> None:
    def refuses(op: Op, inputs: Sequence[Any]) -> tuple[Sequence[Any], str]:
        raise NotEvaluated("no idea")

    assert evaluate(graph, {"x": X}, substitute=refuses).missing["b"] == "caffe.Mine mine: no idea"


def test_an_alias_is_computed_as_what_it_stands_for(graph: Graph) -> None:
    found = evaluate(graph, {"x": X}, aliases={"Mine": "TanH"})
    np.testing.assert_allclose(found.values["c"], np.tanh(np.tanh(np.abs(X))), rtol=1e-6)


def test_of_several_values_of_one_name_the_last_is_kept(graph: Graph) -> None:
    found = evaluate(graph, {"x": X})
    np.testing.assert_array_equal(found.values["d"], np.maximum(-X, 0))
    assert found.rewritten == {"d": ("neg", "relu")}


def test_one_op_alone(graph: Graph) -> None:
    other = X + 1
    made = evaluate_alone(graph, "a", {"x": other}, {}, {})
    np.testing.assert_array_equal(made, np.abs(other))
    assert evaluate_alone(graph, "a", {}, {}, {}) is None
    made = evaluate_alone(graph, "e", {"d": other}, {}, {})
    np.testing.assert_allclose(made, 1 / (1 + np.exp(-other)), rtol=1e-5)
    assert evaluate_alone(graph, "d", {"d": X}, {}, {}) is None, "ReLU reads a d that has no name any more"
    assert evaluate_alone(graph, "nowhere", {}, {}, {}) is None


def test_nothing_fed() -> None:
    graph = Graph()
    graph.add_output("y", graph.add_input("x", TensorType(DType.F32, (2,))))
    assert evaluate(graph, {}).missing["y"] == "core.Input x: nothing is fed to it"


LEFT_OUT: frozenset[str] = frozenset()
"""Caffe layers that have a rule and no evaluator."""


def ours(dialect: str) -> set[str]:
    """Kinds that have a rule of regraft's; other tests' plugins leave rules of theirs."""
    rules = {kind: BUILT_IN.find(kind) for kind in BUILT_IN.kinds(dialect)}
    return {kind for kind, rule in rules.items() if rule and rule.function.__module__.startswith("regraft.passes.")}


def test_all_caffe_layers_that_have_a_rule_are_known() -> None:
    unknown = ours("caffe") - set(EVALUATORS)
    assert unknown == LEFT_OUT, "write an evaluator in compiler/reference/caffe, or enter it into LEFT_OUT"


def test_most_of_tensorflows_ops_are_known() -> None:
    assert len(ours("tf") & set(EVALUATORS)) >= 330


def test_it_knows_no_kind_that_has_no_rule() -> None:
    assert {kind for kind in EVALUATORS if not kind.startswith("onnx.")} <= ours("caffe") | ours("tf")


def test_it_shares_nothing_with_the_rules() -> None:
    """What judges the rules must not import them, nor the kernels."""
    folder = Path(regraft.reference.__file__ or "").parent
    for path in folder.rglob("*.py"):
        text = path.read_text()
        assert "regraft.passes" not in text and "regraft.custom_ops" not in text, path.name
