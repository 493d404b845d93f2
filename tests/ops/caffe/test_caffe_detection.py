"""PriorBox and the layers of detectors; the kernels have tests of their own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import caffe_reference as reference
import numpy as np
import pytest
from caffe_cases import Array, Case, anywhere, case, check, compile_case, numbers, refused

FEATURE, IMAGE = numbers(1, 2, 3, 4), numbers(1, 3, 48, 60)


def with_variance(boxes: Array, variance: list[float]) -> Array:
    return np.stack([boxes, np.tile(np.float32(variance), boxes.size // len(variance))])[None]


PRIORS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("min_size: 8.7", {"sizes": [(8, 8)], "step": (16, 15), "offset": 0.5}, [0.1]),
    (
        "min_size: 8 max_size: 16 aspect_ratio: 2 aspect_ratio: 1 aspect_ratio: 2 step: 10 offset: 0.3",
        {
            "sizes": [(8, 8), (128**0.5, 128**0.5), (8 * 2**0.5, 8 / 2**0.5), (8 / 2**0.5, 8 * 2**0.5)],
            "step": (10, 10),
            "offset": 0.3,
        },
        [0.1],
    ),
    (
        "min_size: 8 min_size: 20 aspect_ratio: 3 flip: false clip: true step_h: 7 step_w: 9 "
        "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2",
        {
            "sizes": [(8, 8), (8 * 3**0.5, 8 / 3**0.5), (20, 20), (20 * 3**0.5, 20 / 3**0.5)],
            "step": (7, 9),
            "offset": 0.5,
            "clip": True,
        },
        [0.1, 0.1, 0.2, 0.2],
    ),
]


@pytest.mark.parametrize(("params", "numbers_", "variance"), PRIORS)
def test_prior_box(params: str, numbers_: dict[str, Any], variance: list[float], tmp_path: Any) -> None:
    expected = with_variance(reference.prior_boxes((3, 4), (48, 60), **numbers_), variance)
    check("PriorBox", case("", f"prior_box_param {{ {params} }}", FEATURE, IMAGE), expected, tmp_path, rtol=1e-7)


def test_prior_box_of_an_image_size(tmp_path: Any) -> None:
    boxes = reference.prior_boxes((3, 4), (100, 100), sizes=[(8, 8)], step=(100 / 3, 25), offset=0.5)
    c = case("", "prior_box_param { min_size: 8 img_size: 100 }", FEATURE, IMAGE)
    check("PriorBox", c, with_variance(boxes, [0.1]), tmp_path, rtol=1e-7)


def test_prior_box_clustered(tmp_path: Any) -> None:
    c = case("", "prior_box_param { width: 8.5 width: 9 height: 4 height: 11 step: 16 }", FEATURE, IMAGE)
    boxes = reference.prior_boxes((3, 4), (48, 60), sizes=[(8.5, 4), (9, 11)], step=(16, 16), offset=0.5)
    check("PriorBoxClustered", c, with_variance(boxes, [0.1]), tmp_path, rtol=1e-7)


@pytest.mark.parametrize("ratios", [[], [1.0, 4.0]])
def test_prior_box_by_density(ratios: list[float], tmp_path: Any) -> None:
    """fixed_size 9 with density 2: boxes 4 pixels apart; OpenVINO cuts halves and shifts to whole pixels."""
    out = []
    for h, w in np.ndindex(3, 4):
        x, y = (w + 0.5) * 16, (h + 0.5) * 16
        for size, density in ((9.0, 2), (32.0, 1)):
            shift = int(size / density)
            shapes = [(size * r**0.5, size / r**0.5) for r in ratios]
            shapes = shapes or [(size, size), (size * 2**0.5, size / 2**0.5), (size / 2**0.5, size * 2**0.5)]
            for width, height in shapes:
                for row, column in np.ndindex(density, density):
                    cx = x - int(size) // 2 + shift / 2 + column * shift
                    cy = y - int(size) // 2 + shift / 2 + row * shift
                    out += [max((cx - width / 2) / 60, 0), max((cy - height / 2) / 48, 0)]
                    out += [min((cx + width / 2) / 60, 1), min((cy + height / 2) / 48, 1)]
    fields = " ".join(f"fixed_ratio: {r}" for r in ratios)
    params = (
        "prior_box_param { fixed_size: 9 fixed_size: 32 density: 2 density: 1 step: 16 aspect_ratio: 2 " + fields + " }"
    )
    expected = with_variance(np.float32(out), [0.1])
    check("PriorBox", case("", params, FEATURE, IMAGE), expected, tmp_path, rtol=1e-6)


def overlap(a: Array, b: Array) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def detections(loc: Array, conf: Array, priors: Array, classes: int, settings: dict[str, float]) -> Array:
    """SSD's DetectionOutput with CENTER_SIZE, shared locations and background 0, in plain loops."""
    boxes, variance = priors[0, 0].reshape(-1, 4), priors[0, 1].reshape(-1, 4)
    rows: list[list[float]] = []
    for n in range(loc.shape[0]):
        size, centre = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
        found = loc[n].reshape(-1, 4)
        middle = variance[:, :2] * found[:, :2] * size + centre
        half = np.exp(variance[:, 2:] * found[:, 2:]) * size / 2
        decoded = np.concatenate([middle - half, middle + half], 1)
        scores, kept = conf[n].reshape(-1, classes), []
        for label in range(1, classes):
            order = [
                i for i in np.argsort(-scores[:, label], kind="stable") if scores[i, label] > settings["confidence"]
            ]
            chosen: list[int] = []
            threshold = settings["nms"]
            for i in order[: int(settings["top_k"])]:
                if all(overlap(decoded[i], decoded[j]) <= threshold for j in chosen):
                    chosen.append(i)
                    threshold *= settings["eta"] if threshold > 0.5 else 1
            kept += [(label, i) for i in chosen]
        kept = sorted(kept, key=lambda k: -scores[k[1], k[0]])[: int(settings["keep"])]
        kept.sort(key=lambda k: k[0])
        rows += [[n, label, scores[i, label], *decoded[i]] for label, i in kept]
    return np.asarray(rows or [[n, *[-1] * 6] for n in range(loc.shape[0])], np.float32)[None, None]


