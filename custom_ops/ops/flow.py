"""FlowNet's own layers: correlation of two feature maps, and warping by a flow."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.custom_ops.ops.flow_body import correlation
from regraft.custom_ops.ops.flow_warp_body import flow_warp
from regraft.custom_ops.schema import OPS, CustomOp
from regraft.ir import UNKNOWN, Array, Dim, InferenceError, Op, TensorType


def _correlated(size: Dim, pad: int, border: int, stride: int) -> Dim:
    """The output size of Correlation along one axis."""
    return -(-(size + 2 * pad - 2 * border) // stride) if isinstance(size, int) else UNKNOWN


def _infer_correlation(
    op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]
) -> list[TensorType | None]:
    x = types[0]
    if x is None or x.shape is None:
        return [None]
    if len(x.shape) != 4:
        raise InferenceError(f"Correlation compares maps of rank 4, not {x}")
    pad, stride = op.integer("pad", 0), op.integer("stride_1", 1)
    displacement, half = op.integer("max_displacement"), (op.integer("kernel_size") - 1) // 2
    radius, vertical = displacement // op.integer("stride_2", 1), not op.integer("one_dimensional", 0)
    columns = radius + 1 if op.integer("one_sided", 0) else 2 * radius + 1
    height = _correlated(x.shape[2], pad * vertical, displacement * vertical + half, stride)
    width = _correlated(x.shape[3], pad, displacement + half, stride)
    for size in (height, width):
        if isinstance(size, int) and size < 1:
            raise InferenceError(
                f"Correlation's window of {2 * (displacement + half) + 1} does not fit into {x} with pad {pad}"
            )
    return [TensorType(x.dtype, (x.shape[0], columns * (columns if vertical else 1), height, width))]


def _infer_warped(
    op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]
) -> list[TensorType | None]:
    return [types[0]]


CORRELATION = OPS.add(
    CustomOp(
        "Correlation",
        ("a", "b"),
        _infer_correlation,
        attrs={
            "pad": "int",
            "kernel_size": "int",
            "max_displacement": "int",
            "stride_1": "int",
            "stride_2": "int",
            "correlation_type": "int",
            "one_dimensional": "int",
            "one_sided": "int",
        },
        body=correlation,
        source="FlowNet2's correlation_layer.cu and correlation_layer1d.cu",
    )
)
FLOW_WARP = OPS.add(
    CustomOp(
        "FlowWarp",
        ("image", "flow"),
        _infer_warped,
        attrs={"fill_nan": "int"},
        body=flow_warp,
        source="FlowNet2's flow_warp_layer.cu",
    )
)
