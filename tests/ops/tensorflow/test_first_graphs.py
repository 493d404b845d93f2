"""Ops of TensorFlow's first years, and depthwise deconvolution, against TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cases import Case, case, loosened
from harness import Feed, GraphText, check, numbers

PARAMETERS = [numbers(3, seed=1), np.abs(numbers(3, seed=2)), numbers(3, seed=3), numbers(3, seed=4)]
PICTURES = numbers(2, 5, 4, 3)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("declared", [None, [None] * 4, "any"], ids=["static", "dynamic", "no rank"])
def test_batch_norm_with_global_normalization(scaled: bool, declared: list[None] | str | None, tmp_path: Path) -> None:
    attrs = {"variance_epsilon": 0.001, "scale_after_normalization": scaled}
    graph = GraphText()
    same = graph.node("GuaranteeConst", PARAMETERS[0])
    graph.node("BatchNormWithGlobalNormalization", Feed(PICTURES, declared), same, *PARAMETERS[1:], name="y", **attrs)
    mean, variance, offset, scale = PARAMETERS
    expected = (PICTURES - mean) / np.sqrt(variance + 0.001) * (scale if scaled else 1) + offset
    check(graph.net("y:0"), expected.astype(np.float32), tmp_path)


CASES: list[Case] = [
    *[
        case(
            f"DepthwiseConv2dNativeBackpropInput {padding}, stride {stride}, {multiplier} of each",
            lambda tf, y, s=stride, p=padding, m=multiplier: tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=[2, 9, 8, 3],
                filter=numbers(3, 2, 3, m, seed=5),
                out_backprop=y,
                strides=[1, s, s, 1],
                padding=p,
            ),
            known(
                numbers(
                    2,
                    *(-(-(n - (k - 1) * (padding == "VALID")) // stride) for n, k in ((9, 3), (8, 2))),
                    3 * multiplier,
                )
            ),
        )
        for padding in ("SAME", "VALID")
        for stride in (1, 2)
        for multiplier in (1, 2)
        for known in (Feed, loosened)
    ],
]


@pytest.mark.judge
@pytest.mark.parametrize("each", CASES, ids=str)
def test_against_tensorflow(each: Case, tmp_path: Path) -> None:
    each.judge(tmp_path)
