"""What detectors end with: boxes of a fixed number of classes, proposals, regions pooled to a fixed size."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.custom_ops.ops.detection_body import detection_output
from regraft.custom_ops.ops.proposal_body import PVANET, PY_FASTER_RCNN, proposal
from regraft.custom_ops.ops.region_body import psroi_pooling, roi_pooling
from regraft.custom_ops.schema import OPS, CustomOp
from regraft.ir import UNKNOWN, Array, Dim, InferenceError, Op, TensorType

Types = Sequence[TensorType | None]
Arrays = Sequence[Array | None]
ROW = 7
ROI = 5


def _infer_detections(op: Op, types: Types, arrays: Arrays) -> list[TensorType | None]:
    return [TensorType(types[0].dtype, (1, 1, UNKNOWN, ROW)) if types[0] else None]


def _infer_proposals(op: Op, types: Types, arrays: Arrays) -> list[TensorType | None]:
    if types[0] is None:
        return [None] * len(op.outputs)
    rois: TensorType | None = TensorType(types[0].dtype, (UNKNOWN, ROI))
    column = op.integer("style", PVANET) == PY_FASTER_RCNN
    scores = TensorType(types[0].dtype, (UNKNOWN, 1) if column else (UNKNOWN,))
    return [rois, scores][: len(op.outputs)]


def _regions(types: Types, *inner: Dim) -> list[TensorType | None]:
    """(number of regions, *inner), of the element type of the feature map."""
    x, rois = types[:2]
    if x is None:
        return [None]
    if x.shape is not None and len(x.shape) != 4:
        raise InferenceError(f"regions are taken from a map of rank 4, not {x}")
    count = rois.shape[0] if rois is not None and rois.shape else UNKNOWN
    return [TensorType(x.dtype, (count, *inner))]


def _infer_roi_pooling(op: Op, types: Types, arrays: Arrays) -> list[TensorType | None]:
    x = types[0]
    channels = x.shape[1] if x is not None and x.shape is not None and len(x.shape) == 4 else UNKNOWN
    return _regions(types, channels, op.get("pooled_h"), op.get("pooled_w"))


def _infer_psroi_pooling(op: Op, types: Types, arrays: Arrays) -> list[TensorType | None]:
    return _regions(types, op.get("output_dim"), op.get("group_size"), op.get("group_size"))


DETECTION_OUTPUT = OPS.add(
    CustomOp(
        "DetectionOutput",
        ("loc", "conf", "priors"),
        _infer_detections,
        attrs={
            "num_classes": "int",
            "share_location": "int",
            "background_label_id": "int",
            "nms_threshold": "float",
            "top_k": "int",
            "eta": "float",
            "code_type": "int",
            "variance_encoded_in_target": "int",
            "keep_top_k": "int",
            "confidence_threshold": "float",
        },
        body=detection_output,
        source="SSD's detection_output_layer.cpp and bbox_util.cpp",
    )
)
PROPOSAL = OPS.add(
    CustomOp(
        "Proposal",
        ("scores", "deltas", "im_info"),
        _infer_proposals,
        attrs={
            "style": "int",
            "anchors": "floats",
            "feat_stride": "int",
            "min_size": "float",
            "pre_nms_topn": "int",
            "post_nms_topn": "int",
            "nms_thresh": "float",
        },
        outputs=2,
        body=proposal,
        source="PVANet's proposal_layer.cpp, and py-faster-rcnn's rpn/proposal_layer.py",
    )
)
ROI_POOLING = OPS.add(
    CustomOp(
        "ROIPooling",
        ("x", "rois"),
        _infer_roi_pooling,
        attrs={"pooled_h": "int", "pooled_w": "int", "spatial_scale": "float"},
        body=roi_pooling,
        source="Fast R-CNN's roi_pooling_layer.cpp",
    )
)
PSROI_POOLING = OPS.add(
    CustomOp(
        "PSROIPooling",
        ("x", "rois"),
        _infer_psroi_pooling,
        attrs={"spatial_scale": "float", "output_dim": "int", "group_size": "int"},
        body=psroi_pooling,
        source="R-FCN's psroi_pooling_layer.cu",
    )
)