@pytest.mark.parametrize(
    ("confidence", "nms", "eta"), [(0.2, 0.3, 1), (0.99, 0.3, 1), (2.0, 0.3, 1), (0.1, 0.8, 0.8), (-1, 0.6, 0.9)]
)
@pytest.mark.parametrize("keep", [15, -1])
def test_detection_output(confidence: float, nms: float, eta: float, keep: int, tmp_path: Path) -> None:
    sizes = [(12, 12), (20, 10)]
    priors = with_variance(
        reference.prior_boxes((3, 4), (48, 60), sizes=sizes, step=(16, 15), offset=0.5), [0.1, 0.1, 0.2, 0.2]
    )
    count = priors.shape[2] // 4
    random = np.random.default_rng(0)
    loc = random.standard_normal((2, 4 * count)).astype(np.float32)
    conf = np.round(random.random((2, 3 * count)), 1 if keep < 0 else 9).astype(np.float32)  # ties, but not at the edge
    params = (
        f"detection_output_param {{ num_classes: 3 code_type: CENTER_SIZE keep_top_k: {keep} "
        f"confidence_threshold: {confidence} nms_param {{ nms_threshold: {nms} top_k: 10 eta: {eta} }} }}"
    )
    settings = {"confidence": confidence, "nms": nms, "eta": eta, "top_k": 10, "keep": keep if keep > 0 else 999}
    expected = detections(loc, conf, priors, 3, settings)
    anywhere("DetectionOutput", case("", params, loc, conf, priors), expected, tmp_path, 1e-5)


