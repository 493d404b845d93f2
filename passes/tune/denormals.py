"""Weights too small for a float's normal range are set to zero: processors take a hundred times as long over them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.ir import Array, Builder, Graph, Op
from regraft.passes.rules import Note, RuleContext

WEIGHTED = frozenset({"onnx.Conv", "onnx.ConvTranspose", "onnx.Gemm", "onnx.MatMul"})
SMALLEST_NORMAL = 0x00800000
"""The bits of the smallest normal float32, 2**-126."""
AT_A_TIME = 1 << 16
"""Elements looked at together: they fit into the cache, and no copy of big weights is made."""


def flush_denormals(graph: Graph, context: RuleContext) -> int:
    """Set float32 weights w with 0 < |w| < 2**-126 to zero where they are multiplied and summed, and say so.

    It moves a sum by less than 2**-126 * sum|x|: far below the last digit of a float32, unless the inputs themselves
    are near 1e30. TensorFlow's own kernels do the same to all numbers.
    """
    changes = 0
    for op in graph.topological():
        if op.kind not in WEIGHTED:
            continue
        for index, value in enumerate(op.inputs[:2]):
            array = None if value is None else value.array
            count = 0 if array is None else count_denormals(array)
            if array is None or not count:
                continue
            flushed = np.where(np.abs(array) < np.finfo(np.float32).tiny, np.float32(0), array)
            build = Builder.like(op, "flush-denormals")
            graph.set_input(op, index, build.constant(flushed))
            context.notes.append(Note("note", _said(op, count), op.source))
            changes += 1
    if changes:
        graph.erase_unused()
    return changes


def count_denormals(array: Array) -> int:
    """How many elements of a float32 array are neither zero nor normal; 0 for other dtypes."""
    if array.dtype != np.float32:
        return 0
    bits: npt.NDArray[np.uint32] = array.ravel(order="K").view(np.uint32)  # no copy of transposed weights either
    found = 0
    for start in range(0, bits.size, AT_A_TIME):
        magnitude = bits[start : start + AT_A_TIME] & np.uint32(0x7FFFFFFF)
        magnitude -= np.uint32(1)  # zero becomes the largest number
        found += int(np.count_nonzero(magnitude < np.uint32(SMALLEST_NORMAL - 1)))
    return found


def _said(op: Op, count: int) -> str:
    return f"{count} weight{'s' if count > 1 else ''} of {op.type_name} below 1.2e-38 set to zero: they cost much time"
