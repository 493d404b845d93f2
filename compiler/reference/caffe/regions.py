"""Layers on regions of interest: ROIPooling, PSROIPooling, ROIAlign, Proposal."""

from __future__ import annotations

from typing import Any

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.rounding import half_away

F = np.float32


def _pooled(call: Call) -> tuple[int, int]:
    both = call.attrs.get("pooled_size")
    return (both, both) if both else (call.integer("pooled_h"), call.integer("pooled_w"))


def _bins(start: Any, size: Any, count: int, limit: int) -> list[tuple[int, int]]:
    """Begin and end of each bin along an axis, inside the map."""
    index = np.arange(count, dtype=F)
    low = np.clip(np.floor(index * size + start), 0, limit).astype(int)
    high = np.clip(np.ceil((index + 1) * size + start), 0, limit).astype(int)
    return list(zip(low.tolist(), high.tolist(), strict=True))


@evaluates("caffe.ROIPooling")
def roi_pooling(call: Call, x: Array, rois: Array) -> Array:
    """The largest number of each bin; corners are rounded, the last one belongs to the region, empty bins are 0."""
    height, width = _pooled(call)
    rois = rois.reshape(-1, 5)
    out = np.zeros((len(rois), x.shape[1], height, width), x.dtype)
    for index, roi in enumerate(rois):
        x1, y1, x2, y2 = half_away(roi[1:] * F(call.number("spatial_scale")))
        rows = _bins(y1, F(max(y2 - y1 + 1, 1)) / F(height), height, x.shape[2])
        columns = _bins(x1, F(max(x2 - x1 + 1, 1)) / F(width), width, x.shape[3])
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                if bottom > top and right > left:
                    out[index, :, i, j] = x[int(roi[0]), :, top:bottom, left:right].max((1, 2))
    return out


@evaluates("caffe.PSROIPooling")
def psroi_pooling(call: Call, x: Array, rois: Array) -> Array:
    """The mean of each bin, each from channels of its own; corners are rounded before they are scaled."""
    count, group, scale = call.integer("output_dim"), call.integer("group_size"), F(call.number("spatial_scale"))
    rois = rois.reshape(-1, 5)
    out = np.zeros((len(rois), count, group, group), x.dtype)
    for index, roi in enumerate(rois):
        x1, y1 = half_away(roi[1:3]) * scale
        x2, y2 = (half_away(roi[3:5]) + F(1)) * scale
        rows = _bins(y1, max(y2 - y1, F(0.1)) / F(group), group, x.shape[2])
        columns = _bins(x1, max(x2 - x1, F(0.1)) / F(group), group, x.shape[3])
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                if bottom > top and right > left:
                    channels = (np.arange(count) * group + i) * group + j
                    out[index, :, i, j] = x[int(roi[0]), channels, top:bottom, left:right].mean((1, 2))
    return out


@evaluates("caffe.ROIAlign")
def roi_align(call: Call, x: Array, rois: Array) -> Array:
    """Detectron's: the mean of ratio * ratio bilinear samples a bin."""
    ratio = call.attrs.get("sampling_ratio", call.attrs.get("sample_ratio"))
    if not ratio or ratio < 1 or call.attrs.get("position_sensitive") or call.attrs.get("num_roi_per_image"):
        raise NotEvaluated("the forks' layers of this name differ")
    height, width = _pooled(call)
    rois = rois.reshape(-1, 5)
    out = np.zeros((len(rois), x.shape[1], height, width), x.dtype)
    for index, roi in enumerate(rois):
        x1, y1, x2, y2 = roi[1:] * F(call.number("spatial_scale"))
        rows = _samples(y1, np.maximum(y2 - y1, F(1)), height, ratio)
        columns = _samples(x1, np.maximum(x2 - x1, F(1)), width, ratio)
        taken = _bilinear(x[int(roi[0])], rows, columns)
        out[index] = taken.reshape(-1, height, ratio, width, ratio).mean((2, 4))
    return out


def _samples(start: Any, size: Any, count: int, ratio: int) -> Array:
    bin_size = F(size) / F(count)
    each = np.arange(count, dtype=F)[:, None] * bin_size + (np.arange(ratio, dtype=F) + F(0.5)) * bin_size / F(ratio)
    return np.asarray(start + each).reshape(-1)


def _bilinear(x: Array, rows: Array, columns: Array) -> Array:
    """x (C, H, W) at these places; more than a pixel outside is 0."""
    sides = []
    for places, size in ((rows, x.shape[1]), (columns, x.shape[2])):
        inside = (places >= -1) & (places <= size)
        clipped = np.clip(places, 0, size - 1)
        low = clipped.astype(int)
        sides.append((low, np.minimum(low + 1, size - 1), (clipped - low).astype(F), inside))
    (y0, y1, y, rows_in), (x0, x1, z, columns_in) = sides
    y = y[:, None]
    upper = (1 - z) * x[:, y0][..., x0] + z * x[:, y0][..., x1]
    lower = (1 - z) * x[:, y1][..., x0] + z * x[:, y1][..., x1]
    return np.asarray(((1 - y) * upper + y * lower) * (rows_in[:, None] & columns_in))


