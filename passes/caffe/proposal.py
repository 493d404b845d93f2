"""Proposal: PVANet's layer, and py-faster-rcnn's Python layer of the same purpose."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.ir import Builder, Graph, Value
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import RuleContext, rule

PVANET, PY_FASTER_RCNN = 0, 1
"""The two styles of the operator."""
IM_INFO = {PVANET: 4, PY_FASTER_RCNN: 3}
"""How many numbers of im_info each reads."""
DEFAULT_RATIOS, DEFAULT_SCALES = (0.5, 1.0, 2.0), (8.0, 16.0, 32.0)


def anchors(base: int, ratios: Sequence[float], scales: Sequence[float], style: int) -> list[float]:
    """Corners x1, y1, x2, y2 of an anchor for each ratio and scale, around the first cell.

    PVANet computes in float32 and rounds half up, py-faster-rcnn in double and half to even.
    """
    real: type[Any] = np.float32 if style == PVANET else np.float64
    half, one = real(0.5), real(1)
    found = []
    for ratio in map(real, ratios):
        width = _rounded(np.sqrt(real(base * base) / ratio), style)
        height = _rounded(width * ratio, style)
        for scale in map(real, scales):
            sides = (half * (width * scale - one), half * (height * scale - one))
            centre = half * (real(base) - one)
            found += [*(float(centre - s) for s in sides), *(float(centre + s) for s in sides)]
    return found


def _rounded(value: Any, style: int) -> Any:
    return np.floor(value + value.dtype.type(0.5)) if style == PVANET else np.round(value)


@rule("caffe.Proposal")
def proposal(layer: CaffeLayer, build: Builder, scores: Value, deltas: Value, im_info: Value) -> list[Value]:
    """Regions of interest from the scores and deltas of a region proposal network.

    scores: (1, 2 * A, H, W), deltas: (1, 4 * A, H, W), im_info: height, width and scale of the picture (PVANet: scales
    of height and width). Tops: rois (R, 5), and their scores if asked for. Of equal scores PVANet's quicksort decides;
    in py-faster-rcnn, which leaves it open, the first counts more.
    Source: PVANet's proposal_layer.cpp; py-faster-rcnn's rpn/proposal_layer.py.
    """
    if layer.outputs > 2:
        raise layer.refuse(f"has {layer.outputs} tops: rois, and scores if any")
    layer.image(deltas)
    batch = layer.image(scores)[0]
    if isinstance(batch, int) and batch != 1:
        raise layer.refuse(f"takes one picture at a time, not {batch}: Caffe refuses them too")
    style = layer.integer("style", PVANET)
    ratios, scales = layer.numbers("ratio", ()), layer.numbers("scale", ())
    if not ratios or not scales:
        raise layer.refuse("has no ratio or no scale: PVANet's layer makes no anchors then", field="ratio")
    if min(*ratios, *scales) <= 0:
        raise layer.refuse("its ratios and scales must be positive", field="ratio")
    limits = {name: layer.integer(name) for name in ("pre_nms_topn", "post_nms_topn")}
    for name, limit in limits.items():
        if limit < 1:
            raise layer.refuse(f"{name} {limit} is not positive", field=name)
    corners = anchors(layer.integer("base_size"), ratios, scales, style)
    _check_bottoms(layer, len(corners) // 4, scores, deltas, im_info, IM_INFO[style])
    tops = build.many(
        "regraft.Proposal",
        scores,
        deltas,
        im_info,
        outputs=2,
        style=style,
        anchors=corners,
        feat_stride=layer.integer("feat_stride"),
        min_size=layer.number("min_size"),
        pre_nms_topn=limits["pre_nms_topn"],
        post_nms_topn=limits["post_nms_topn"],
        nms_thresh=layer.number("nms_thresh"),
    )
    return tops[: layer.outputs]


def _check_bottoms(layer: CaffeLayer, count: int, scores: Value, deltas: Value, im_info: Value, needed: int) -> None:
    for value, per_anchor, what in ((scores, 2, "scores"), (deltas, 4, "deltas")):
        channels = layer.shape(value)[1]
        if isinstance(channels, int) and channels != per_anchor * count:
            raise layer.refuse(
                f"its ratios and scales make {count} anchors, which need {per_anchor * count} channels of {what}, and "
                f"there are {channels}",
                field="ratio",
            )
    sizes = [s for s in layer.shape(im_info) if isinstance(s, int)]
    if len(sizes) == len(layer.shape(im_info)) and math.prod(sizes) < needed:
        raise layer.refuse(f"reads {needed} numbers of im_info, and {im_info.type} holds fewer")


def recognise_python_layers(graph: Graph, context: RuleContext) -> int:
    """Take py-faster-rcnn's Python layer `proposal_layer.ProposalLayer` for the Proposal that it is."""
    changes = 0
    for op in graph:
        if op.kind != "caffe.Python" or op.attrs.get("layer") != "ProposalLayer":
            continue
        if str(op.attrs.get("module", "")).split(".")[-1] != "proposal_layer":
            continue
        params = parse_param_str(str(op.attrs.get("param_str", "")))
        op.kind = "caffe.Proposal"
        op.attrs["style"] = PY_FASTER_RCNN
        op.attrs["feat_stride"] = int(params.get("feat_stride", 16))
        op.attrs["scale"] = tuple(float(s) for s in params.get("scales", DEFAULT_SCALES))
        op.attrs["ratio"] = tuple(float(r) for r in params.get("ratios", DEFAULT_RATIOS))
        CaffeLayer(op, context).note(
            "is py-faster-rcnn's Python layer, taken for a Proposal with its TEST settings: 6000 boxes before and 300 "
            "after suppression at 0.7, the smallest of 16 pixels"
        )
        changes += 1
    return changes


def parse_param_str(text: str) -> dict[str, Any]:
    """The `key: value` pairs of a Python layer's param_str: numbers, and lists of numbers in brackets."""
    found: dict[str, Any] = {}
    for key, listed, single in re.findall(r"(\w+)['\"]?\s*:\s*(?:[\[(]([^\])]*)[\])]|([-+.\w]+))", text):
        found[key] = [float(v) for v in listed.replace(",", " ").split()] if not single else _number(single)
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
