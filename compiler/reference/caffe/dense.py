"""InnerProduct, Embed and the layers that only give numbers."""

from __future__ import annotations

from math import prod

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several


@evaluates("caffe.InnerProduct")
def inner_product(call: Call, *inputs: Array) -> object:
    """x * W' + b over all axes from `axis` on, for each bottom."""
    if not call.blobs:
        raise NotEvaluated("it has no weights in the file")
    found = []
    for x in call.bottoms:
        outer = x.shape[: call.integer("axis") % x.ndim]
        flat = x.reshape(prod(outer), -1)
        count = call.integer("num_output")
        weights = call.blobs[0].reshape((-1, count) if call.flag("transpose") else (count, -1))
        y = flat @ (weights if call.flag("transpose") else weights.T)
        if call.flag("bias_term"):
            y = y + call.blobs[1].reshape(-1)
        found.append(y.reshape(*outer, count))
    return several(found)


@evaluates("caffe.Embed")
def embed(call: Call, x: Array, weights: Array, *bias: Array) -> Array:
    """A row of the weights for each number."""
    rows = weights.reshape(-1, call.integer("num_output"))[x.astype(np.int64)]
    return rows + bias[0].reshape(-1) if bias and call.flag("bias_term") else rows


@evaluates("caffe.Parameter")
def parameter(call: Call, blob: Array) -> Array:
    """The layer's blob, in the shape that the file says."""
    shape = call.integers("shape", ())
    return blob.reshape(shape) if shape else blob


@evaluates("caffe.DummyData")
def dummy_data(call: Call) -> object:
    """Constants."""
    shapes = list(call.get("shape", ()))
    if not shapes:
        shapes = list(zip(*(call.integers(n, ()) for n in ("num", "channels", "height", "width")), strict=True))
    fillers = list(call.get("data_filler", ())) or [{}]
    found = []
    for index in range(call.outputs):
        filler = fillers[index if len(fillers) > 1 else 0]
        if filler.get("type", "constant") != "constant":
            raise NotEvaluated(f"its filler {filler['type']} draws at random")
        shape = shapes[index if len(shapes) > 1 else 0]
        found.append(np.full(shape, filler.get("value", 0), np.float32))
    return several(found)
