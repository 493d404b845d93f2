"""Correlation in ONNX's own operators: a Loop over the displacements."""

from __future__ import annotations

from regraft.custom_ops.ops.numbers import Attribute, dim, float32, integer, reduce, shape
from regraft.ir import UNKNOWN, Builder, DType, Graph, TensorType, Value

SUBTRACT = 1
MAP = TensorType(DType.F32, (UNKNOWN,) * 4)
ONE, TWO = TensorType(DType.I64, (1,)), TensorType(DType.I64, (2,))


def correlation(
    build: Builder,
    a: Value,
    b: Value,
    *,
    pad: Attribute,
    kernel_size: Attribute,
    max_displacement: Attribute,
    stride_1: Attribute,
    stride_2: Attribute,
    correlation_type: Attribute,
    one_dimensional: Attribute,
    one_sided: Attribute,
) -> Value:
    """Patches of the padded a and b, b displaced, multiplied (or subtracted) and averaged; a channel a displacement.

    In the one-dimensional form along rows only, one-sided to the right only.
    """
    vertical = build.Sub([1], integer(build, one_dimensional))
    margin, kernel, most = integer(build, pad), integer(build, kernel_size), integer(build, max_displacement)
    step, stride = integer(build, stride_1), integer(build, stride_2)
    margin_y, most_y = (build.Mul(v, vertical) for v in (margin, most))
    around = build.Concat([0, 0], margin_y, margin, [0, 0], margin_y, margin, axis=0)
    padded = [build.Pad(v, around) for v in (a, b)]
    lengths = []
    for axis, displacement in ((2, most_y), (3, most)):
        border = build.Add(build.Mul(displacement, [2]), build.Sub(kernel, [1]))
        reach = build.Sub(dim(build, padded[0], axis), border)
        places = build.Div(build.Sub(build.Add(reach, step), [1]), step)
        lengths.append(build.Add(build.Mul(build.Sub(places, [1]), step), kernel))
    size = build.Concat(*lengths, axis=0)
    start = build.Concat(most_y, most, axis=0)
    fixed = build.Slice(padded[0], start, build.Add(start, size), [2, 3])
    ones = build.Expand(float32(build, 1), shape(build, 1, 1, kernel, kernel))
    radius = build.Div(most, stride)
    left = build.Mul(radius, build.Sub([1], integer(build, one_sided)))
    grid = build.Add(build.Add(left, radius), [1])
    first = build.Concat(build.Mul(radius, vertical), left, axis=0)
    area = build.Cast(build.Mul(build.Mul(kernel, kernel), dim(build, a, 1)), to=DType.F32)
    sums = _displaced(
        build,
        build.Where(build.Cast(vertical, to=DType.BOOL), build.Mul(grid, grid), grid),
        {
            "fixed": (fixed, MAP),
            "moved": (padded[1], MAP),
            "size": (size, TWO),
            "ones": (ones, MAP),
            "grid": (grid, ONE),
            "first": (first, TWO),
            "stride": (stride, ONE),
            "start": (start, TWO),
            "step": (step, ONE),
            "type": (integer(build, correlation_type), ONE),
        },
    )
    return build.Div(build.Transpose(sums, perm=(1, 0, 2, 3)), area)


def _displaced(build: Builder, count: Value, captured: dict[str, tuple[Value, TensorType]]) -> Value:
    """The sums of all displacements: (count, N, H', W')."""
    body = Graph(build.graph.table, "displacement")
    index = body.add_input("index", TensorType(DType.I64, ()))
    goes_on = body.add_input("goes_on", TensorType(DType.BOOL, ()))
    inside = {
        name: body.add("core.Capture", attrs={"type": type, "index": i}, name=name).output
        for i, (name, (_, type)) in enumerate(captured.items())
    }
    inner = Builder(body, fold=False)
    body.add_output("again", inner.Identity(goes_on))
    body.add_output("sums", _sums(inner, inner.Reshape(index, [1]), **inside))
    values = [value for value, _ in captured.values()]
    yes = build.constant(True, DType.BOOL)
    return build.many("onnx.Loop", build.Squeeze(count, [0]), yes, *values, outputs=1, body=body)[0]


def _sums(
    build: Builder,
    index: Value,
    *,
    fixed: Value,
    moved: Value,
    size: Value,
    ones: Value,
    grid: Value,
    first: Value,
    stride: Value,
    start: Value,
    step: Value,
    type: Value,
) -> Value:
    """(N, H', W') of one displacement: sums over channels and patches."""
    place = build.Concat(build.Div(index, grid), build.Mod(index, grid), axis=0)
    there = build.Add(start, build.Mul(build.Sub(place, first), stride))
    other = build.Slice(moved, there, build.Add(there, size), [2, 3])
    each = build.Where(build.Equal(type, [SUBTRACT]), build.Abs(build.Sub(fixed, other)), build.Mul(fixed, other))
    total = build.Unsqueeze(reduce(build, "ReduceSum", each, [1]), [1])
    patches = build.Conv(total, ones)
    ends = build.Slice(build.Shape(patches), [2], [4], [0])
    steps = build.Concat(step, step, axis=0)
    return build.Squeeze(build.Slice(patches, [0, 0], ends, [2, 3], steps), [1])
