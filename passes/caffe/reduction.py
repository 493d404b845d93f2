"""Reduction, ArgMax, BatchReduction."""

from __future__ import annotations

from regraft.ir import Builder, DType, Value
from regraft.passes.caffe.arithmetic import affine
from regraft.passes.caffe.common import Merged, keep, known_shape, reduce, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.rules import rule

OPERATIONS = {"SUM": "ReduceSum", "ASUM": "ReduceL1", "SUMSQ": "ReduceSumSquare", "MEAN": "ReduceMean"}


@rule("caffe.Reduction")
def reduction(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """coeff times the sum (of absolutes, of squares) or mean over all axes from `axis` on, which go away.

    Source: reduction_layer.cpp.
    """
    rank = len(layer.shape(x))
    operation = layer.text("operation")
    if operation not in OPERATIONS:
        raise layer.refuse(f"operation {operation} is not supported", field="operation")
    axes = range(layer.axis(layer.integer("axis"), rank), rank)
    return affine(build, reduce(build, OPERATIONS[operation], x, axes, keepdims=False), layer.number("coeff"), 0)


@rule("caffe.ArgMax")
def arg_max(layer: CaffeLayer, build: Builder, x: Value) -> Value:
    """The places of the top_k largest numbers as floats, or the numbers with out_max_val; of equals the last is first.

    Along `axis`, whose size becomes top_k; else over all axes but the first: (N, 1, top_k, 1...), and with out_max_val
    (N, 2, top_k, 1...): places, then numbers. Source: argmax_layer.cpp, which sorts pairs (number, place) downwards.
    """
    rank = len(layer.shape(x))
    top_k, with_values = layer.integer("top_k"), layer.flag("out_max_val")
    flat = layer.given("axis") is None
    axis = 1 if flat else layer.axis(layer.integer("axis"), rank)
    data = reshape(build, x, [keep(0), Merged(1, rank)]) if flat else x
    size = known_shape(data)[axis]
    if top_k < 1 or (isinstance(size, int) and top_k > size):
        raise layer.refuse(f"top_k {top_k} is not within 1 and {size}", field="top_k")
    values, places = _largest(build, data, axis, top_k)
    if not flat:
        return values if with_values else places
    shape: list[int | Merged] = [keep(0), 1, top_k, *(1,) * (max(rank, 3) - 3)]
    places = reshape(build, places, shape)
    return build.Concat(places, reshape(build, values, shape), axis=1) if with_values else places


def _largest(build: Builder, x: Value, axis: int, top_k: int) -> tuple[Value, Value]:
    """Numbers and places along `axis`. TopK takes the first of equals, so it is shown the axis backwards."""
    backwards = build.Slice(x, [-1], [-(2**31)], [axis], [-1])
    values, places = build.many("onnx.TopK", backwards, [top_k], outputs=2, axis=axis)
    return values, build.Cast(
        build.Sub(build.Sub(sizes(build, x, axis, axis + 1), [1]), places), to=x.dtype or DType.F32
    )
