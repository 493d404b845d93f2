"""Proposal in ONNX's own operators: what runs where regraft's kernel is not registered."""

from __future__ import annotations

from regraft.custom_ops.ops.looping import Step, loop
from regraft.custom_ops.ops.numbers import (
    Attribute,
    Attributes,
    clip,
    column,
    counted,
    dim,
    float32,
    floats,
    integer,
    number,
    reduce,
    shape,
)
from regraft.custom_ops.ops.quicksort_body import partly_sorted
from regraft.ir import UNKNOWN, Builder, DType, TensorType, Value

PVANET, PY_FASTER_RCNN = 0, 1
"""Values of the attribute `style`."""


def proposal(
    build: Builder,
    scores: Value,
    deltas: Value,
    im_info: Value,
    *,
    style: Attribute,
    anchors: Attributes,
    feat_stride: Attribute,
    min_size: Attribute,
    pre_nms_topn: Attribute,
    post_nms_topn: Attribute,
    nms_thresh: Attribute,
) -> list[Value]:
    """Boxes of all anchors at all places, the best of them, those that no better one overlaps: rois and scores."""
    python = build.Equal(integer(build, style), [PY_FASTER_RCNN])
    info = build.Reshape(im_info, [-1])
    table = build.Reshape(floats(build, anchors), [-1, 4])
    boxes = _boxes(build, deltas, table, integer(build, feat_stride), info)
    large = _large(build, boxes, number(build, min_size), info, python)
    score = build.Where(large, _foreground(build, scores, dim(build, table, 0)), float32(build, 0))
    wanted = build.Or(large, build.Not(python))
    boxes, score = (build.Compress(v, wanted, axis=0) for v in (boxes, score))
    best = _best(build, score, integer(build, pre_nms_topn), python)
    boxes, score = (build.Gather(v, best, axis=0) for v in (boxes, score))
    kept = _suppress(build, boxes, python, number(build, nms_thresh), integer(build, post_nms_topn))
    image = build.Expand(float32(build, 0), shape(build, dim(build, kept, 0), 1))
    rois = build.Concat(image, build.Gather(boxes, kept, axis=0), axis=1)
    rank2 = build.Compress(build.value([1]), python, axis=0)  # PVANet's scores are of rank 1
    return [rois, build.Reshape(build.Gather(score, kept, axis=0), build.Concat([-1], rank2, axis=0))]


def _boxes(build: Builder, deltas: Value, anchors: Value, stride: Value, info: Value) -> Value:
    """(H * W * A, 4): anchors (A, 4) at every place, moved and stretched by their deltas, inside the picture."""
    count, height, width = dim(build, anchors, 0), dim(build, deltas, 2), dim(build, deltas, 3)
    moves = build.Transpose(build.Reshape(deltas, shape(build, count, 4, height, width)), perm=(2, 3, 0, 1))
    step = build.Cast(stride, to=DType.F32)
    x = build.Reshape(build.Mul(counted(build, width), step), [1, -1, 1, 1])
    y = build.Reshape(build.Mul(counted(build, height), step), [-1, 1, 1, 1])
    places = shape(build, height, width, 1, 1)
    shift = build.Concat(build.Expand(x, places), build.Expand(y, places), axis=3)
    low, high = (build.Add(shift, build.Slice(anchors, [a], [a + 2], [1])) for a in (0, 2))
    size = build.Add(build.Sub(high, low), float32(build, 1))
    move, stretch = (build.Slice(moves, [a], [a + 2], [3]) for a in (0, 2))
    centre = build.Add(build.Mul(move, size), build.Add(low, build.Mul(float32(build, 0.5), size)))
    half = build.Mul(float32(build, 0.5), build.Mul(build.Exp(stretch), size))
    last = build.Sub(build.Gather(info, [1, 0]), float32(build, 1))
    corners = [clip(build, v, float32(build, 0), last) for v in (build.Sub(centre, half), build.Add(centre, half))]
    return build.Reshape(build.Concat(*corners, axis=3), [-1, 4])


