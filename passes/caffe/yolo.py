"""YOLO's detection outputs in the forks of gklz and MobileNet-YOLO, and OpenVINO's RegionYolo; ONNX's own operators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.ir import Builder, DType, Value
from regraft.passes.caffe.common import Merged, keep, keep_all, reduce, reshape
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule

COORDS, PLACE = 4, 2
BEFORE_CLASSES = 5
"""Channels of a box: x, y, width, height, objectness, then one a class."""


@dataclass(frozen=True)
class _Boxes:
    """Boxes of one map in its order image, row, column, anchor."""

    corners: Value
    """(B, 4): xmin, ymin, xmax, ymax in parts of the picture."""
    centred: Value
    """(B, 4): the middle's x and y, width, height."""
    objectness: Value
    """(B, 1)."""
    classes: Value
    """(B, C): not yet squashed."""

    def best(self, build: Builder) -> tuple[Value, Value]:
        """The score (B) of the likeliest class, and which it is (B)."""
        likely = build.Softmax(self.classes, axis=1)
        score = build.Mul(build.Squeeze(self.objectness, [1]), reduce(build, "ReduceMax", likely, [1], keepdims=False))
        return score, build.ArgMax(likely, axis=1, keepdims=0)


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
    count, classes = layer.integer("num_box"), layer.integer("num_classes")
    anchors = _anchors(layer, count)[:count]
    maps = [_boxes(layer, build, x, anchors, 1, classes) for x in bottoms]
    best = [m.best(build) for m in maps]
    corners, scores, labels = (
        build.Concat(*values, axis=0) if len(values) > 1 else values[0]
        for values in ([m.corners for m in maps], [b[0] for b in best], [b[1] for b in best])
    )
    least = _below(layer.number("confidence_threshold"))
    chosen = _suppressed(layer, build, corners, scores, layer.number("nms_threshold"), least)
    label = build.Cast(build.Add(build.Gather(labels, chosen, axis=0), [1]), to=DType.F32)
    return _rows(layer, build, bottoms[0], label, build.Gather(scores, chosen, axis=0), _at(build, corners, chosen))


