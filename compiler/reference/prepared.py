"""What the user has put before the network (`--mean-values` and its like), which stands in the graph as ONNX ops."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates, pointwise

pointwise("onnx", {"Sub": np.subtract, "Div": np.divide})


@evaluates("onnx.Cast")
def cast(call: Call, x: Array) -> Array:
    """Another element type."""
    return x.astype(call.dtype("to"))


@evaluates("onnx.Transpose")
def transpose(call: Call, x: Array) -> Array:
    """Axes in another order."""
    return x.transpose(call.integers("perm"))


@evaluates("onnx.Gather")
def gather(call: Call, x: Array, indices: Array) -> Array:
    """Items along an axis."""
    return np.take(x, indices, axis=call.integer("axis", 0))
