"""Detectors' layers: DetectionOutput, regions of interest, CTCGreedyDecoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from regraft.ir import UNKNOWN, Builder, DType, Value
from regraft.passes.caffe.common import indices, keep, known_shape, product, reduce, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.yolo import region_detection_output
from regraft.passes.rules import rule

CODE_TYPES = {"CORNER": 1, "CENTER_SIZE": 2, "CORNER_SIZE": 3}
ROI = 5
LOWEST = float(np.finfo(np.float32).min)
NOT_SSDS = {"objectness_score": None, "input_height": None, "normalized": True, "normalized_bbox": True, "clip": False}
"""Fields of OpenVINO's and OpenCV's layers, and the values with which those are SSD's."""
YOLO_FIELDS = ("side", "num_box", "coords", "nms_threshold", "biases")


@rule("caffe.DetectionOutput")
def detection_output(layer: CaffeLayer, build: Builder, *bottoms: Value) -> Value:
    """Boxes decoded against priors, suppressed class by class, the best kept.

    loc: (N, 4 * P * classes), conf: (N, num_classes * P), priors: (1, 2, 4 * P). Top: (1, 1, rows, 7), a row being
    image, label, score, xmin, ymin, xmax, ymax, by image, label and falling score; N rows of -1 when nothing is found.
    Of several rows of priors the first is for all images. With a single bottom it is gklz' YOLO v2 layer of that name.
    Source: SSD's detection_output_layer.cpp.
    """
    if layer.attrs.get("num_classes") is None:
        raise layer.refuse("has no num_classes", field="num_classes")
    if len(bottoms) == 1:
        return region_detection_output(layer, build, bottoms[0])
    if len(bottoms) != 3:
        raise layer.refuse(f"has {len(bottoms)} bottoms: locations, confidences and priors are needed")
    loc, conf, priors = bottoms
    for field in YOLO_FIELDS:
        if layer.has(field):
            raise layer.refuse(f"{field} is a field of YOLO v2's layer of the same name, of one bottom", field=field)
    for field, harmless in NOT_SSDS.items():
        layer.refuse_unless(field, harmless)
    nms = _nested(layer, "nms_param")
    if nms.get("soft_nms"):
        raise layer.refuse("soft_nms is not supported", field="nms_param")
    top_k, threshold = nms.get("top_k"), layer.given("confidence_threshold")
    _check_boxes(layer, loc, conf, priors)
    return build.regraft.DetectionOutput(
        loc,
        conf,
        priors if known_shape(priors)[0] == 1 else build.Slice(priors, [0], [1], [0]),
        num_classes=layer.integer("num_classes"),
        share_location=int(layer.flag("share_location")),
        background_label_id=layer.integer("background_label_id"),
        nms_threshold=float(nms["nms_threshold"]),
        top_k=-1 if top_k is None else int(top_k),
        eta=float(nms["eta"]),
        code_type=CODE_TYPES[layer.text("code_type")],
        variance_encoded_in_target=int(layer.flag("variance_encoded_in_target")),
        keep_top_k=layer.integer("keep_top_k"),
        confidence_threshold=LOWEST if threshold is None else float(threshold),
    )


def _check_boxes(layer: CaffeLayer, loc: Value, conf: Value, priors: Value) -> None:
    """Refuse bottoms whose sizes, as far as they are known, do not fit together."""
    shape = layer.shape(priors, 3)
    if len(shape) > 3 or shape[1] not in (2, UNKNOWN):
        raise layer.refuse(f"needs priors of (1, 2, 4 * boxes), not {priors.type}")
    classes = layer.integer("num_classes")
    for value, per_box in ((loc, 4 if layer.flag("share_location") else 4 * classes), (conf, classes)):
        size, boxes = product(layer.shape(value, 2)[1:]), shape[2]
        if isinstance(size, int) and isinstance(boxes, int) and size != boxes // 4 * per_box:
            raise layer.refuse(
                f"its {boxes // 4} priors need {boxes // 4 * per_box} numbers an image, and {value.type} has {size}",
                field="num_classes",
            )


