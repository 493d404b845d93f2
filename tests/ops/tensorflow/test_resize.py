"""The truth table of resizing: both ops, all coordinate modes, sizes up and down, to one pixel and from one.

Bilinear numbers come from TensorFlow's formula in float32, written here once more; ONNX Runtime's Resize, the body of
our op, differs from it by up to 6e-6 of the largest element, for it computes coordinates otherwise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Array, Feed, check, judge, numbers, one_op, refused

MODES = {
    "asymmetric": {},
    "align_corners": {"align_corners": True},
    "half_pixel": {"half_pixel_centers": True},
}
PAIRS = [
    ((4, 5), (8, 10)), ((4, 5), (4, 5)), ((4, 5), (7, 3)), ((7, 6), (3, 4)), ((1, 1), (3, 4)), ((5, 4), (1, 1)),
    ((14, 28), (2, 4)), ((54, 10), (27, 5)), ((56, 3), (1, 9)), ((9, 9), (33, 17)), ((2, 3), (3, 2)),
]  # fmt: skip
"""Sizes of image and result; whole-number ratios down are those where ONNX Runtime's own nearest Resize is wrong."""
TOLERANCE = 1e-5


def coordinates(have: int, want: int, mode: str) -> Array:
    one = np.float32(1)
    if mode == "align_corners" and want > 1:
        scale = np.float32(have - 1) / np.float32(want - 1)
    else:
        scale = np.float32(have) / np.float32(want)
    places = np.arange(want, dtype=np.float32)
    return (places + one / 2) * scale if mode == "half_pixel" else places * scale


def nearest(x: Array, size: tuple[int, int], mode: str) -> Array:
    for axis, want in enumerate(size):
        at = coordinates(x.shape[axis + 1], want, mode).astype(np.float64)
        index = np.floor(at + 0.5) if mode == "align_corners" else np.floor(at)
        x = np.take(x, np.minimum(index.astype(int), x.shape[axis + 1] - 1), axis + 1)
    return x


def bilinear(x: Array, size: tuple[int, int], mode: str) -> Array:
    x = x.astype(np.float32)
    for axis, want in enumerate(size):
        have = x.shape[axis + 1]
        at = coordinates(have, want, mode) - np.float32(0.5 if mode == "half_pixel" else 0)
        low = np.floor(at)
        share = (at - low).reshape([-1 if i == axis + 1 else 1 for i in range(4)])
        below = np.take(x, np.clip(low, 0, have - 1).astype(int), axis + 1)
        above = np.take(x, np.clip(np.ceil(at), 0, have - 1).astype(int), axis + 1)
        x = below + (above - below) * share
    return x


REFERENCE = {"ResizeBilinear": bilinear, "ResizeNearestNeighbor": nearest}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("have", "want"), PAIRS, ids=str)
@pytest.mark.parametrize("op", REFERENCE)
def test_truth_table(op: str, have: Any, want: Any, mode: str, tmp_path: Path) -> None:
    x = numbers(2, *have, 3)
    exact = op == "ResizeNearestNeighbor"
    tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": TOLERANCE}
    check(one_op(op, Feed(x), list(want), **MODES[mode]), REFERENCE[op](x, want, mode), tmp_path, **tolerance)


@pytest.mark.judge
@pytest.mark.parametrize("declared", [None, [None, None, None, 3]], ids=["static", "dynamic"])
@pytest.mark.parametrize("computed", [False, True], ids=["constant size", "computed size"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("have", "want"), PAIRS, ids=str)
@pytest.mark.parametrize("op", REFERENCE)
def test_against_tensorflow(
    op: str, have: Any, want: Any, mode: str, computed: bool, declared: Any, tmp_path: Path
) -> None:
    size = Feed(np.array(want, np.int32)) if computed else list(want)
    tolerance = {"rtol": 0, "atol": 0} if op == "ResizeNearestNeighbor" else {"rtol": TOLERANCE}
    judge(one_op(op, Feed(numbers(2, *have, 3), declared), size, **MODES[mode]), tmp_path, **tolerance)


@pytest.mark.judge
@pytest.mark.parametrize("opset", [13, 18, 22])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("op", REFERENCE)
def test_other_opsets(op: str, mode: str, opset: int, tmp_path: Path) -> None:
    size = Feed(np.array([7, 9], np.int32))
    judge(one_op(op, Feed(numbers(2, 4, 5, 3), [None] * 4), size, **MODES[mode]), tmp_path, options={"opset": opset})


@pytest.mark.judge
@pytest.mark.parametrize("op", REFERENCE)
def test_a_size_of_which_nothing_is_declared(op: str, tmp_path: Path) -> None:
    size = Feed(np.array([7, 9], np.int32), [None])
    judge(one_op(op, Feed(numbers(2, 4, 5, 3), [None] * 4), size, half_pixel_centers=True), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float16, np.float64, np.int64])