@pytest.mark.parametrize("portable", [False, True])
def test_detections_of_a_batch_of_any_size(portable: bool, tmp_path: Path) -> None:
    """The first row of priors is for all images; where none has a box, each has a row of -1."""
    boxes = np.float32([0.1, 0.1, 0.4, 0.4, 0.5, 0.5, 0.9, 0.9])
    priors = with_variance(boxes, [0.1, 0.1, 0.2, 0.2])
    params = (
        "detection_output_param { num_classes: 2 code_type: CENTER_SIZE keep_top_k: 5 confidence_threshold: 0.5 "
        "nms_param { nms_threshold: 0.5 } }"
    )
    c = case("", params, np.zeros((1, 8), np.float32), np.zeros((1, 4), np.float32), priors)
    model = compile_case("DetectionOutput", replace(c, options={"dynamic_batch": True, "portable": portable}), tmp_path)
    assert str(model.report.outputs["y0"]).startswith("1x1x?x7")
    session = model.session()
    for images in (1, 3):
        for rows in (1, images):
            conf = np.zeros((images, 4), np.float32)
            feed = {"x0": np.zeros((images, 8), np.float32), "x1": conf, "x2": np.repeat(priors, rows, 0)}
            empty = np.float32([[i, *[-1] * 6] for i in range(images)])[None, None]
            np.testing.assert_array_equal(session.run(feed)["y0"], empty)
            conf[-1, 3] = 0.75
            expected = np.float32([images - 1, 1, 0.75, 0.5, 0.5, 0.9, 0.9])[None, None, None]
            np.testing.assert_allclose(session.run(feed)["y0"], expected, rtol=1e-6)


def test_roi_pooling(tmp_path: Any) -> None:
    x = numbers(2, 3, 10, 12)
    rois = np.float32([[0, 0, 0, 40, 30], [1, 10, 5, 47, 39], [1, 20, 20, 21, 21], [0, 44, 36, 60, 60]])
    out = np.zeros((4, 3, 2, 3), np.float32)
    for r, (image, *corners) in enumerate(rois):
        x1, y1, x2, y2 = (math.floor(v * 0.25 + 0.5) for v in corners)
        bin_h, bin_w = max(y2 - y1 + 1, 1) / 2, max(x2 - x1 + 1, 1) / 3
        for ph, pw in np.ndindex(2, 3):
            h0, h1 = (min(max(v + y1, 0), 10) for v in (math.floor(ph * bin_h), math.ceil((ph + 1) * bin_h)))
            w0, w1 = (min(max(v + x1, 0), 12) for v in (math.floor(pw * bin_w), math.ceil((pw + 1) * bin_w)))
            if h1 > h0 and w1 > w0:
                out[r, :, ph, pw] = x[int(image), :, h0:h1, w0:w1].max((1, 2))
    c = case("", "roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.25 }", x, rois)
    anywhere("ROIPooling", c, out, tmp_path, 0)
    square = case("", "roi_pooling_param { pooled_size: 1 spatial_scale: 1 }", x, rois[:1] * 0.2)
    check("ROIPooling", square, x[:1, :, :7, :9].max((2, 3), keepdims=True), tmp_path, rtol=0)


def test_psroi_pooling(tmp_path: Any) -> None:
    x, rois = numbers(1, 2 * 9, 10, 12), np.float32([[0, 2, 3, 40, 30], [0, 10, 5, 11, 5]])
    out = np.zeros((2, 2, 3, 3), np.float32)
    for r, (_, *corners) in enumerate(rois):
        x1, y1 = (math.floor(v + 0.5) * 0.25 for v in corners[:2])
        x2, y2 = ((math.floor(v + 0.5) + 1) * 0.25 for v in corners[2:])
        bin_w, bin_h = max(x2 - x1, 0.1) / 3, max(y2 - y1, 0.1) / 3
        for c, ph, pw in np.ndindex(2, 3, 3):
            h0, h1 = math.floor(ph * bin_h + y1), math.ceil((ph + 1) * bin_h + y1)
            w0, w1 = math.floor(pw * bin_w + x1), math.ceil((pw + 1) * bin_w + x1)
            window = x[0, (c * 3 + ph) * 3 + pw, max(h0, 0) : min(h1, 10), max(w0, 0) : min(w1, 12)]
            out[r, c, ph, pw] = window.mean() if window.size else 0
    params = "psroi_pooling_param { spatial_scale: 0.25 output_dim: 2 group_size: 3 }"
    anywhere("PSROIPooling", case("", params, x, rois), out, tmp_path, 1e-6)


