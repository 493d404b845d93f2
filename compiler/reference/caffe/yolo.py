"""MobileNet-YOLO's detection outputs, RegionYolo, and CTCGreedyDecoder."""

from __future__ import annotations

import numpy as np

from regraft.reference.caffe.activation import sigmoid
from regraft.reference.registry import Array, Call, evaluates, several

Found = list[tuple[float, int, Array]]
"""Score, class, and the box as its middle and sides."""


def _boxes(x: Array, anchors: Array, scale: int) -> tuple[Array, Array, Array]:
    """Boxes (B, 4), objectness (B) and classes (B, C), by image, row, column, anchor."""
    images, _, side, _ = x.shape
    apart = x.reshape(images, len(anchors), -1, side, side).transpose(0, 3, 4, 1, 2).astype(np.float64)
    rows, columns = np.indices((side, side))
    middle_x = (columns[..., None] + sigmoid(apart[..., 0])) / side
    middle_y = (rows[..., None] + sigmoid(apart[..., 1])) / side
    sides = np.exp(apart[..., 2:4]) * anchors / (side * scale)
    boxes = np.concatenate([middle_x[..., None], middle_y[..., None], sides], axis=-1)
    return boxes.reshape(-1, 4), sigmoid(apart[..., 4]).reshape(-1), apart[..., 5:].reshape(-1, apart.shape[-1] - 5)


def _rows(call: Call, images: int, found: Found) -> Array:
    """By falling score, without those that overlap a better one, whatever class or image."""
    kept: Found = []
    for each in sorted(found, key=lambda f: -f[0]):
        if all(_overlap(each[2], better[2]) < call.number("nms_threshold") for better in kept):
            kept.append(each)
    rows = [[0, label + 1, score, *(b[:2] - b[2:] / 2), *(b[:2] + b[2:] / 2)] for score, label, b in kept]
    return np.asarray(rows or [[i, *[-1] * 6] for i in range(images)], np.float32)[None, None]


def _overlap(a: Array, b: Array) -> float:
    sides = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2) - np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    both = float(sides.prod()) if (sides >= 0).all() else 0.0
    return both / float(a[2:].prod() + b[2:].prod() - both)


def _anchors(call: Call) -> Array:
    return np.asarray(call.numbers("biases", ()), np.float32).reshape(-1, 2)


@evaluates("caffe.YoloDetectionOutput")
def yolo(call: Call, *maps: Array) -> Array:
    """The best class of each box."""
    anchors, least = _anchors(call)[: call.integer("num_box")], np.float32(call.number("confidence_threshold"))
    found: Found = []
    for x in maps:
        boxes, objectness, classes = _boxes(x, anchors, 1)
        powers = np.exp(classes - classes.max(1, keepdims=True))
        scores = objectness * powers.max(1) / powers.sum(1)
        found += [(float(scores[i]), int(classes[i].argmax()), boxes[i]) for i in np.flatnonzero(scores >= least)]
    return _rows(call, maps[0].shape[0], found)


@evaluates("caffe.Yolov3DetectionOutput")
def yolov3(call: Call, *maps: Array) -> Array:
    """Every class of each box that is likely enough."""
    anchors, mask, scales = _anchors(call), call.integers("mask", ()), call.integers("anchors_scale", ())
    count, least = call.integer("num_box"), np.float32(call.number("confidence_threshold"))
    found: Found = []
    for index, x in enumerate(maps):
        chosen = anchors[list(mask[index * count : (index + 1) * count])]
        boxes, objectness, classes = _boxes(x, chosen, scales[index])
        scores = objectness[:, None] * sigmoid(classes)
        found += [(float(scores[i, c]), int(c), boxes[i]) for i, c in np.argwhere(scores > least)]
    return _rows(call, maps[0].shape[0], found)


@evaluates("caffe.RegionYolo")
def region_yolo(call: Call, x: Array) -> Array:
    """Places and objectness squashed; classes as parts of 1 (YOLO v2, then flattened), or each by itself (v3)."""
    parts, coords = call.flag("do_softmax"), call.integer("coords")
    count = call.integer("num") if parts else len(call.integers("mask", ()))
    apart = x.reshape(x.shape[0], count, coords + 1 + call.integer("classes"), *x.shape[2:]).copy()
    apart[:, :, :2], apart[:, :, coords] = sigmoid(apart[:, :, :2]), sigmoid(apart[:, :, coords])
    classes = apart[:, :, coords + 1 :]
    powers = np.exp(classes - classes.max(2, keepdims=True))
    apart[:, :, coords + 1 :] = powers / powers.sum(2, keepdims=True) if parts else sigmoid(classes)
    return apart.reshape(x.shape[0], -1) if parts else apart.reshape(x.shape)


@evaluates("caffe.CTCGreedyDecoder")
def ctc_greedy_decoder(call: Call, x: Array, going_on: Array) -> object:
    """The best class at each time until the sequence ends, without blanks and repetitions; -1 behind the end."""
    times, streams, classes = x.shape
    blank, merge = call.integer("blank_index") % classes, call.flag("ctc_merge_repeated")
    found = np.full((streams, times, 1, 1), -1, np.float32)
    scores = np.zeros((streams, 1, 1, 1), np.float32)
    for stream in range(streams):
        before, place = -1, 0
        for time in range(times):
            if time and going_on[time, stream] == 0:
                break
            best = int(x[time, stream].argmax())
            scores[stream] -= x[time, stream, best]
            if best != blank and not (merge and best == before):
                found[stream, place] = best
                place += 1
            before = best
    return several([found, scores][: call.outputs])
