"""Normalize, Upsample, CenterCrop, Correlation and FlowWarp against a real Caffe and numpy references."""

from __future__ import annotations

import numpy as np
import pytest
import reference_layers as reference
from kernel_runner import golden, random_floats, run_kernel


def test_normalize_is_caffes() -> None:
    data = golden("normalize_ssd")
    scale = np.full(6, 20, np.float32)
    (result,) = run_kernel("Normalize", data["in:data"], scale, across_spatial=0, channel_shared=0)
    np.testing.assert_allclose(result, data["out:out"], rtol=3e-7)  # a division and a square root, rounded once each


@pytest.mark.parametrize("across_spatial", [0, 1])
@pytest.mark.parametrize("channel_shared", [0, 1])
@pytest.mark.parametrize("shape", [(2, 7, 30, 50), (1, 3, 1, 1), (3, 5)])
def test_normalize(across_spatial: int, channel_shared: int, shape: tuple[int, ...]) -> None:
    x = random_floats(*shape)
    scale = random_floats(1 if channel_shared else shape[1], seed=1)
    (result,) = run_kernel(
        "Normalize", x, scale, across_spatial=across_spatial, channel_shared=channel_shared, eps=1e-3, threads=2
    )
    np.testing.assert_allclose(result, reference.normalize(x, scale, bool(across_spatial), 1e-3), rtol=2e-6)


def test_normalize_of_zeros_is_zero() -> None:
    (result,) = run_kernel("Normalize", np.zeros((1, 2, 3, 3), np.float32), np.ones(1, np.float32))
    np.testing.assert_array_equal(result, 0)


@pytest.mark.parametrize("mask_type", [np.float32, np.int64])
def test_upsample_undoes_pooling(mask_type: type) -> None:
    data = golden("pool_unpool_segnet")
    values, mask = reference.max_pool_with_mask(data["in:data"])
    (result,) = run_kernel("Upsample", values, mask.astype(mask_type), np.array([8, 10]))
    np.testing.assert_array_equal(result, data["out:out"])


def test_upsample_into_a_smaller_plane() -> None:
    values = np.array([[[[5.0, 7.0]]]], np.float32)
    (result,) = run_kernel("Upsample", values, np.array([[[[0, 5]]]]), np.array([2, 3]))
    np.testing.assert_array_equal(result[0, 0], [[5, 0, 0], [0, 0, 7]])


@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "u1"])
def test_center_crop_is_the_tutorials_layer(dtype: str) -> None:
    x = np.arange(2 * 3 * 9 * 8).reshape(2, 3, 9, 8).astype(dtype)
    (result,) = run_kernel("CenterCrop", x, np.zeros((1, 1, 4, 5), np.float32))
    np.testing.assert_array_equal(result, x[:, :, 2:6, 1:6])  # (9 - 4) // 2 and (8 - 5) // 2


def test_center_crop_of_the_same_size_is_x() -> None:
    x = random_floats(1, 2, 4, 5)
    (result,) = run_kernel("CenterCrop", x, x)
    np.testing.assert_array_equal(result, x)


CORRELATIONS = [
    {"pad": 4, "kernel_size": 1, "max_displacement": 4, "stride_1": 1, "stride_2": 2, "correlation_type": 0},
    {"pad": 3, "kernel_size": 3, "max_displacement": 2, "stride_1": 2, "stride_2": 1, "correlation_type": 0},
    {"pad": 0, "kernel_size": 1, "max_displacement": 0, "stride_1": 1, "stride_2": 1, "correlation_type": 0},
    {"pad": 3, "kernel_size": 3, "max_displacement": 3, "stride_1": 1, "stride_2": 3, "correlation_type": 1},
]


@pytest.mark.parametrize("p", CORRELATIONS)
@pytest.mark.parametrize("channels", [1, 5, 40])
def test_correlation(p: dict[str, int], channels: int) -> None:
    a, b = random_floats(2, channels, 8, 9), random_floats(2, channels, 8, 9, seed=1)
    (result,) = run_kernel("Correlation", a, b, threads=2, **p)
    expected = reference.correlation(a, b, p)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("fill", "value"), [(0, 0.0), (1, np.nan)])
def test_flow_warp(fill: int, value: float) -> None:
    image = random_floats(2, 3, 7, 9)
    flow = random_floats(2, 2, 7, 9, seed=1) * 3
    flow[0, 0, 0, :3] = [np.nan, np.inf, -np.inf]
    (result,) = run_kernel("FlowWarp", image, flow, fill_nan=fill, threads=2)
    expected = reference.flow_warp(image, flow, value)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_no_flow_changes_nothing() -> None:
    image = random_floats(1, 2, 5, 6)
    (result,) = run_kernel("FlowWarp", image, np.zeros((1, 2, 5, 6), np.float32))
    np.testing.assert_array_equal(result, image)


def test_float16_goes_through_float32() -> None:
    image = random_floats(1, 2, 5, 6).astype(np.float16)
    flow = (random_floats(1, 2, 5, 6, seed=1) * 2).astype(np.float16)
    (result,) = run_kernel("FlowWarp", image, flow)
    assert result.dtype == np.float16
    expected = reference.flow_warp(image.astype(np.float32), flow.astype(np.float32), 0.0)
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)