def _nested(layer: CaffeLayer, name: str) -> Mapping[str, Any]:
    """A block inside the layer's block, its defaults filled in."""
    value = layer.get(name)
    return value if isinstance(value, Mapping) else dataclasses.asdict(value)


@rule("caffe.ROIPooling")
def roi_pooling(layer: CaffeLayer, build: Builder, x: Value, rois: Value) -> Value:
    """The largest number of each bin of each region.

    x: (N, C, H, W), rois: (R, 5): image, x1, y1, x2, y2 in pixels of the picture. Top: (R, C, pooled_h, pooled_w).
    Source: Fast R-CNN's roi_pooling_layer.cpp.
    """
    side = layer.given("pooled_size")
    height, width = (side, side) if side else (layer.integer("pooled_h"), layer.integer("pooled_w"))
    if height < 1 or width < 1:
        raise layer.refuse("has no pooled_h or no pooled_w", field="pooled_h")
    _check_regions(layer, x, rois)
    return build.regraft.ROIPooling(
        x, rois, pooled_h=height, pooled_w=width, spatial_scale=layer.number("spatial_scale")
    )


@rule("caffe.PSROIPooling")
def psroi_pooling(layer: CaffeLayer, build: Builder, x: Value, rois: Value) -> Value:
    """The mean of each bin of each region, each bin from channels of its own.

    x: (N, output_dim * group_size ** 2, H, W), rois: (R, 5). Top: (R, output_dim, group_size, group_size).
    Source: R-FCN's psroi_pooling_layer.cu.
    """
    for field in ("spatial_scale", "output_dim", "group_size"):
        if layer.given(field) is None:
            raise layer.refuse(f"has no {field}: it is required", field=field)
    dim, group = layer.integer("output_dim"), layer.integer("group_size")
    _check_regions(layer, x, rois)
    channels = known_shape(x)[1]
    if isinstance(channels, int) and channels != dim * group * group:
        raise layer.refuse(f"needs {dim * group * group} channels, and its bottom has {channels}", field="output_dim")
    scale = layer.number("spatial_scale")
    return build.regraft.PSROIPooling(x, rois, spatial_scale=scale, output_dim=dim, group_size=group)


def _check_regions(layer: CaffeLayer, x: Value, rois: Value) -> None:
    layer.image(x)
    if product(layer.shape(rois, 2)[1:]) not in (ROI, UNKNOWN):
        raise layer.refuse(f"needs regions of {ROI} numbers, not {rois.type}")


@rule("caffe.ROIAlign")
def roi_align(layer: CaffeLayer, build: Builder, x: Value, rois: Value) -> Value:
    """The mean of bilinear samples in each bin of each region, as in Detectron.

    x: (N, C, H, W), rois: (R, 5). Top: (R, C, pooled_h, pooled_w). The forks' layers of this name differ: one that
    gives its sampling ratio is Detectron's. Source: Detectron's roi_align_op, which ONNX's RoiAlign has become.
    """
    given = [layer.given(name) for name in ("sampling_ratio", "sample_ratio") if layer.given(name) is not None]
    if not given or layer.flag("position_sensitive", False):
        raise layer.refuse(
            "the layers of this name in different forks compute different things",
            cure="sampling_ratio, if it is Detectron's; 0 takes as many samples as the bin is wide",
        )
    layer.refuse_unless("num_roi_per_image", None)
    _check_regions(layer, x, rois)
    table = reshape(build, rois, [keep(0), 5])
    return build.RoiAlign(
        x,
        build.Slice(table, [1], [5], [1]),
        build.Squeeze(indices(build, build.Slice(table, [0], [1], [1])), [1]),
        mode="avg",
        output_height=layer.integer("pooled_h"),
        output_width=layer.integer("pooled_w"),
        sampling_ratio=max(0, int(given[0])),
        spatial_scale=layer.number("spatial_scale"),
        coordinate_transformation_mode="output_half_pixel",
    )


