"""Dropout that keeps everything, and conditionals on training, leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Feed, GraphText, Net, check, from_tensorflow, judge, numbers

X = numbers(3, 4)
KEPT = {"Identity"}


def dropout(keep: str, *, static: bool) -> Net:
    """x / keep * floor(keep + random), as TensorFlow 1 writes it; `keep` is the op that gives 1."""
    graph = GraphText()
    x = graph.feed(Feed(X, None if static else (None, 4)))
    one = graph.const(np.asarray(1, np.float32))
    if keep == "PlaceholderWithDefault":
        one = graph.node(keep, one, T=None, dtype=np.float32)
    shape = graph.node("Shape", x)
    drawn = graph.node("RandomUniform", shape, T=np.int32, dtype=np.float32)
    mask = graph.node("Floor", graph.node("Add", drawn, one))
    return graph.net(graph.node("Mul", graph.node("RealDiv", x, one), mask, name="y"))


@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
@pytest.mark.parametrize("keep", ["Const", "PlaceholderWithDefault"])
def test_a_probability_of_one_draws_nothing(keep: str, static: bool, tmp_path: Path) -> None:
    model = check(dropout(keep, static=static), X, tmp_path, rtol=0)
    assert set(model.report.ops) == KEPT


def test_a_mask_that_is_wider_than_its_factor_stays(tmp_path: Path) -> None:
    graph = GraphText()
    shape = graph.const(np.asarray([3, 4], np.int32))
    drawn = graph.node("RandomUniform", shape, T=np.int32, dtype=np.float32)
    mask = graph.node("Floor", graph.node("Add", drawn, graph.const(np.asarray(1, np.float32))))
    net = graph.net(graph.node("Mul", Feed(X[:1]), mask, name="y"))
    check(net, np.broadcast_to(X[:1], (3, 4)), tmp_path, rtol=0)


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_lower_probability_is_random(keep: float, tmp_path: Path) -> None:
    graph = GraphText()
    x = graph.feed(Feed(X))
    drawn = graph.node("RandomUniform", graph.node("Shape", x), T=np.int32, dtype=np.float32)
    mask = graph.node("Floor", graph.node("Add", drawn, graph.const(np.asarray(keep, np.float32))))
    ops = graph.net(graph.node("Mul", x, mask, name="y")).compile(tmp_path).report.ops
    assert "RandomUniformLike" in ops


@pytest.mark.judge
@pytest.mark.parametrize("rate", ["constant", "default"])
def test_as_tensorflow_writes_it_today(rate: str, tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        zero = tf.compat.v1.placeholder_with_default(0.0, []) if rate == "default" else tf.constant(0.0)
        return tf.nn.dropout(x, rate=zero)

    model = judge(from_tensorflow(build, Feed(X, (None, 4))), tmp_path)
    assert set(model.report.ops) == KEPT


@pytest.mark.judge
def test_what_only_training_does_is_cut(tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        training = tf.compat.v1.placeholder_with_default(False, [], "keras_learning_phase")
        return tf.cond(training, lambda: tf.nn.dropout(x, rate=0.5) + tf.random.normal([3, 4]), lambda: x * 2)

    model = judge(from_tensorflow(build, Feed(X)), tmp_path)
    assert set(model.report.ops) == {"Mul"}
