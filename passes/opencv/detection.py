"""OpenCV's own DetectionOutput, which its ONNX importers take, in the place of ours."""

from __future__ import annotations

import numpy as np

from regraft.errors import Diagnostic, UnsupportedError
from regraft.ir import UNKNOWN, Builder, DType, Graph, Op, OpDef, TensorType, Value
from regraft.passes.rules import Note, RuleContext

CORNER, CENTER_SIZE = 1, 2


def _infer(op: Op, types: object, arrays: object) -> list[TensorType | None]:
    return [TensorType(DType.F32, (1, 1, UNKNOWN, 7))]


OPS: dict[str, OpDef] = {"DetectionOutput": OpDef("opencv.DetectionOutput", 3, 3, 1, 1, infer=_infer)}
"""Operators of OpenCV's that it reads where ONNX has none; in the file they have no domain."""


def use_opencv_detection(graph: Graph, context: RuleContext) -> int:
    """Replace DetectionOutput: OpenCV's detects among boxes that are decoded before.

    OpenCV 4 reads the code type as a word, OpenCV 5 as a number, and takes corners where it does not find one: corners
    are what both are given. Its output has keep_top_k rows; those that no box takes are zero, as with its importer of
    Caffe's files.

    Raises:
        UnsupportedError: the threshold adapts (eta), which OpenCV does not know.
    """
    found = [op for op in graph.topological() if op.kind == "regraft.DetectionOutput"]
    for op in found:
        if op.attrs["eta"] != 1:
            message = f"{op.source.layer}: OpenCV knows no eta other than 1"
            raise UnsupportedError(Diagnostic("not-for-opencv", message, op.source.place))
        graph.replace(op, [_replacement(op)])
        context.notes.append(Note("note", "is OpenCV's own operator: the file runs in OpenCV only", op.source))
    return len(found)


def _replacement(op: Op) -> Value:
    build = Builder.like(op, "opencv-detection")
    loc, conf, priors = op.inputs
    if loc is None or conf is None or priors is None or loc.static_shape is None or priors.static_shape is None:
        message = f"{op.source.layer}: its boxes must have sizes that are numbers"
        raise UnsupportedError(Diagnostic("not-for-opencv", message, op.source.place))
    boxes = build.Reshape(_decoded(build, op, loc, priors), loc.static_shape)
    names = ("num_classes", "share_location", "background_label_id", "nms_threshold", "top_k", "keep_top_k")
    attrs = {name: op.attrs[name] for name in (*names, "confidence_threshold")}
    nowhere = build.constant(np.zeros((1, 1, priors.static_shape[2]), np.float32))
    (result,) = build.many(
        "opencv.DetectionOutput", boxes, conf, nowhere, code_type="CORNER", variance_encoded_in_target=1, **attrs
    )
    return result


def _decoded(build: Builder, op: Op, loc: Value, priors: Value) -> Value:
    """Corners (N, P, L, 4) from deltas (N, P * L * 4) and priors (1, 2, P * 4), as SSD's bbox_util.cpp."""
    images, count = (loc.static_shape or (1,))[0], (priors.static_shape or (0, 0, 0))[2] // 4
    deltas = build.Reshape(loc, [images, count, -1, 4])
    prior, variance = (build.Reshape(build.Slice(priors, [i], [i + 1], [1]), [1, count, 1, 4]) for i in (0, 1))
    scaled = deltas if op.attrs["variance_encoded_in_target"] else build.Mul(variance, deltas)
    if op.attrs["code_type"] == CORNER:
        return build.Add(prior, scaled)
    low, high = (build.Slice(prior, [a], [a + 2], [3]) for a in (0, 2))
    size = build.Sub(high, low)
    if op.attrs["code_type"] != CENTER_SIZE:
        return build.Add(prior, build.Mul(scaled, build.Concat(size, size, axis=3)))
    two = build.scalar(2.0, loc)
    shift, stretch = (build.Slice(scaled, [a], [a + 2], [3]) for a in (0, 2))
    centre = build.Add(build.Mul(shift, size), build.Div(build.Add(low, high), two))
    half = build.Div(build.Mul(build.Exp(stretch), size), two)
    return build.Concat(build.Sub(centre, half), build.Add(centre, half), axis=3)
