"""YOLO's detection outputs and the unpooling layers, against loops."""

from __future__ import annotations

from typing import Any

import caffe_reference as reference
import numpy as np
import pytest
from caffe_cases import Array, Case, anywhere, case, check, numbers, refused

BIASES = [(1.1, 1.9), (3.2, 2.4), (12.0, 20.0), (30.0, 14.0)]
CLASSES = 3


def sigmoid(v: Array | float) -> Any:
    return 1 / (1 + np.exp(-np.asarray(v, np.float64)))


def overlap(a: list[float], b: list[float]) -> float:
    sides = [
        min(a[i] + a[i + 2] / 2, b[i] + b[i + 2] / 2) - max(a[i] - a[i + 2] / 2, b[i] - b[i + 2] / 2) for i in (0, 1)
    ]
    both = sides[0] * sides[1] if min(sides) >= 0 else 0.0
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def rows(predictions: list[tuple[float, int, list[float]]], nms: float, images: int) -> Array:
    """Sorted, suppressed at `nms` or more, whatever class or image."""
    kept: list[tuple[float, int, list[float]]] = []
    for p in sorted(predictions, key=lambda p: -p[0]):
        if all(overlap(k[2], p[2]) < nms for k in kept):
            kept.append(p)
    found = [[0, c + 1, s, x - w / 2, y - h / 2, x + w / 2, y + h / 2] for s, c, (x, y, w, h) in kept]
    return np.asarray(found or [[i, *[-1] * 6] for i in range(images)], np.float32)[None, None]


def boxes(x: Array, anchors: list[tuple[float, float]], scale: int) -> list[tuple[float, Array, list[float]]]:
    """(objectness, class numbers, box) in the order of the layer."""
    images, _, side, _ = x.shape
    apart = x.reshape(images, len(anchors), 5 + CLASSES, side, side).astype(np.float64)
    found = []
    for b, j, i, n in np.ndindex(images, side, side, len(anchors)):
        v = apart[b, n, :, j, i]
        box = [
            (i + sigmoid(v[0])) / side,
            (j + sigmoid(v[1])) / side,
            np.exp(v[2]) * anchors[n][0] / (side * scale),
            np.exp(v[3]) * anchors[n][1] / (side * scale),
        ]
        found.append((float(sigmoid(v[4])), v[5:], box))
    return found


@pytest.mark.parametrize("confidence", [0.3, 1.5])
def test_yolo(confidence: float, tmp_path: Any) -> None:
    xs = [numbers(2, 2 * (5 + CLASSES), side, side, seed=side) for side in (3, 5)]
    found = []
    for x in xs:
        for objectness, v, box in boxes(x, BIASES[:2], 1):
            p = np.exp(v - v.max()) / np.exp(v - v.max()).sum()
            if objectness * p.max() >= confidence:
                found.append((objectness * p.max(), int(p.argmax()), box))
    biases = " ".join(f"biases: {v}" for pair in BIASES[:2] for v in pair)
    params = (
        f"yolo_detection_output_param {{ num_classes: {CLASSES} num_box: 2 confidence_threshold: {confidence} "
        f"nms_threshold: 0.4 {biases} }}"
    )
    check("YoloDetectionOutput", case("", params, *xs), rows(found, 0.4, 2), tmp_path, rtol=5e-6)


@pytest.mark.parametrize("confidence", [0.4, 1.5])
def test_yolov3(confidence: float, tmp_path: Any) -> None:
    xs = [numbers(1, 2 * (5 + CLASSES), side, side, seed=side) for side in (3, 6)]
    mask, scales, found = [2, 3, 0, 1], [32, 16], []
    for t, x in enumerate(xs):
        for objectness, v, box in boxes(x, [BIASES[m] for m in mask[2 * t : 2 * t + 2]], scales[t]):
            found += [(s, c, box) for c, s in enumerate(objectness * sigmoid(v)) if s > confidence]
    fields = [f"biases: {v}" for pair in BIASES for v in pair]
    fields += [f"mask: {m}" for m in mask] + [f"anchors_scale: {s}" for s in scales]
    params = (
        f"yolov3_detection_output_param {{ num_classes: {CLASSES} num_box: 2 mask_group_num: 2 "
        f"confidence_threshold: {confidence} nms_threshold: 0.45 {' '.join(fields)} }}"
    )
    check("Yolov3DetectionOutput", case("", params, *xs), rows(found, 0.45, 1), tmp_path, rtol=5e-6)


