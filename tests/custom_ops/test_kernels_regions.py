"""ROIPooling, PSROIPooling and Proposal against a real Caffe and numpy references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference_regions as reference
from kernel_runner import golden, random_floats, run_kernel

PROPOSAL: dict[str, Any] = {
    "style": "pvanet",
    "feat_stride": 16,
    "base_size": 16,
    "min_size": 16,
    "ratios": [0.5, 1.0, 2.0],
    "scales": [2.0, 4.0, 8.0],
    "pre_nms_topn": 400,
    "post_nms_topn": 30,
    "nms_thresh": 0.7,
}
STYLES = {"pvanet": 0, "py-faster-rcnn": 1}


def run_proposal(*inputs: np.ndarray, outputs: int = 1, **p: Any) -> list[np.ndarray]:
    """The kernel with the anchors of these ratios and scales."""
    corners = reference.anchors_of(p.pop("base_size"), p.pop("ratios"), p.pop("scales"), p["style"] != "pvanet")
    p["style"] = STYLES[p["style"]]
    return run_kernel("Proposal", *inputs, outputs=outputs, anchors=corners.ravel().tolist(), **p)


def random_rois(count: int, images: int, width: int, height: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = rng.random((count, 2, 2)) * [width * 1.3, height * 1.3] - [width * 0.15, height * 0.15]
    image = rng.integers(0, images, (count, 1))
    return np.concatenate([image, corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)


def test_roi_pooling_is_caffes() -> None:
    data = golden("roi_pooling")
    (result,) = run_kernel("ROIPooling", data["in:data"], data["in:rois"], pooled_h=3, pooled_w=3, spatial_scale=0.25)
    np.testing.assert_array_equal(result, data["out:out"])


def test_psroi_pooling_is_caffes() -> None:
    data = golden("psroi_pooling")
    (result,) = run_kernel(
        "PSROIPooling", data["in:data"], data["in:rois"], output_dim=2, group_size=3, spatial_scale=0.25
    )
    np.testing.assert_allclose(result, data["out:out"], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("scale", [1.0, 0.0625])
def test_roi_pooling_of_any_region(scale: float) -> None:
    x = random_floats(3, 5, 20, 23)
    rois = random_rois(40, 3, int(23 / scale), int(20 / scale))
    (result,) = run_kernel("ROIPooling", x, rois, pooled_h=4, pooled_w=7, spatial_scale=scale, threads=2)
    np.testing.assert_array_equal(result, reference.roi_pooling(x, rois, 4, 7, scale))


@pytest.mark.parametrize("scale", [1.0, 0.0625])
def test_psroi_pooling_of_any_region(scale: float) -> None:
    x = random_floats(3, 2 * 9, 20, 23)
    rois = random_rois(40, 3, int(23 / scale), int(20 / scale))
    (result,) = run_kernel("PSROIPooling", x, rois, output_dim=2, group_size=3, spatial_scale=scale)
    np.testing.assert_allclose(result, reference.psroi_pooling(x, rois, 2, 3, scale), rtol=1e-5, atol=1e-6)


def test_halves_are_rounded_away_from_zero() -> None:
    x = np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)
    rois = np.array([[0, 0.5, 1.5, 2.5, 3.5]], np.float32)  # becomes columns 1 to 3, rows 2 to 4
    (result,) = run_kernel("ROIPooling", x, rois, pooled_h=1, pooled_w=1, spatial_scale=1.0)
    assert result.item() == x[0, 0, 4, 3]


def test_regions_far_outside_are_zero() -> None:
    x = random_floats(1, 9, 4, 4)
    far = np.array(
        [[0, 1e30, 1e30, 2e30, 2e30], [0, -1e30, -1e30, -1e29, -1e29], [0, np.nan, 0, np.inf, 1]], np.float32
    )
    for op, options in (
        ("ROIPooling", {"pooled_h": 3, "pooled_w": 3}),
        ("PSROIPooling", {"output_dim": 1, "group_size": 3}),
    ):
        (result,) = run_kernel(op, x, far, spatial_scale=1.0, **options)
        np.testing.assert_array_equal(result[:2], 0)


def test_no_regions_give_no_rows() -> None:
    (result,) = run_kernel(
        "ROIPooling", random_floats(1, 2, 4, 4), np.zeros((0, 5), np.float32), pooled_h=2, pooled_w=3, spatial_scale=1.0
    )
    assert result.shape == (0, 2, 2, 3)


def proposal_inputs(style: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.permutation(18 * 10 * 12).reshape(1, 18, 10, 12) / 2160  # no equal scores
    deltas = rng.standard_normal((1, 36, 10, 12)) * 0.3
    info = [[160, 192, 1.5, 1.25]] if style == "pvanet" else [[160, 192, 1.5]]
    return scores.astype(np.float32), deltas.astype(np.float32), np.array(info, np.float32)


@pytest.mark.parametrize("style", ["pvanet", "py-faster-rcnn"])
@pytest.mark.parametrize(
    "changes", [{}, {"pre_nms_topn": 40}, {"nms_thresh": 0.3, "post_nms_topn": 200}, {"min_size": 60}]
)
def test_proposals(style: str, changes: dict[str, Any]) -> None:
    p = PROPOSAL | {"style": style} | changes
    inputs = proposal_inputs(style)
    rois, scores = run_proposal(*inputs, outputs=2, **p)
    expected_rois, expected_scores = reference.proposal(*inputs[:2], inputs[2][0], p)
    np.testing.assert_allclose(rois, expected_rois, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(scores.ravel(), expected_scores)
    assert scores.ndim == (1 if style == "pvanet" else 2)


def test_proposal_without_scores() -> None:
    inputs = proposal_inputs("pvanet")
    (rois,) = run_proposal(*inputs, **PROPOSAL)
    np.testing.assert_array_equal(rois, run_proposal(*inputs, outputs=2, **PROPOSAL)[0])


def test_all_scores_equal_is_quick_enough() -> None:
    scores = np.full((1, 18, 40, 60), 0.5, np.float32)
    deltas = np.zeros((1, 36, 40, 60), np.float32)
    (rois,) = run_proposal(scores, deltas, np.array([[640, 960, 1, 1]], np.float32), **PROPOSAL)
    assert len(rois) == 30
