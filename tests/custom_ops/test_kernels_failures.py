"""Bad shapes, types and sizes: an error that names the node and what was expected, never a crash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from kernel_runner import kernel_session, random_floats, run_kernel, run_session
from onnx import TensorProto

X = random_floats(1, 2, 4, 5)
SIZE = np.array([3, 3])
BOX = np.array([[0, 1, 1, 3, 3]], np.float32)


def says(message: str, op: str, *inputs: np.ndarray, **attributes: Any) -> None:
    with pytest.raises(Exception, match=message) as raised:
        run_kernel(op, *inputs, **attributes)
    assert f"regraft.{op} 'the_node'" in str(raised.value) or op in str(raised.value)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ([0, 3], "size must be positive"),
        ([3, -1], "size must be positive"),
        ([3], "size must hold height and width"),
        ([1, 2, 3], "size must hold height and width"),
        ([1 << 40, 1], "fit 32 bits"),
        ([(1 << 31) - 1, (1 << 31) - 1], "too many elements"),
    ],
)
@pytest.mark.parametrize("op", ["Interp", "ResizeArea", "ResizeAreaNHWC"])
def test_sizes(op: str, size: list[int], message: str) -> None:
    says(message, op, X, np.array(size))


def test_memory_that_is_not_there() -> None:
    with pytest.raises(Exception, match=r"Interp|memory|alloc"):
        run_kernel("Interp", X, np.array([(1 << 31) - 1, 1 << 22]))


@pytest.mark.parametrize("op", ["ResizeBilinear", "ResizeNearest", "ResizeBicubic"])
def test_coordinates(op: str) -> None:
    says("coordinates must be", op, X, SIZE, coordinates="pytorch_half_pixel")
    says("'coordinates' is missing", op, X, SIZE)
    says("4 dimensions", op, X[0], SIZE, coordinates="asymmetric")
    says("no pixels", op, X[:, :, :0], SIZE, coordinates="asymmetric")
    says("size must be int64", op, X, SIZE.astype(np.float32), coordinates="asymmetric")


def test_types() -> None:
    says("float32 or float16", "Interp", X.astype(np.float64), SIZE)
    says("float32 or float16", "Normalize", X.astype(np.int32), np.ones(1, np.float32))
    says("mask must be", "Upsample", X, X.astype(np.int32), SIZE)


def test_nearest_indices() -> None:
    rows, columns = np.array([0, 3]), np.array([0, 4])
    says("rows names 4 of 4", "ResizeNearestNeighbor", X, np.array([4]), columns)
    says("cols names -1 of 5", "ResizeNearestNeighbor", X, rows, np.array([-1]))
    says("cols is empty", "ResizeNearestNeighborNHWC", X, np.array([0]), np.zeros(0, np.int64))


def test_crop() -> None:
    says("larger than x", "CenterCrop", X, random_floats(1, 1, 5, 5))
    says("like must have 4", "CenterCrop", X, random_floats(5, 5))


def test_upsample() -> None:
    mask = np.zeros(X.shape, np.float32)
    says("outside", "Upsample", X, mask + 9, SIZE)
    says("outside", "Upsample", X, mask - 1, SIZE)
    says("outside", "Upsample", X, mask + np.nan, SIZE)
    says("outside", "Upsample", X, mask + np.inf, SIZE)
    says("mask has shape", "Upsample", X, mask[:, :1], SIZE)


def test_normalize() -> None:
    says("2 are needed", "Normalize", X, np.ones(3, np.float32), channel_shared=0)
    says("batch and a channel axis", "Normalize", X.ravel(), np.ones(1, np.float32))


def test_regions() -> None:
    options = {"pooled_h": 2, "pooled_w": 2, "spatial_scale": 1.0}
    says("of an image that is not there", "ROIPooling", X, BOX + np.array([1, 0, 0, 0, 0], np.float32), **options)
    says("of an image that is not there", "ROIPooling", X, BOX * np.float32(np.nan), **options)
    says(r"shape \(R, 5\)", "ROIPooling", X, BOX[:, :4], **options)
    says("pooled_h must be positive", "ROIPooling", X, BOX, **(options | {"pooled_h": 0}))
    says("'pooled_w' is missing", "ROIPooling", X, BOX, pooled_h=1)
    says("channels", "PSROIPooling", X, BOX, spatial_scale=1.0, output_dim=2, group_size=2)
    says("too many elements", "ROIPooling", X, BOX, **(options | {"pooled_h": 2**31 - 1, "pooled_w": 2**31 - 1}))


def test_detections() -> None:
    loc, conf, priors = np.zeros((1, 8), np.float32), np.zeros((1, 4), np.float32), np.zeros((1, 2, 8), np.float32)
    good = {"num_classes": 2, "code_type": 2}
    says("has no width", "DetectionOutput", loc, conf, priors, **good)
    says("does not fit 2 priors", "DetectionOutput", loc[:, :4], conf, priors, **good)
    says("of 3 classes", "DetectionOutput", loc, conf, priors, **(good | {"num_classes": 3}))
    says("priors must have shape", "DetectionOutput", loc, conf, priors[0], **good)
    says("code_type must be", "DetectionOutput", loc, conf, priors, **(good | {"code_type": 7}))
    says("num_classes", "DetectionOutput", loc, conf, priors)
    says("one batch size", "DetectionOutput", loc.repeat(2, 0), conf, priors, **good)


def test_proposals() -> None:
    scores, deltas = np.zeros((1, 2, 3, 3), np.float32), np.zeros((1, 4, 3, 3), np.float32)
    info = np.array([[48, 48, 1]], np.float32)
    good = {"anchors": [0.0, 0.0, 15.0, 15.0], "style": 1}
    says("must hold 4 values", "Proposal", scores, deltas, info, **(good | {"style": 0}))
    says("style must be", "Proposal", scores, deltas, info, **(good | {"style": 2}))
    says("two channels an anchor", "Proposal", scores[:, :1], deltas, info, **good)
    says("do not fit scores", "Proposal", scores, deltas[:, :, :2], info, **good)
    says("one image at a time", "Proposal", scores.repeat(2, 0), deltas, info, **good)
    says("four numbers an anchor", "Proposal", scores, deltas, info, **(good | {"anchors": [0.0]}))


def test_correlations_and_warps() -> None:
    good = {"kernel_size": 1, "max_displacement": 0}
    says("kernel_size must be odd", "Correlation", X, X, **(good | {"kernel_size": 2}))
    says("strides must be positive", "Correlation", X, X, stride_2=0, **good)
    says("do not fit", "Correlation", X, X, **(good | {"max_displacement": 4}))
    says("a has shape", "Correlation", X, X[:, :1], **good)
    says("does not fit an image", "FlowWarp", X, X[:, :, :3])


def test_an_error_leaves_the_session_usable() -> None:
    session = kernel_session("Interp", [(TensorProto.FLOAT, 4), (TensorProto.INT64, 1)])
    for _ in range(3):
        with pytest.raises(Exception, match="size must be positive"):
            run_session(session, X, np.array([0, 0]))
        assert run_session(session, X, SIZE)[0].shape == (1, 2, 3, 3)


def test_one_session_on_eight_threads() -> None:
    session = kernel_session(
        "ResizeBilinear", [(TensorProto.FLOAT, 4), (TensorProto.INT64, 1)], coordinates="half_pixel", threads=2
    )
    sizes = [np.array([height, 40]) for height in range(30, 46)]
    x = random_floats(1, 8, 33, 20)
    expected = [run_session(session, x, size)[0] for size in sizes]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda size: run_session(session, x, size)[0], sizes * 20))
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, expected[i % len(sizes)])


def test_wrong_numbers_of_inputs_and_outputs() -> None:
    says("at most 2 inputs, not 3", "Interp", X, SIZE, SIZE)
    with pytest.raises(Exception, match="at most 1 outputs, not 2"):
        run_kernel("Interp", X, SIZE, outputs=2)
    with pytest.raises(Exception, match="Interp"):
        run_kernel("Interp", X)