def clipped(box: list[float]) -> list[float]:
    """A box (x, y, w, h) cut at the picture's border."""
    x, y, w, h = box
    x1, y1, x2, y2 = max(x - w / 2, 0), max(y - h / 2, 0), min(x + w / 2, 1), min(y + h / 2, 1)
    return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


@pytest.mark.parametrize("confidence", [0.25, 1.5])
def test_gklz_detection_output(confidence: float, tmp_path: Any) -> None:
    """In order of place, not of score; a class counts from 0; middle and size in the row."""
    x = numbers(1, 2 * (5 + CLASSES), 4, 4)
    kept: list[tuple[float, int, list[float]]] = []
    for objectness, v, box in boxes(x, BIASES[:2], 1):
        p = np.exp(v - v.max()) / np.exp(v - v.max()).sum()
        score = objectness * p.max()
        if score >= confidence and all(overlap(clipped(k[2]), clipped(box)) < 0.4 for k in kept):
            kept.append((score, int(p.argmax()), box))
    found = [[0, c, s, *box] for s, c, box in kept]
    assert (len(found) > 2) == (confidence < 1)
    expected = np.asarray(found or [[0, *[-1] * 6]], np.float32)[None, None]
    biases = " ".join(f"biases: {v}" for pair in BIASES[:2] for v in pair)
    params = (
        f"detection_output_param {{ side: 4 num_classes: {CLASSES} num_box: 2 confidence_threshold: {confidence} "
        f"nms_threshold: 0.4 {biases} }}"
    )
    anywhere("DetectionOutput", case("", params, x), expected, tmp_path, 5e-6)


@pytest.mark.parametrize("softmax", [True, False])
def test_region_yolo(softmax: bool, tmp_path: Any) -> None:
    x = numbers(2, 2 * (5 + CLASSES), 3, 4)
    out = x.reshape(2, 2, 5 + CLASSES, 3, 4).astype(np.float64)
    out[:, :, [0, 1, 4]] = sigmoid(out[:, :, [0, 1, 4]])
    if softmax:
        e = np.exp(out[:, :, 5:])
        out[:, :, 5:] = e / e.sum(2, keepdims=True)
    else:
        out[:, :, 5:] = sigmoid(out[:, :, 5:])
    expected = out.reshape((2, -1) if softmax else x.shape).astype(np.float32)
    which = "num: 2" if softmax else "do_softmax: false num: 9 mask: 3 mask: 4"
    params = f"region_yolo_param {{ classes: {CLASSES} coords: 4 {which} anchors: 1.5 anchors: 2 }}"
    anywhere("RegionYolo", case("", params, x), expected, tmp_path, 2e-6)


def test_unpooling(tmp_path: Any) -> None:
    x = numbers(2, 3, 6, 8)
    best, mask = reference.pool(x, "MAX", kernel=(2, 2), stride=(2, 2))
    full = np.where(x == best.repeat(2, 2).repeat(2, 3), x, 0)
    params = "unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_h: 6 unpool_w: 8 }"
    check("Unpooling", case("", params, best, mask), full, tmp_path, rtol=0)
    check("MaxUnpool", case("", "unpooling_param { kernel_size: 2 stride: 2 }", best, mask), full, tmp_path, rtol=0)
    corners = np.zeros((2, 3, 7, 9), np.float32)
    corners[:, :, :6:2, :8:2] = best
    c = case("", "unpooling_param { unpool: MAX kernel_size: 2 stride: 2 }", best)
    check("Unpooling", c, corners, tmp_path, rtol=0)


REFUSED: list[tuple[str, Case, str]] = [
    ("YoloDetectionOutput", case("", "", numbers(1, 125, 3, 3)), "has 0 biases for 5 boxes"),
    ("RegionYolo", case("", "region_yolo_param { num: 2 }", numbers(1, 25, 3, 3)), "needs 2 times 25 channels"),
    (
        "DetectionOutput",
        case("", "detection_output_param { num_classes: 20 }", numbers(2, 125, 3, 3)),
        "takes one picture at a time",
    ),
    ("Unpooling", case("", "unpooling_param { unpool: AVE kernel_size: 2 }", numbers(1, 1, 2, 2)), "unpool AVE is not"),
]


@pytest.mark.parametrize(("layer_type", "c", "says"), REFUSED)
def test_refused(layer_type: str, c: Case, says: str, tmp_path: Any) -> None:
    refused(layer_type, c, says, tmp_path)
