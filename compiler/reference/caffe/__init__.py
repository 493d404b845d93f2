"""Caffe's layers, a family a file: BVLC's, and those of the forks."""

from regraft.reference.caffe import (
    activation,
    boxes,
    convolution,
    crop,
    dense,
    eltwise,
    flow,
    normalisation,
    pooling,
    recurrent,
    reduction,
    regions,
    resize,
    shape,
    yolo,
)

__all__ = [
    "activation", "boxes", "convolution", "crop", "dense", "eltwise", "flow", "normalisation", "pooling", "recurrent",
    "reduction", "regions", "resize", "shape", "yolo",
]  # fmt: skip
