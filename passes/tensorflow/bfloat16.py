"""bfloat16: ONNX Runtime's CPU kernels do not take it, so ops compute in float32 and round what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import SourceOp
from regraft.passes.tensorflow.common import cast

_KEEPS = """
Bitcast Case Cast Const Enter Exit Identity IdentityN If LoopCond Merge NextIteration PartitionedCall Snapshot
StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile StopGradient Switch While
"""
KEEPS_BFLOAT16 = frozenset(f"tf.{name}" for name in _KEEPS.split())
"""Ops that pass their inputs on, and Cast, for which ONNX Runtime has the kernel."""
_GIVES_FLOAT32 = frozenset({"tf.CropAndResize", "tf.ResizeArea", "tf.ResizeBicubic", "tf.ResizeBilinear"})


def computes_in_bfloat16(node: SourceOp) -> bool:
    """Whether the op's element type is bfloat16 and its rule would need kernels for it."""
    return node.op.kind not in KEEPS_BFLOAT16 and any(value is DType.BF16 for value in node.attrs.values())


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The rule `function` on float32, its results rounded to bfloat16.

    That is what TensorFlow's kernels do, element by element (Eigen's bfloat16 arithmetic), or after whole sums
    (MatMul, Conv2D and reductions accumulate in float32).
    """

    def lower(node: SourceOp, build: Builder, *values: Value | None) -> list[Value]:
        rounded = _is_rounded(node)
        for name, value in node.attrs.items():
            if value is DType.BF16:
                node.op.attrs[name] = DType.F32
        wide = [cast(build, v, DType.F32) if v is not None and v.dtype is DType.BF16 else v for v in values]
        made = function(node, build, *wide)
        results = made if isinstance(made, Sequence) else [made]
        return [cast(build, v, DType.BF16) if v.dtype is DType.F32 and rounded(i) else v for i, v in enumerate(results)]

    return lower


def _is_rounded(node: SourceOp) -> Callable[[int], bool]:
    """Which float32 results stand for bfloat16 ones, by position."""
    if node.op.kind in _GIVES_FLOAT32:
        return lambda i: False
    if node.attrs.get("Tout") is not None:
        to_bfloat16 = node.attrs.get("Tout") is DType.BF16
        return lambda i: to_bfloat16
    if node.attrs.get("U") is not None:  # the statistics of FusedBatchNorm have a type of their own
        return lambda i: i == 0
    return lambda i: True
