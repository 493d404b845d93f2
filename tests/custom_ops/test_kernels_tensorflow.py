"""Resize kernels against the real TensorFlow: equal in every bit."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_runner import kernel_session, random_floats, run_kernel, run_session
from onnx import TensorProto

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
pytestmark = pytest.mark.judge

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
MODES = {"asymmetric": {}, "align_corners": {"align_corners": True}, "half_pixel": {"half_pixel_centers": True}}
SIZES = range(1, 65)


@pytest.mark.parametrize("mode", MODES)
def test_bilinear(mode: str) -> None:
    session = kernel_session("ResizeBilinearNHWC", [(FLOAT, 4), (INT64, 1)], coordinates=mode)
    for n_in in SIZES:
        x = random_floats(1, 3, n_in, 3, seed=n_in)
        for n_out in SIZES:
            expected = tf.raw_ops.ResizeBilinear(images=x, size=[4, n_out], **MODES[mode]).numpy()
            (result,) = run_session(session, x, np.array([4, n_out]))
            np.testing.assert_array_equal(result, expected, f"{n_in} -> {n_out}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("shape", "size"), [((1, 1080, 1920, 1), (299, 299)), ((1, 2, 8191, 1), (2, 12289)), ((1, 33, 33, 64), (129, 129))]
)
def test_bilinear_of_large_images(mode: str, shape: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    x = random_floats(*shape)
    expected = tf.raw_ops.ResizeBilinear(images=x, size=size, **MODES[mode]).numpy()
    (result,) = run_kernel("ResizeBilinearNHWC", x, np.array(size), coordinates=mode)
    np.testing.assert_array_equal(result, expected)
    (result,) = run_kernel("ResizeBilinear", x.transpose(0, 3, 1, 2), np.array(size), coordinates=mode)
    np.testing.assert_array_equal(result.transpose(0, 2, 3, 1), expected)


@pytest.mark.parametrize("mode", MODES)
def test_nearest(mode: str) -> None:
    session = kernel_session("ResizeNearestNHWC", [(FLOAT, 4), (INT64, 1)], coordinates=mode)
    for n_in in SIZES:
        x = np.arange(n_in, dtype=np.float32).reshape(1, 1, n_in, 1)
        for n_out in SIZES:
            expected = tf.raw_ops.ResizeNearestNeighbor(images=x, size=[1, n_out], **MODES[mode]).numpy()
            (result,) = run_session(session, x, np.array([1, n_out]))
            np.testing.assert_array_equal(result, expected, f"{n_in} -> {n_out}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [3, 5])
def test_bicubic(mode: str, channels: int) -> None:
    session = kernel_session("ResizeBicubicNHWC", [(FLOAT, 4), (INT64, 1)], coordinates=mode)
    for n_in in range(1, 40, 2):
        x = random_floats(2, n_in, 7, channels, seed=n_in)
        for n_out in range(1, 64, 3):
            expected = tf.raw_ops.ResizeBicubic(images=x, size=[n_out, 11], **MODES[mode]).numpy()
            (result,) = run_session(session, x, np.array([n_out, 11]))
            np.testing.assert_array_equal(result, expected, f"{n_in} -> {n_out}")


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("channels", [3, 5])
def test_area(align_corners: bool, channels: int) -> None:
    session = kernel_session("ResizeAreaNHWC", [(FLOAT, 4), (INT64, 1)], align_corners=int(align_corners))
    for n_in in range(1, 40, 2):
        x = random_floats(2, n_in, 7, channels, seed=n_in)
        for n_out in range(1, 64, 3):
            expected = tf.raw_ops.ResizeArea(images=x, size=[n_out, 3], align_corners=align_corners).numpy()
            (result,) = run_session(session, x, np.array([n_out, 3]))
            np.testing.assert_array_equal(result, expected, f"{n_in} -> {n_out}")


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [(5, 7), (1, 6), (14, 1), (24, 24)])
def test_crop_and_resize(method: str, size: tuple[int, int]) -> None:
    x = random_floats(3, 17, 23, 5)
    boxes = np.random.default_rng(1).uniform(-0.3, 1.3, (200, 4)).astype(np.float32)
    boxes[:2] = [[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]]
    owners = np.arange(200, dtype=np.int32) % 3
    arguments = {"image": x, "boxes": boxes, "box_ind": owners, "crop_size": size, "extrapolation_value": -3.5}
    expected = tf.raw_ops.CropAndResize(**arguments, method=method).numpy()
    name = "CropAndResize" if method == "bilinear" else "CropAndResizeNearest"
    (result,) = run_kernel(name, x, boxes, owners, np.array(size), extrapolation_value=-3.5)
    np.testing.assert_array_equal(result, expected)
