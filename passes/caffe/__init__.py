"""Caffe layers to ONNX and to regraft's own operators: a file an op family."""

from regraft.passes.caffe import (
    activation,
    arithmetic,
    batch_norm,
    convolution,
    crop,
    detection,
    flow,
    inner_product,
    normalization,
    pooling,
    prior_box,
    proposal,
    rearrange,
    recurrent,
    reduction,
    resize,
    sampling,
    scale,
    shape,
    yolo,
)
from regraft.passes.caffe.coordinates import resolve_crops
from regraft.passes.caffe.fillers import fill, require_weights
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.proposal import recognise_python_layers

__all__ = [
    "CaffeLayer",
    "activation",
    "arithmetic",
    "batch_norm",
    "convolution",
    "crop",
    "detection",
    "fill",
    "flow",
    "inner_product",
    "normalization",
    "pooling",
    "prior_box",
    "proposal",
    "rearrange",
    "recognise_python_layers",
    "recurrent",
    "reduction",
    "require_weights",
    "resize",
    "resolve_crops",
    "sampling",
    "scale",
    "shape",
    "yolo",
]
