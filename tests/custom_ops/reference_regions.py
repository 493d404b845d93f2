"""Region kernels in numpy, written from their definitions in Fast R-CNN, R-FCN, PVANet and py-faster-rcnn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
F = np.float32


def round_half_away(value: float) -> int:
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def roi_pooling(x: Array, rois: Array, pooled_h: int, pooled_w: int, scale: float) -> Array:
    _, channels, height, width = x.shape
    out = np.zeros((len(rois), channels, pooled_h, pooled_w), F)
    for r, roi in enumerate(rois):
        x1, y1, x2, y2 = (round_half_away(float(F(v) * F(scale))) for v in roi[1:])
        bin_w = F(max(x2 - x1 + 1, 1)) / F(pooled_w)
        bin_h = F(max(y2 - y1 + 1, 1)) / F(pooled_h)
        for i in range(pooled_h):
            top, bottom = np.clip([math.floor(i * bin_h) + y1, math.ceil((i + 1) * bin_h) + y1], 0, height)
            for j in range(pooled_w):
                left, right = np.clip([math.floor(j * bin_w) + x1, math.ceil((j + 1) * bin_w) + x1], 0, width)
                patch = x[int(roi[0]), :, top:bottom, left:right]
                if patch.size:
                    out[r, :, i, j] = patch.max(axis=(1, 2))
    return out


def psroi_pooling(x: Array, rois: Array, output_dim: int, group: int, scale: float) -> Array:
    _, _, height, width = x.shape
    out = np.zeros((len(rois), output_dim, group, group), F)
    for r, roi in enumerate(rois):
        start = [F(round_half_away(float(v))) * F(scale) for v in roi[1:3]]
        end = [F(round_half_away(float(v)) + 1) * F(scale) for v in roi[3:5]]
        bin_w, bin_h = (max(e - s, F(0.1)) / F(group) for s, e in zip(start, end, strict=True))
        for i in range(group):
            top = np.clip(math.floor(F(i) * bin_h + start[1]), 0, height)
            bottom = np.clip(math.ceil(F(i + 1) * bin_h + start[1]), 0, height)
            for j in range(group):
                left = np.clip(math.floor(F(j) * bin_w + start[0]), 0, width)
                right = np.clip(math.ceil(F(j + 1) * bin_w + start[0]), 0, width)
                for c in range(output_dim):
                    patch = x[int(roi[0]), (c * group + i) * group + j, top:bottom, left:right]
                    out[r, c, i, j] = patch.mean(dtype=np.float64) if patch.size else 0
    return out


def anchors_of(base: int, ratios: list[float], scales: list[float], half_to_even: bool) -> Array:
    rounded = np.round if half_to_even else lambda v: np.floor(v + 0.5)
    center = (base - 1) / 2
    boxes = []
    for ratio in ratios:
        w = rounded(np.sqrt(base * base / ratio))
        h = rounded(w * ratio)
        for s in scales:
            half = np.array([w * s - 1, h * s - 1]) / 2
            boxes.append([*(center - half), *(center + half)])
    return np.array(boxes)


def all_proposals(deltas: Array, info: Array, anchors: Array, stride: int) -> Array:
    """(H * W * A, 4) boxes, moved by their deltas and clipped to the image."""
    count = len(anchors)
    _, _, height, width = deltas.shape
    y, x = np.mgrid[:height, :width] * stride
    shift = np.stack([x, y, x, y], axis=-1)[:, :, None]
    boxes = (anchors[None, None] + shift).reshape(-1, 4).astype(F)
    d = deltas[0].reshape(count, 4, height, width).transpose(2, 3, 0, 1).reshape(-1, 4)
    size = boxes[:, 2:] - boxes[:, :2] + F(1)
    center = d[:, :2] * size + (boxes[:, :2] + F(0.5) * size)
    half = F(0.5) * (np.exp(d[:, 2:]) * size)
    moved = np.concatenate([center - half, center + half], axis=1)
    limit = np.array([info[1], info[0]] * 2, F) - F(1)
    return np.asarray(np.maximum(np.minimum(moved, limit), F(0)))


def nms(boxes: Array, threshold: float, most: int, python: bool) -> list[int]:
    """Boxes sorted by score; + 1 convention. PVANet's boxes that do not touch have no common part even so."""
    area = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[int] = []
    alive = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if not alive[i] or len(kept) == most:
            continue
        kept.append(i)
        low = np.maximum(boxes[i, :2], boxes[:, :2])
        high = np.minimum(boxes[i, 2:], boxes[:, 2:])
        both = np.prod(np.maximum(high - low + 1, 0), axis=1)
        if not python:
            both[(high < low).any(axis=1)] = 0
        alive &= both / (area[i] + area - both) <= threshold
    return kept


def pvanet_order(scores: Array, top: int) -> Array:
    """The order after PVANet's quicksort, which sorts the first `top` places: Hoare's partition, falling."""
    order = np.arange(len(scores))
    ranges = [(0, len(scores) - 1)] if len(scores) else []
    while ranges:
        start, end = ranges.pop()
        pivot, left, right = scores[order[start]], start + 1, end
        while left <= right:
            while left <= end and scores[order[left]] >= pivot:
                left += 1
            while right > start and scores[order[right]] <= pivot:
                right -= 1
            if left <= right:
                order[[left, right]] = order[[right, left]]
                left, right = left + 1, right - 1
        order[[start, right]] = order[[right, start]]
        if start < right - 1:
            ranges.append((start, right - 1))
        if right + 1 < top and right + 1 < end:
            ranges.append((right + 1, end))
    return order


def proposal(scores: Array, deltas: Array, info: Array, p: dict[str, Any]) -> tuple[Array, Array]:
    python = p["style"] == "py-faster-rcnn"
    anchors = anchors_of(p["base_size"], p["ratios"], p["scales"], python)
    boxes = all_proposals(deltas, info, anchors, p["feat_stride"])
    score = scores[0, len(anchors) :].transpose(1, 2, 0).ravel()
    size = boxes[:, 2:] - boxes[:, :2] + F(1)
    scale = np.array([info[2], info[2]] if python else [info[3], info[2]], F)
    large = (size >= p["min_size"] * scale).all(axis=1)
    if python:
        boxes, score = boxes[large], score[large]
    else:
        score = np.where(large, score, F(0))
    order = np.argsort(-score, kind="stable") if python else pvanet_order(score, p["pre_nms_topn"])
    order = order[: p["pre_nms_topn"]]
    boxes, score = boxes[order], score[order]
    kept = nms(boxes, p["nms_thresh"], p["post_nms_topn"], python)
    rois = np.concatenate([np.zeros((len(kept), 1), F), boxes[kept]], axis=1)
    return rois.astype(F), score[kept]