@pytest.mark.parametrize("ratio", [2, 3, 0, -1])
def test_roi_align(ratio: int, tmp_path: Any) -> None:
    """Detectron's: bins of the region, bilinear samples in each, averaged: ratio ** 2, or one for each pixel."""
    x, rois = numbers(2, 3, 10, 12), np.float32([[1, 4, 6, 30, 33], [0, 8, 8, 9, 9], [0, -9, -7, 20, 50]])
    out = np.zeros((3, 3, 2, 2))

    def sample(image: int, y: float, z: float) -> Array:
        if y < -1 or y > 10 or z < -1 or z > 12:
            return np.zeros(3)
        y, z = max(y, 0), max(z, 0)
        y0, z0 = min(int(y), 9), min(int(z), 11)
        y1, z1 = min(y0 + 1, 9), min(z0 + 1, 11)
        a, b = (y - y0 if y0 < 9 else 0), (z - z0 if z0 < 11 else 0)
        p = x[image]
        return (1 - a) * ((1 - b) * p[:, y0, z0] + b * p[:, y0, z1]) + a * ((1 - b) * p[:, y1, z0] + b * p[:, y1, z1])

    for r, (image, *corners) in enumerate(rois):
        x1, y1, x2, y2 = (v * 0.25 for v in corners)
        height, width = max(y2 - y1, 1) / 2, max(x2 - x1, 1) / 2
        for ph, pw in np.ndindex(2, 2):
            rows, columns = (ratio if ratio > 0 else math.ceil(size) for size in (height, width))
            ys = [y1 + ph * height + (i + 0.5) * height / rows for i in range(rows)]
            zs = [x1 + pw * width + (i + 0.5) * width / columns for i in range(columns)]
            out[r, :, ph, pw] = sum(sample(int(image), y, z) for y in ys for z in zs) / (rows * columns)
    params = f"roi_align_param {{ pooled_h: 2 pooled_w: 2 spatial_scale: 0.25 sampling_ratio: {ratio} }}"
    c = case("", params, x, rois)
    anywhere("ROIAlign", c, out.astype(np.float32), tmp_path, 2e-6)


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("blank", [0, -1])
def test_ctc_greedy_decoder(merge: bool, blank: int, tmp_path: Any) -> None:
    """The decoder's loop: the first step always counts, the next when its indicator is not 0."""
    times, streams, classes = 8, 4, 3
    x = np.random.default_rng(3).random((times, streams, classes)).astype(np.float32)
    going_on = np.ones((times, streams), np.float32)
    going_on[0] = 0
    going_on[3, 1], going_on[1, 2], going_on[5, 1] = 0, 0, 1
    sequences = np.full((streams, times), -1, np.float32)
    scores = np.zeros((streams, 1, 1, 1), np.float32)
    for n in range(streams):
        before, place = -1, 0
        for t in range(times):
            if t and going_on[t, n] == 0:
                break
            best = int(x[t, n].argmax())
            scores[n] -= x[t, n, best]
            if best != blank % classes and not (merge and best == before):
                sequences[n, place], place = best, place + 1
            before = best
    params = f"ctc_decoder_param {{ blank_index: {blank} ctc_merge_repeated: {str(merge).lower()} }}"
    c = case("", params, x, going_on, tops=2)
    check("CTCGreedyDecoder", c, [sequences[:, :, None, None], scores], tmp_path, rtol=1e-6)