@evaluates("caffe.Proposal")
def proposal(call: Call, scores: Array, deltas: Array, info: Array) -> object:
    """PVANet's: anchors moved by their deltas, the best of them, then those that do not overlap a better one."""
    ratios, scales = call.numbers("ratio", ()), call.numbers("scale", ())
    anchors = _anchors(call.integer("base_size"), ratios, scales)
    height, width, scale_h, scale_w = info.reshape(-1)[:4]
    boxes = _moved(anchors, deltas, call.integer("feat_stride"), F(height), F(width))
    score = scores[0, len(anchors) :].transpose(1, 2, 0).reshape(-1)
    sides = boxes[:, 2:] - boxes[:, :2] + F(1)
    least = F(call.integer("min_size")) * np.asarray([scale_w, scale_h], F)
    score = np.where((sides >= least).all(1), score, F(0))
    order = _sorted(score.tolist(), call.integer("pre_nms_topn"))
    boxes, score = boxes[order], score[order]
    kept = _kept(boxes, call.number("nms_thresh"), call.integer("post_nms_topn"))
    rois = np.concatenate([np.zeros((len(kept), 1), F), boxes[kept]], axis=1)
    return several([rois.astype(F), score[kept]][: call.outputs])


def _sorted(scores: list[float], most: int) -> list[int]:
    """Indices of the largest scores by PVANet's own quicksort, which settles where equal scores come to lie."""
    order = list(range(len(scores)))
    spans = [(0, len(scores) - 1)]
    while spans:
        start, end = spans.pop()
        pivot, left, right = scores[order[start]], start + 1, end
        while left <= right:
            while left <= end and scores[order[left]] >= pivot:
                left += 1
            while right > start and scores[order[right]] <= pivot:
                right -= 1
            if left <= right:
                order[left], order[right] = order[right], order[left]
                left, right = left + 1, right - 1
        order[start], order[right] = order[right], order[start]
        if start < right - 1:
            spans.append((start, right - 1))
        if right + 1 < min(most, end):
            spans.append((right + 1, end))
    return order[:most]


def _anchors(base: int, ratios: tuple[float, ...], scales: tuple[float, ...]) -> Array:
    """Boxes around the middle of a square of `base`, sides rounded up from one half on."""
    middle = F(0.5) * F(base - 1)
    found = []
    for ratio in ratios:
        wide = np.floor(np.sqrt(F(base * base) / F(ratio)) + F(0.5))
        high = np.floor(wide * F(ratio) + F(0.5))
        for scale in scales:
            half = F(0.5) * (np.asarray([wide, high], F) * F(scale) - F(1))
            found.append(np.concatenate([middle - half, middle + half]))
    return np.asarray(found, F)


def _moved(anchors: Array, deltas: Array, stride: int, height: np.float32, width: np.float32) -> Array:
    """(rows * columns * anchors, 4), inside the picture."""
    count, (rows, columns) = len(anchors), deltas.shape[2:]
    y, x = np.meshgrid(np.arange(rows) * stride, np.arange(columns) * stride, indexing="ij")
    boxes = (anchors + np.stack([x, y, x, y], -1)[:, :, None].astype(F)).reshape(-1, 4)
    d = deltas[0].reshape(count, 4, rows, columns).transpose(2, 3, 0, 1).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2] + F(1)
    middle = d[:, :2] * sides + boxes[:, :2] + F(0.5) * sides
    half = F(0.5) * np.exp(d[:, 2:]) * sides
    limit = np.asarray([width, height], F) - F(1)
    return np.concatenate([np.clip(middle - half, 0, limit), np.clip(middle + half, 0, limit)], axis=1)


def _kept(boxes: Array, threshold: float, most: int) -> list[int]:
    """Sides count their last pixel; a box that overlaps a better one more than the threshold goes."""
    sides = boxes[:, 2:] - boxes[:, :2] + F(1)
    area = sides[:, 0] * sides[:, 1]
    alive = np.ones(len(boxes), bool)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not alive[index] or len(kept) >= most:
            continue
        kept.append(index)
        low, high = np.maximum(boxes[index, :2], boxes[:, :2]), np.minimum(boxes[index, 2:], boxes[:, 2:])
        both = np.maximum(high - low + F(1), 0).prod(1)
        alive &= both / (area[index] + area - both) <= F(threshold)
    return kept
