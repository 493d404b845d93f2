"""MobileNet-YOLO's detection outputs, in ONNX's own operators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.ir import Builder, DType, Value
from regraft.passes.caffe.common import reduce
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule

COORDS = 4
BEFORE_CLASSES = 5
"""Channels of a box: x, y, width, height, objectness, then one a class."""


@dataclass(frozen=True)
class _Boxes:
    """Boxes of one map in its order image, row, column, anchor."""

    corners: Value
    """(B, 4): xmin, ymin, xmax, ymax in parts of the picture."""
    objectness: Value
    """(B, 1)."""
    classes: Value
    """(B, C): not yet squashed."""


@rule("caffe.YoloDetectionOutput")
def yolo_detection_output(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """YOLO v2: the best class of each box, boxes of all classes and images suppressed together.

    bottoms: (N, num_box * (5 + num_classes), S, S). Top: (1, 1, rows, 7), a row being 0, class + 1, score, xmin, ymin,
    xmax, ymax, by falling score; N rows of -1 when nothing is found. Source: yolo_detection_output_layer.cpp.
    """
    if not bottoms:
        raise layer.refuse("has no bottom")
    if layer.integer("coords") != COORDS:
        raise layer.refuse(f"coords {layer.integer('coords')} is not 4", field="coords")
    anchors = _anchors(layer)
    maps = [_boxes(layer, build, x, anchors[: layer.integer("num_box")], 1) for x in bottoms]
    corners, objectness, classes = (
        build.Concat(*values, axis=0) if len(values) > 1 else values[0]
        for values in ([m.corners for m in maps], [m.objectness for m in maps], [m.classes for m in maps])
    )
    likely = build.Softmax(classes, axis=1)
    scores = build.Mul(build.Squeeze(objectness, [1]), reduce(build, "ReduceMax", likely, [1], keepdims=False))
    labels = build.ArgMax(likely, axis=1, keepdims=0)
    least = np.nextafter(np.float32(layer.number("confidence_threshold")), np.float32(-np.inf))
    return _rows(layer, build, bottoms[0], corners, scores, labels, float(least))


@rule("caffe.Yolov3DetectionOutput")
def yolov3_detection_output(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """YOLO v3: every class of each box that is above the threshold, all suppressed together.

    bottoms: (N, num_box * (5 + num_classes), S, S), one a group of the mask. Top as that of YoloDetectionOutput.
    Source: yolov3_detection_output_layer.cpp.
    """
    anchors, mask, scales = _anchors(layer), layer.integers("mask", ()), layer.integers("anchors_scale", ())
    count, groups = layer.integer("num_box"), layer.integer("mask_group_num")
    if len(bottoms) != groups or len(scales) < groups or len(mask) < groups * count or len(mask) // groups != count:
        raise layer.refuse(
            f"has {len(bottoms)} bottoms, {len(mask)} mask and {len(scales)} anchors_scale: {groups} groups of {count}",
            field="mask",
        )
    if max(mask) >= len(anchors):
        raise layer.refuse(f"mask {max(mask)} is none of its {len(anchors)} biases", field="mask")
    maps = [
        _boxes(layer, build, x, anchors[list(mask[i * count : (i + 1) * count])], scales[i])
        for i, x in enumerate(bottoms)
    ]
    number = layer.integer("num_classes")
    scores = build.Concat(*(build.Mul(build.Sigmoid(m.classes), m.objectness) for m in maps), axis=0)
    corners = build.Concat(*(m.corners for m in maps), axis=0)
    each = build.Reshape(build.Tile(build.Unsqueeze(corners, [1]), [1, number, 1]), [-1, COORDS])
    flat = build.Reshape(scores, [-1])
    place = build.Range(
        build.constant(0, DType.I64), build.Squeeze(build.Shape(flat), [0]), build.constant(1, DType.I64)
    )
    labels = build.Mod(place, [number])
    return _rows(layer, build, bottoms[-1], each, flat, labels, layer.number("confidence_threshold"))


def _anchors(layer: CaffeLayer) -> npt.NDArray[np.float32]:
    biases = layer.numbers("biases", ())
    if not biases or len(biases) % 2 or len(biases) // 2 < layer.integer("num_box"):
        raise layer.refuse(f"has {len(biases)} biases for {layer.integer('num_box')} boxes", field="biases")
    return np.asarray(biases, dtype=np.float32).reshape(-1, 2)


def _boxes(layer: CaffeLayer, build: Builder, x: Value, anchors: npt.NDArray[np.float32], scale: int) -> _Boxes:
    """The boxes of one map; anchors are in units of its cells divided by `scale`."""
    layer.image(x)
    images, channels, height, width = layer.static_shape(x, "to place its boxes")
    per_box = BEFORE_CLASSES + layer.integer("num_classes")
    if height != width or channels != len(anchors) * per_box:
        raise layer.refuse(f"needs a square map of {len(anchors) * per_box} channels, not {x.type}")
    apart = build.Reshape(x, [images, len(anchors), per_box, height, width])
    table = build.Transpose(apart, perm=(0, 3, 4, 1, 2))
    place, size, objectness, classes = build.many(
        "onnx.Split", table, [2, 2, 1, per_box - BEFORE_CLASSES], outputs=4, axis=4
    )
    cells = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)[None, :, :, None]
    centre = build.Div(build.Add(build.Sigmoid(place), cells), build.scalar(width, x))
    extent = build.Div(build.Mul(build.Exp(size), anchors[None, None, None]), build.scalar(width * scale, x))
    half = build.Div(extent, build.scalar(2, x))
    corners = build.Concat(build.Sub(centre, half), build.Add(centre, half), axis=4)
    return _Boxes(
        build.Reshape(corners, [-1, COORDS]),
        build.Reshape(build.Sigmoid(objectness), [-1, 1]),
        build.Reshape(classes, [-1, per_box - BEFORE_CLASSES]),
    )


def _rows(
    layer: CaffeLayer, build: Builder, x: Value, corners: Value, scores: Value, labels: Value, least: float
) -> Value:
    """Rows of the boxes that survive; boxes that overlap by nms_threshold or more count as one."""
    images = layer.static_shape(x, "")[0]
    limit = np.nextafter(np.float32(layer.number("nms_threshold")), np.float32(-np.inf))
    chosen = build.NonMaxSuppression(
        build.Unsqueeze(corners, [0]),
        build.Unsqueeze(scores, [0, 1]),
        build.Shape(scores),
        np.clip(np.asarray([limit], np.float32), np.float32(0), np.float32(1)),
        np.asarray([least], np.float32),
    )
    places = build.Squeeze(build.Slice(chosen, [2], [3], [1]), [1])
    label = build.Cast(build.Add(build.Gather(labels, places, axis=0), [1]), to=DType.F32)
    score = build.Gather(scores, places, axis=0)
    image = build.Mul(score, build.scalar(0, x))
    columns = [build.Unsqueeze(v, [1]) for v in (image, label, score)]
    found = build.Concat(*columns, build.Gather(corners, places, axis=0), axis=1)
    blank = np.full((images, 7), -1, np.float32)
    blank[:, 0] = np.arange(images)
    nothing = build.Expand(build.Equal(build.Slice(build.Shape(found), [0], [1], [0]), [0]), [images])
    rows = build.Concat(found, build.Compress(build.constant(blank), nothing, axis=0), axis=0)
    return build.Reshape(rows, [1, 1, -1, 7])
