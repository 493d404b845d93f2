"""Counts of different values and of values by bins, against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Feed, from_tensorflow, judge, numbers, one_op, refused

pytestmark = pytest.mark.judge


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_histogram(dynamic: bool, dtype: Any, tmp_path: Path) -> None:
    """The ends and what lies beyond them are among the values."""
    values = np.concatenate([numbers(60, dtype=dtype).astype(np.float64) * 3, [-4, 4, -2, 0, 2]]).astype(dtype)

    def build(tf: Any, x: Any) -> Any:
        ends = tf.constant([-4, 4], x.dtype)
        return tf.histogram_fixed_width(x, ends, 7), tf.histogram_fixed_width(x, ends, 4, dtype=tf.int64)

    x = values.reshape(5, 13)
    judge(from_tensorflow(build, Feed(x, (None, None) if dynamic else None)), tmp_path)


SETS = {
    "rows": ([[0, 0], [0, 1], [0, 2], [2, 0]], [3, 7, 3, 3], [4, 3]),
    "deep": ([[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]], [3, 3, -4, 5, 5], [2, 3, 2]),
    "empty": (np.zeros((0, 2), np.int64), [], [2, 2]),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16])
def test_sizes_of_sets(dtype: Any, name: str, tmp_path: Path) -> None:
    places, values, shape = SETS[name]
    indices = np.array(places, np.int64)

    def build(tf: Any, indices: Any, values: Any) -> Any:
        return tf.raw_ops.SetSize(set_indices=indices, set_values=values, set_shape=shape, validate_indices=False)

    items = Feed(np.array(values).astype(dtype), (None,))
    judge(from_tensorflow(build, Feed(indices, (None, indices.shape[1])), items), tmp_path)


def test_sets_of_texts_are_refused(tmp_path: Path) -> None:
    places, shape = np.zeros((1, 2), np.int64), np.array([1, 1], np.int64)
    net = one_op("SetSize", Feed(places), Feed(np.array(["a"], object)), shape)
    refused(net, tmp_path, "sets of str")
