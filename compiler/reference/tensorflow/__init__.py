"""TensorFlow's ops, a family a file."""

from regraft.reference.tensorflow import (
    arithmetic,
    comparison,
    control,
    convolution,
    detection,
    indexing,
    linalg,
    lists,
    normalisation,
    pooling,
    quantization,
    recurrent,
    reduction,
    resize,
    shape,
    sorting,
    spatial,
)

__all__ = [
    "arithmetic", "comparison", "control", "convolution", "detection", "indexing", "linalg", "lists", "normalisation",
    "pooling", "quantization", "recurrent", "reduction", "resize", "shape", "sorting", "spatial",
]  # fmt: skip