@rule("caffe.CTCGreedyDecoder")
def ctc_greedy_decoder(layer: CaffeLayer, build: Builder, x: Value, going_on: Value) -> list[Value]:
    """The best class of each time, without blanks and (with ctc_merge_repeated) repetitions; -1 behind the end.

    x: (T, N, C), going_on: (T, N), 0 where a sequence has ended; its first row does not count. Tops: (N, T, 1, 1), and
    minus the sum of the best scores (N, 1, 1, 1) if asked for. A negative blank_index is the last class.
    Source: training_toolbox_caffe's ctc_decoder_layer.cpp.
    """
    times, _, classes = _sequences(layer, x, going_on)
    blank = layer.integer("blank_index")
    first = build.constant(np.ones((1, 1), np.float32))
    later = build.Slice(reshape(build, going_on, [keep(0), keep(1)]), [1], [2**31], [0])
    still = build.Not(build.Equal(later, build.scalar(0, x)))
    ones = build.Expand(first, build.Concat([1], sizes(build, x, 1, 2), axis=0))
    alive = build.Concat(ones, build.Cast(still, to=DType.F32), axis=0)
    alive = _running_product(build, alive, times)
    best = build.ArgMax(x, axis=2, keepdims=0)
    emitted = build.And(alive, build.Not(build.Equal(best, [blank if blank >= 0 else classes - 1])))
    if layer.flag("ctc_merge_repeated"):
        before = build.Concat(
            build.Sub(build.Slice(best, [0], [1], [0]), [classes]), build.Slice(best, [0], [-1], [0]), axis=0
        )
        emitted = build.And(emitted, build.Not(build.Equal(best, before)))
    tops = [_packed(build, x, best, emitted)]
    if layer.outputs > 1:
        score = build.Where(alive, reduce(build, "ReduceMax", x, [2], keepdims=False), build.scalar(0, x))
        tops.append(build.Unsqueeze(build.Neg(reduce(build, "ReduceSum", score, [0], keepdims=False)), [1, 2, 3]))
    return tops


def _sequences(layer: CaffeLayer, x: Value, going_on: Value) -> tuple[int, ...]:
    sizes = layer.static_shape(x, "to find its last class and time")
    if len(sizes) != 3 or product(layer.shape(going_on, 2)[2:]) not in (1, UNKNOWN):
        raise layer.refuse(f"needs scores of (T, N, C) and indicators of (T, N), not {x.type} and {going_on.type}")
    return sizes


def _running_product(build: Builder, alive: Value, times: int) -> Value:
    """True as long as every number so far is 1: (T, N) to bool."""
    total = build.CumSum(alive, build.constant(0, DType.I64))
    wanted = build.Reshape(build.Range(*(build.constant(v, DType.F32) for v in (1, times + 1, 1))), [times, 1])
    return build.Equal(total, wanted)


def _packed(build: Builder, x: Value, best: Value, emitted: Value) -> Value:
    """Emitted classes of x (T, N, C) moved to the front of each row, -1 behind them: (T, N) to (N, T, 1, 1)."""
    times = known_shape(x)[0]
    assert isinstance(times, int)
    kept = build.Cast(emitted, to=DType.I64)
    place = build.Sub(build.CumSum(kept, build.constant(0, DType.I64)), [1])
    place = build.Where(emitted, place, build.constant([times], DType.I64))
    empty = build.Expand(build.constant(-1, DType.F32), build.Concat([times + 1], sizes(build, x, 1, 2), axis=0))
    filled = build.ScatterElements(empty, place, build.Cast(best, to=DType.F32), axis=0)
    result = build.Transpose(build.Slice(filled, [0], [times], [0]), perm=(1, 0))
    return build.Unsqueeze(result, [2, 3])