@pytest.mark.parametrize(
    ("pad", "kernel", "most", "stride_1", "stride_2"),
    [(1, 1, 1, 1, 1), (4, 1, 4, 1, 2), (3, 3, 2, 2, 1), (2, 1, 3, 2, 2)],
)
@pytest.mark.parametrize("kind", ["MULTIPLY", "SUBTRACT"])
def test_correlation(pad: int, kernel: int, most: int, stride_1: int, stride_2: int, kind: str, tmp_path: Path) -> None:
    a, b = numbers(2, 3, 8, 7), numbers(2, 3, 8, 7, seed=1)
    padded = [np.pad(v, ((0, 0), (0, 0), (pad, pad), (pad, pad))).astype(np.float64) for v in (a, b)]
    border, radius = most + (kernel - 1) // 2, most // stride_2
    height, width = (math.ceil((n + 2 * pad - 2 * border) / stride_1) for n in (8, 7))
    out = np.zeros((2, (2 * radius + 1) ** 2, height, width), np.float32)
    for n, channel, y, x in np.ndindex(*out.shape):
        dy, dx = (v - radius for v in divmod(channel, 2 * radius + 1))
        y1, x1 = y * stride_1 + most, x * stride_1 + most
        y2, x2 = y1 + dy * stride_2, x1 + dx * stride_2
        one = padded[0][n, :, y1 : y1 + kernel, x1 : x1 + kernel]
        two = padded[1][n, :, y2 : y2 + kernel, x2 : x2 + kernel]
        out[n, channel, y, x] = (one * two if kind == "MULTIPLY" else np.abs(one - two)).mean()
    params = (
        f"correlation_param {{ pad: {pad} kernel_size: {kernel} max_displacement: {most} stride_1: {stride_1} "
        f"stride_2: {stride_2} correlation_type: {kind} }}"
    )
    anywhere("Correlation", case("", params, a, b), out, tmp_path, 2e-6)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize(("pad", "kernel", "most", "stride_1", "stride_2"), [(4, 1, 4, 1, 1), (3, 3, 4, 2, 2)])
@pytest.mark.parametrize("kind", ["MULTIPLY", "SUBTRACT"])
def test_correlation_1d(
    direction: int, pad: int, kernel: int, most: int, stride_1: int, stride_2: int, kind: str, tmp_path: Path
) -> None:
    """Padding and displacements in width only."""
    a, b = numbers(2, 3, 6, 9), numbers(2, 3, 6, 9, seed=1)
    padded = [np.pad(v, ((0, 0), (0, 0), (0, 0), (pad, pad))).astype(np.float64) for v in (a, b)]
    radius, half = most // stride_2, (kernel - 1) // 2
    height = math.ceil((6 - 2 * half) / stride_1)
    width = math.ceil((9 + 2 * pad - 2 * (most + half)) / stride_1)
    shifts = [i * stride_2 for i in range(0 if direction else -radius, radius + 1)]
    out = np.zeros((2, len(shifts), height, width), np.float32)
    for n, channel, y, x in np.ndindex(*out.shape):
        x1, y1 = x * stride_1 + most, y * stride_1
        x2 = x1 + shifts[channel]
        one, two = (v[n, :, y1 : y1 + kernel, s : s + kernel] for v, s in zip(padded, (x1, x2), strict=True))
        out[n, channel, y, x] = (one * two if kind == "MULTIPLY" else np.abs(one - two)).mean()
    params = (
        f"correlation_param {{ pad: {pad} kernel_size: {kernel} max_displacement: {most} stride_1: {stride_1} "
        f"stride_2: {stride_2} correlation_type: {kind} single_direction: {direction} }}"
    )
    anywhere("Correlation1D", case("", params, a, b), out, tmp_path, 2e-6)