def region_detection_output(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """gklz' DetectionOutput: boxes above the threshold, less those that an earlier one overlaps, in order of place.

    x: (1, num_box * (5 + num_classes), S, S). Top: (1, 1, rows, 7), a row being 0, class, score, x and y of the middle,
    width, height, by row, column, anchor; one row of -1 when nothing is found. Overlaps are those of boxes cut at the
    picture's border. Source: caffe-yolov2's detection_output_layer.cpp, region_loss_layer.cpp.
    """
    if layer.image(x)[0] != 1:
        raise layer.refuse(f"takes one picture at a time, not {x.type}: Caffe refuses them too")
    if int(_given(layer, "coords", COORDS)) != COORDS:
        raise layer.refuse(f"coords {layer.given('coords')} is not 4", field="coords")
    count = int(_given(layer, "num_box", 5))
    boxes = _boxes(layer, build, x, _anchors(layer, count)[:count], 1, layer.integer("num_classes"))
    scores, labels = boxes.best(build)
    low, high = build.many("onnx.Split", boxes.corners, [2, 2], outputs=2, axis=1)
    cut = build.Concat(build.Max(low, build.scalar(0, x)), build.Min(high, build.scalar(1, x)), axis=1)
    enough = build.GreaterOrEqual(scores, build.scalar(_given(layer, "confidence_threshold", 0.01), x))
    number = boxes.corners.static_shape
    assert number is not None
    earlier = np.arange(number[0], 0, -1, dtype=np.float32)  # the first one suppresses, whatever the scores are
    rank = build.Where(enough, build.constant(earlier), build.scalar(0, x))
    chosen = _suppressed(layer, build, cut, rank, _given(layer, "nms_threshold", 0.45), 0.5)
    label = build.Cast(build.Gather(labels, chosen, axis=0), to=DType.F32)
    found = _at(build, boxes.centred, chosen)
    return _rows(layer, build, x, label, build.Gather(scores, chosen, axis=0), found)


def _given(layer: CaffeLayer, field: str, default: float) -> float:
    """A field whose default is another one than that of SSD's layer of the same name."""
    value = layer.given(field)
    return float(default if value is None else value)


@rule("caffe.Yolov3DetectionOutput")
def yolov3_detection_output(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """YOLO v3: every class of each box that is above the threshold, all suppressed together.

    bottoms: (N, num_box * (5 + num_classes), S, S), one a group of the mask. Top as that of YoloDetectionOutput.
    Source: yolov3_detection_output_layer.cpp.
    """
    anchors, number = _anchors(layer, layer.integer("num_box")), layer.integer("num_classes")
    mask, scales = layer.integers("mask", ()), layer.integers("anchors_scale", ())
    count, groups = layer.integer("num_box"), layer.integer("mask_group_num")
    if len(bottoms) != groups or len(scales) < groups or len(mask) < groups * count or len(mask) // groups != count:
        raise layer.refuse(
            f"has {len(bottoms)} bottoms, {len(mask)} mask and {len(scales)} anchors_scale: {groups} groups of {count}",
            field="mask",
        )
    if max(mask) >= len(anchors):
        raise layer.refuse(f"mask {max(mask)} is none of its {len(anchors)} biases", field="mask")
    maps = [
        _boxes(layer, build, x, anchors[list(mask[i * count : (i + 1) * count])], scales[i], number)
        for i, x in enumerate(bottoms)
    ]
    scores = build.Concat(*(build.Mul(build.Sigmoid(m.classes), m.objectness) for m in maps), axis=0)
    corners = build.Concat(*(m.corners for m in maps), axis=0)
    each = build.Reshape(build.Tile(build.Unsqueeze(corners, [1]), [1, number, 1]), [-1, COORDS])
    flat = build.Reshape(scores, [-1])
    place = build.Range(
        build.constant(0, DType.I64), build.Squeeze(build.Shape(flat), [0]), build.constant(1, DType.I64)
    )
    labels = build.Mod(place, [number])
    least = layer.number("confidence_threshold")
    chosen = _suppressed(layer, build, each, flat, layer.number("nms_threshold"), least)
    label = build.Cast(build.Add(build.Gather(labels, chosen, axis=0), [1]), to=DType.F32)
    return _rows(layer, build, bottoms[-1], label, build.Gather(flat, chosen, axis=0), _at(build, each, chosen))


@rule("caffe.RegionYolo")
def region_yolo(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """YOLO's numbers made into parts: x, y and objectness by the sigmoid, classes by softmax (v2) or sigmoid (v3).

    x: (N, boxes * (coords + 1 + classes), H, W), boxes being `num`, or without do_softmax the length of `mask`. Top:
    (N, all others in one axis) with do_softmax, else of the bottom's shape. Anchors do not count here.
    Source: OpenVINO's definition of RegionYolo.
    """
    channels, softmax = layer.image(x)[1], layer.flag("do_softmax")
    boxes = layer.integer("num") if softmax else len(layer.integers("mask", ()))
    coords, classes = layer.integer("coords"), layer.integer("classes")
    width = coords + 1 + classes
    if channels != boxes * width or coords < PLACE or classes < 1:
        raise layer.refuse(f"needs {boxes} times {width} channels, and its bottom has {channels}", field="num")
    flatten = dict(layer.attrs.get("blocks", {}).get("flatten_param", {}))
    if softmax and (flatten.get("axis", 1) != 1 or flatten.get("end_axis", -1) not in (-1, 3)):
        raise layer.refuse("flatten_param with other axes than 1 to the last is not supported", field="flatten_param")
    apart = reshape(build, x, [keep(0), boxes, width, *keep_all(2, 4)])
    parts = [PLACE, coords - PLACE, 1, classes]
    place, size, objectness, likely = build.many("onnx.Split", apart, parts, outputs=4, axis=2)
    squashed = build.Softmax(likely, axis=2) if softmax else build.Sigmoid(likely)
    whole = build.Concat(build.Sigmoid(place), size, build.Sigmoid(objectness), squashed, axis=2)
    whole.type = apart.type
    result = reshape(build, whole, [keep(0), boxes * width, *keep_all(3, 5)])
    return reshape(build, result, [keep(0), Merged(1, 4)]) if softmax else result


def _anchors(layer: CaffeLayer, count: int) -> npt.NDArray[np.float32]:
    biases = layer.numbers("biases", ())
    if not biases or len(biases) % 2 or len(biases) // 2 < count:
        raise layer.refuse(f"has {len(biases)} biases for {count} boxes", field="biases")
    return np.asarray(biases, dtype=np.float32).reshape(-1, 2)


def _boxes(
    layer: CaffeLayer, build: Builder, x: Value, anchors: npt.NDArray[np.float32], scale: int, number: int
) -> _Boxes:
    """The boxes of one map; anchors are in units of its cells divided by `scale`."""
    layer.image(x)
    images, channels, height, width = layer.static_shape(x, "to place its boxes")
    per_box = BEFORE_CLASSES + number
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
        build.Reshape(build.Concat(centre, extent, axis=4), [-1, COORDS]),
        build.Reshape(build.Sigmoid(objectness), [-1, 1]),
        build.Reshape(classes, [-1, per_box - BEFORE_CLASSES]),
    )


def _below(number: float) -> float:
    """The next smaller float32: `x > _below(n)` is `x >= n`."""
    return float(np.nextafter(np.float32(number), np.float32(-np.inf)))


def _suppressed(layer: CaffeLayer, build: Builder, corners: Value, scores: Value, limit: float, least: float) -> Value:
    """Places of the boxes above `least` that overlap no better one by `limit` or more."""
    if limit <= 0:
        raise layer.refuse(f"nms_threshold {limit:g} is not positive", field="nms_threshold")
    chosen = build.NonMaxSuppression(
        build.Unsqueeze(corners, [0]),
        build.Unsqueeze(scores, [0, 1]),
        build.Shape(scores),
        np.asarray([min(_below(limit), 1)], np.float32),
        np.asarray([least], np.float32),
    )
    return build.Squeeze(build.Slice(chosen, [2], [3], [1]), [1])


def _at(build: Builder, table: Value, places: Value) -> Value:
    return build.Gather(table, places, axis=0)


def _rows(layer: CaffeLayer, build: Builder, x: Value, label: Value, score: Value, boxes: Value) -> Value:
    """The top: a row for each label (R), score (R) and box (R, 4), or a row of -1 for each picture of x."""
    images = layer.static_shape(x, "")[0]
    image = build.Mul(score, build.scalar(0, x))
    found = build.Concat(*(build.Unsqueeze(v, [1]) for v in (image, label, score)), boxes, axis=1)
    blank = np.full((images, 7), -1, np.float32)
    blank[:, 0] = np.arange(images)
    nothing = build.Expand(build.Equal(build.Slice(build.Shape(found), [0], [1], [0]), [0]), [images])
    rows = build.Concat(found, build.Compress(build.constant(blank), nothing, axis=0), axis=0)
    return build.Reshape(rows, [1, 1, -1, 7])
