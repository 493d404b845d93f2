"""CTC's loss against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Feed, GraphText, check, from_tensorflow, judge, numbers, one_op, refused

pytestmark = pytest.mark.judge
LABELS = [[1, 1, 2], [0], [3, 1, 1, 1], [2]]
INDICES = np.array([(row, place) for row, items in enumerate(LABELS) for place, _ in enumerate(items)], np.int64)
VALUES = np.array([label for items in LABELS for label in items], np.int32)


def feeds(dynamic: bool, dtype: Any = np.float32, lengths: Any = (8, 5, 8, 0)) -> list[Feed]:
    arrays = [numbers(8, 4, 5, dtype=dtype), INDICES, VALUES, np.array(lengths, np.int32)]
    return [Feed(a, [None] * a.ndim if dynamic else None) for a in arrays]


def loss(name: str, **flags: bool) -> Any:
    def build(tf: Any, x: Any, indices: Any, values: Any, lengths: Any) -> Any:
        return getattr(tf.raw_ops, name)(
            inputs=x, labels_indices=indices, labels_values=values, sequence_length=lengths,
            ignore_longer_outputs_than_inputs=True, **flags,
        ).loss  # fmt: skip

    return build


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("collapse", [False, True], ids=["kept", "collapsed"])
@pytest.mark.parametrize("merge", [False, True], ids=["apart", "merged"])
def test_as_tensorflow(merge: bool, collapse: bool, dynamic: bool, tmp_path: Path) -> None:
    build = loss("CTCLoss", ctc_merge_repeated=merge, preprocess_collapse_repeated=collapse)
    judge(from_tensorflow(build, *feeds(dynamic)), tmp_path)


def test_in_double(tmp_path: Path) -> None:
    judge(from_tensorflow(loss("CTCLoss"), *feeds(False, np.float64)), tmp_path)


def test_too_little_time_costs_nothing(tmp_path: Path) -> None:
    judge(from_tensorflow(loss("CTCLoss"), *feeds(False, lengths=(2, 3, 3, 1))), tmp_path)


def test_blank_is_the_first_class_of_the_second_version(tmp_path: Path) -> None:
    """TensorFlow has kernels of it for GPUs only: the same loss with classes in another order stands for it."""
    x, indices, values, lengths = feeds(False)
    moved = Feed(np.roll(x.array, -1, axis=2))
    expected = from_tensorflow(loss("CTCLoss"), moved, indices, values, lengths).expected

    graph = GraphText()
    given = [Feed(x.array), indices, Feed(VALUES + 1), lengths]
    graph.node("CTCLossV2", *given, name="y", T=None, ignore_longer_outputs_than_inputs=True)
    check(graph.net("y"), expected, tmp_path)


def test_the_gradient_is_refused(tmp_path: Path) -> None:
    net = one_op("CTCLoss", *feeds(False), outputs=2)
    refused(net, tmp_path, "gradient")