@pytest.mark.parametrize("op", REFERENCE)
def test_element_types(op: str, dtype: Any, tmp_path: Path) -> None:
    x = numbers(1, 4, 5, 3, dtype=dtype)
    judge(one_op(op, Feed(x), [7, 9], half_pixel_centers=True), tmp_path)
    judge(one_op(op, Feed(x), [8, 10], half_pixel_centers=True), tmp_path)


@pytest.mark.parametrize("op", REFERENCE)
def test_both_flags_are_refused(op: str, tmp_path: Path) -> None:
    net = one_op(op, Feed(numbers(1, 4, 4, 1)), [8, 8], align_corners=True, half_pixel_centers=True)
    refused(net, tmp_path, "align_corners and half_pixel_centers exclude each other")


def test_whole_number_ratios_need_no_custom_op(tmp_path: Path) -> None:
    x = numbers(1, 4, 5, 3)
    model = one_op("ResizeNearestNeighbor", Feed(x), [12, 10], half_pixel_centers=True).compile(tmp_path)
    assert model.report.ops == {"Resize": 1}


def test_the_same_size_needs_no_op(tmp_path: Path) -> None:
    model = one_op("ResizeBilinear", Feed(numbers(1, 4, 5, 3)), [4, 5]).compile(tmp_path)
    assert model.report.ops == {"Identity": 1}


@pytest.mark.parametrize("op", REFERENCE)
def test_no_resize_has_scales(op: str, tmp_path: Path) -> None:
    model = one_op(op, Feed(numbers(1, 4, 5, 3)), [8, 10]).compile(tmp_path)
    nodes = [*model.proto.graph.node, *(n for f in model.proto.functions for n in f.node)]
    assert all(not node.input[2] and node.input[3] for node in nodes if node.op_type == "Resize")


BOXES = np.array(
    [[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [-0.3, 0.5, 0.5, 1.4], [0.8, 0.9, 0.2, 0.1], [0.5, 0.5, 0.5, 0.5]], np.float32
)
OWNERS = np.array([0, 1, 1, 0, 1], np.int32)


@pytest.mark.judge
@pytest.mark.parametrize("declared", [None, [None] * 4], ids=["static", "dynamic"])
@pytest.mark.parametrize("size", [(3, 4), (1, 1), (9, 1)], ids=str)
@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_crop_and_resize(method: str, size: tuple[int, int], declared: Any, tmp_path: Path) -> None:
    feeds = (Feed(numbers(2, 6, 7, 3), declared), Feed(BOXES, [None, 4]), Feed(OWNERS, [None]))
    judge(one_op("CropAndResize", *feeds, list(size), method=method, extrapolation_value=-2.0), tmp_path, rtol=1e-6)


@pytest.mark.judge
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64])
def test_crop_and_resize_of_other_types(dtype: Any, tmp_path: Path) -> None:
    size = Feed(np.array([4, 5], np.int32))
    judge(one_op("CropAndResize", Feed(numbers(2, 6, 7, 3, dtype=dtype)), BOXES, OWNERS, size), tmp_path, rtol=1e-6)


def test_crop_of_the_whole_image_is_an_aligned_resize(tmp_path: Path) -> None:
    x = numbers(1, 4, 5, 3)
    net = one_op("CropAndResize", Feed(x), BOXES[:1], OWNERS[:1], [7, 9])
    check(net, bilinear(x, (7, 9), "align_corners"), tmp_path, rtol=1e-6)


def test_crop_by_an_unknown_method(tmp_path: Path) -> None:
    net = one_op("CropAndResize", Feed(numbers(1, 4, 5, 3)), BOXES, OWNERS, [7, 9], method="cubic")
    refused(net, tmp_path, "method cubic is not known")
