"""bfloat16 graphs: ops compute in float32 and round, as TensorFlow's kernels do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Feed, from_tensorflow, judge, numbers

pytestmark = pytest.mark.judge
X = numbers(2, 4)

EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda tf, x: x + x[:, ::-1],
    "multiply": lambda tf, x: x * x,
    "where positive": lambda tf, x: tf.where(x > 0, x, tf.zeros_like(x)),
    "tile": lambda tf, x: tf.tile(x, [2, 1]),
    "fill": lambda tf, x: tf.fill([2, 3], x[0, 0]),
    "broadcast": lambda tf, x: tf.broadcast_to(x, [3, 2, 4]),
    "square root": lambda tf, x: tf.sqrt(tf.abs(x)),
    "relu": lambda tf, x: tf.nn.relu(x),
    "branch": lambda tf, x: tf.cond(tf.size(x) > 3, lambda: x + x, lambda: x),
}


@pytest.mark.parametrize("shape", [None, (None, None)], ids=["static", "dynamic"])
@pytest.mark.parametrize("build", EXACT.values(), ids=EXACT)
def test_elements_are_equal(build: Callable[..., Any], shape: Any, tmp_path: Path) -> None:
    def graph(tf: Any, x: Any) -> Any:
        return tf.cast(build(tf, tf.cast(x, tf.bfloat16)), tf.float32)

    judge(from_tensorflow(graph, Feed(X, shape)), tmp_path, rtol=0, atol=0)


def test_sums_are_rounded_once(tmp_path: Path) -> None:
    weights = numbers(4, 3, seed=1)

    def graph(tf: Any, x: Any) -> Any:
        product = tf.matmul(tf.cast(x, tf.bfloat16), tf.constant(weights, tf.bfloat16))
        return tf.cast(product, tf.float32)

    judge(from_tensorflow(graph, Feed(X)), tmp_path, rtol=2**-8)


def test_statistics_stay_in_float32(tmp_path: Path) -> None:
    picture = numbers(1, 3, 3, 2)
    ones = np.ones(2, np.float32)

    def graph(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(x, tf.bfloat16), scale=ones, offset=ones, mean=ones, variance=ones, is_training=False
        )
        return tf.cast(made.y, tf.float32), made.batch_mean

    judge(from_tensorflow(graph, picture), tmp_path, rtol=2**-7)


def test_resized_pictures_are_float32(tmp_path: Path) -> None:
    def graph(tf: Any, x: Any) -> Any:
        return tf.raw_ops.ResizeBilinear(images=tf.cast(x, tf.bfloat16), size=[5, 7])

    judge(from_tensorflow(graph, numbers(1, 3, 3, 2)), tmp_path)