def _large(build: Builder, boxes: Value, least: Value, info: Value, python: Value) -> Value:
    """Which boxes (K, 4) are not smaller than allowed: bool (K)."""
    low, high = (build.Slice(boxes, [a], [a + 2], [1]) for a in (0, 2))
    size = build.Add(build.Sub(high, low), float32(build, 1))
    scale = build.Gather(info, build.Where(python, [2, 2], [3, 2]))
    enough = build.GreaterOrEqual(size, build.Mul(least, scale))
    return build.And(column(build, enough, 0), column(build, enough, 1))


def _foreground(build: Builder, scores: Value, count: Value) -> Value:
    """(H * W * A) from (1, 2 * A, H, W): the first half is of the background."""
    half = build.Slice(scores, count, build.Add(count, count), [1])
    return build.Reshape(build.Transpose(half, perm=(0, 2, 3, 1)), [-1])


def _best(build: Builder, scores: Value, most: Value, python: Value) -> Value:
    """Places of the best scores, falling: at most `most`, all if that is not positive."""
    count = dim(build, scores, 0)
    _, stable = build.many("onnx.TopK", scores, count, outputs=2, axis=0)
    nothing = build.Where(python, [0], count)
    order = build.Where(python, stable, partly_sorted(build, scores, most, trips=nothing))
    limit = build.Where(build.Greater(most, [0]), build.Min(most, count), count)
    return build.Slice(order, [0], limit, [0])


def _suppress(build: Builder, boxes: Value, python: Value, threshold: Value, most: Value) -> Value:
    """Places of the boxes (K, 4), best first, that overlap none of those kept by more than the threshold."""
    alive = build.Cast(build.Expand(build.value([1]), dim(build, boxes, 0)), to=DType.BOOL)
    trips = build.Where(build.Greater(most, [0]), most, dim(build, boxes, 0))
    ends = TensorType(DType.BOOL, (UNKNOWN,))
    found = loop(
        build,
        trips,
        _any(build, alive),
        {"alive": (alive, ends)},
        {
            "boxes": (boxes, TensorType(DType.F32, (UNKNOWN, 4))),
            "python": (python, TensorType(DType.BOOL, (1,))),
            "threshold": (threshold, TensorType(DType.F32, ())),
        },
        _keep_one,
    )
    return found[1]


def _keep_one(build: Builder, index: Value, *, alive: Value, boxes: Value, python: Value, threshold: Value) -> Step:
    """The first box that is alive stays; those that it overlaps die."""
    first = build.ArgMax(build.Cast(alive, to=DType.F32), axis=0, keepdims=1)
    hit = build.Greater(_overlap(build, boxes, build.Gather(boxes, first, axis=0), python), threshold)
    itself = build.Equal(build.Cast(counted(build, dim(build, boxes, 0)), to=DType.I64), first)
    left = build.And(alive, build.Not(build.Or(hit, itself)))
    return Step(_any(build, left), [left], [build.Squeeze(first, [0])])


def _overlap(build: Builder, boxes: Value, one: Value, python: Value) -> Value:
    """The common part (K) of boxes (K, 4) and one box (1, 4), the last pixel counted in.

    Boxes less than a pixel apart have a common part so; not in PVANet, which looks at their order first.
    """
    unit = float32(build, 1)

    def area(box: Value) -> Value:
        size = build.Add(build.Sub(build.Slice(box, [2], [4], [1]), build.Slice(box, [0], [2], [1])), unit)
        return build.Mul(column(build, size, 0), column(build, size, 1))

    low, high = (
        extreme(build.Slice(boxes, [a], [a + 2], [1]), build.Slice(one, [a], [a + 2], [1]))
        for a, extreme in ((0, build.Max), (2, build.Min))
    )
    side = build.Max(build.Add(build.Sub(high, low), unit), float32(build, 0))
    ordered = build.Or(python, build.LessOrEqual(low, high))
    side = build.Where(ordered, side, float32(build, 0))
    both = build.Mul(column(build, side, 0), column(build, side, 1))
    return build.Div(both, build.Sub(build.Add(area(one), area(boxes)), both))


def _any(build: Builder, flags: Value) -> Value:
    """Whether one is true, as rank 0."""
    count = reduce(build, "ReduceSum", build.Cast(flags, to=DType.I64), [0])
    return build.Greater(count, build.constant(0, DType.I64))