def test_flow_warp(tmp_path: Path) -> None:
    image, flow = numbers(1, 2, 6, 7), np.zeros((1, 2, 6, 7), np.float32)
    flow[:, 0], flow[:, 1] = 1.25, 2
    warped = np.zeros_like(image)
    warped[:, :, :4, :5] = 0.75 * image[:, :, 2:, 1:6] + 0.25 * image[:, :, 2:, 2:7]
    anywhere(
        "FlowWarp",
        case("", "", image, (flow - np.float32([0.25, 0]).reshape(1, 2, 1, 1))),
        _shifted(image),
        tmp_path,
        1e-6,
    )
    warped[:, :, :4, 5] = image[:, :, 2:, 6]  # right of the last pixel is the last pixel
    anywhere("FlowWarp", case("", "", image, flow), warped, tmp_path, 1e-6)
    outside = np.where(warped == 0, np.nan, warped)
    c = case("", "flow_warp_param { fill_value: NOT_A_NUMBER }", image, flow)
    anywhere("FlowWarp", c, outside, tmp_path, 1e-6)


def _shifted(image: Array) -> Array:
    """By one column and two rows, zeros where nothing is."""
    warped = np.zeros_like(image)
    warped[:, :, :4, :6] = image[:, :, 2:, 1:]
    return warped


PRIOR = np.zeros((1, 2, 8), np.float32)
REFUSED: list[tuple[str, Case, str]] = [
    ("PriorBox", case("", "", FEATURE, IMAGE), "has no min_size"),
    ("PriorBox", case("", "prior_box_param { min_size: 8 max_size: 8 }", FEATURE, IMAGE), "max_size must be above"),
    (
        "PriorBox",
        case("", "prior_box_param { fixed_size: 8 min_size: 2 }", FEATURE, IMAGE),
        "min_size does not go with",
    ),
    ("PriorBox", case("", "prior_box_param { fixed_size: 8 }", FEATURE, IMAGE), "has 0 density for 1 fixed_size"),
    ("DetectionOutput", case("", "", numbers(1, 8), numbers(1, 4), PRIOR), "has no num_classes"),
    (
        "DetectionOutput",
        case("", "detection_output_param { num_classes: 2 side: 13 }", numbers(1, 8), numbers(1, 4), PRIOR),
        "side is a field of YOLO v2's layer of the same name, of one bottom",
    ),
    (
        "Correlation1D",
        case("", "correlation_param { kernel_size: 1 max_displacement: 1 single_direction: -1 }", FEATURE, FEATURE),
        "single_direction -1 is not supported: to the left",
    ),
    ("FlowWarp", case("", "", FEATURE, numbers(1, 3, 3, 4)), "two numbers of flow a pixel"),
    (
        "DetectionOutput",
        case("", "detection_output_param { num_classes: 3 }", numbers(1, 8), numbers(1, 4), PRIOR),
        "its 2 priors need 6 numbers",
    ),
    (
        "DetectionOutput",
        case("", "detection_output_param { num_classes: 2 clip: true }", numbers(1, 8), numbers(1, 4), PRIOR),
        "clip True is not supported",
    ),
    (
        "DetectionOutput",
        case("", "detection_output_param { num_classes: 2 }", numbers(1, 8), numbers(1, 4)),
        "has 2 bottoms",
    ),
    ("ROIPooling", case("", "roi_pooling_param { pooled_h: 1 pooled_w: 1 }", FEATURE, numbers(2, 4)), "regions of 5"),
    ("ROIAlign", case("", "roi_align_param { pooled_h: 2 pooled_w: 2 }", IMAGE, numbers(2, 5)), "in different forks"),
    ("PSROIPooling", case("", "psroi_pooling_param { output_dim: 2 }", IMAGE, numbers(2, 5)), "has no spatial_scale"),
]


@pytest.mark.parametrize(("layer_type", "c", "says"), REFUSED)
def test_refused(layer_type: str, c: Case, says: str, tmp_path: Any) -> None:
    refused(layer_type, c, says, tmp_path)
