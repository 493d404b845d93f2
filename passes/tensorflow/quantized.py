"""Layers on quantised numbers, as `quantize_graph` wrote them: integers beside the ends of the range they stand for.

Every result is three values: the integers, and as float32 scalars the lowest and the highest number of their range.
"""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow import images, pooling, shape
from regraft.passes.tensorflow.common import cast, compute, dtype_of_value, limits, reduce
from regraft.passes.tensorflow.images import Window
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tensorflow.quantization import away_from_zero, single

_POINT = 16
"""Bits behind the point of the fixed-point numbers by which int32 become uint8."""


def _double(build: Builder, number: float) -> Value:
    return build.constant(np.asarray(number, np.float64))


def _long(build: Builder, number: int) -> Value:
    return build.constant(np.asarray(number, np.int64))


def _ends(build: Builder, *values: Value) -> list[Value]:
    """Ends of ranges as float32 scalars; files have them as vectors of one element, too."""
    return [v if v.rank == 0 else build.Reshape(v, np.zeros(0, np.int64)) for v in values]


def _step_count(dtype: DType) -> float:
    return float(2 ** (8 * dtype.size))


def _integer_of(build: Builder, number: float, ends: list[Value], dtype: DType) -> Value:
    """The int64 that stands for a real number, not held within the type. Source: FloatToQuantizedUnclamped."""
    low, high = ends
    steps = _step_count(dtype)
    span = build.Mul(build.Cast(build.Sub(high, low), to=DType.F64), _double(build, steps / (steps - 1)))
    scale = build.Div(_double(build, steps), span)
    at_number, at_low = (
        away_from_zero(build, build.Mul(v, scale)) for v in (_double(build, number), build.Cast(low, to=DType.F64))
    )
    made = build.Cast(build.Sub(at_number, at_low), to=DType.I64)
    least = _long(build, int(limits(dtype)[0]))
    return build.Where(build.Equal(low, high), least, build.Add(made, least))


def _held(build: Builder, x: Value, dtype: DType) -> Value:
    """An int64 within the type's numbers, as that type. Source: FloatToQuantized."""
    low, high = limits(dtype)
    return build.Cast(build.Max(build.Min(x, _long(build, int(high))), _long(build, int(low))), to=dtype)


def _number_of(build: Builder, x: Value, low: Value, high: Value) -> Value:
    """The float32 for which an integer stands. Source: QuantizedToFloat, its mixture of single and double included."""
    dtype = x.dtype or DType.I32
    steps = _step_count(dtype)
    span = build.Mul(build.Cast(build.Sub(high, low), to=DType.F64), _double(build, steps / (steps - 1)))
    scale = build.Div(span, _double(build, steps))
    coarse = build.Cast(scale, to=DType.F32)
    start = build.Cast(build.Mul(away_from_zero(build, build.Div(low, coarse)), coarse), to=DType.F64)
    offset = build.Sub(build.Cast(x, to=DType.F64), _double(build, limits(dtype)[0]))
    number = build.Cast(build.Add(start, build.Mul(offset, scale)), to=DType.F32)
    return build.Where(build.Equal(low, high), low, number)


def _product_range(build: Builder, types: tuple[DType, DType], ends: list[Value]) -> list[Value]:
    """The range of int32 sums of products. Source: QuantizationRangeForMultiplication."""
    units = []
    for dtype, low, high in zip(types, ends[::2], ends[1::2], strict=True):
        units.append(build.Div(build.Sub(high, low), single(build, _step_count(dtype) - 1)))
    unit = build.Mul(units[0], units[1])
    least, most = limits(DType.I32)
    return [build.Mul(unit, single(build, least)), build.Mul(unit, single(build, most))]


def _zero_points(build: Builder, types: tuple[DType, DType], ends: list[Value]) -> list[Value]:
    """The integers that stand for 0 in both factors; TensorFlow's ranges hold 0."""
    return [
        _held(build, _integer_of(build, 0, [low, high], dtype), dtype)
        for dtype, low, high in zip(types, ends[::2], ends[1::2], strict=True)
    ]


def _factor_types(node: TensorFlowNode, x: Value, y: Value) -> tuple[DType, DType]:
    types = dtype_of_value(node, x), dtype_of_value(node, y)
    if types[0] is not DType.U8 or types[1] not in (DType.U8, DType.I8):
        raise node.refuse(f"{types[0].value} times {types[1].value}, for which TensorFlow has no kernel either")
    return types


@rule("tf.QuantizedConv2D")
def conv(node: TensorFlowNode, build: Builder, x: Value, w: Value, *ranges: Value) -> list[Value]:
    """Conv2D of uint8 (N, H, W, C) by uint8 (h, w, C, M) to int32; padding stands for 0. Source: quantized_conv_ops.cc.

    Where an image's sizes are unknown and the strides are not 1, SAME padding is refused.
    """
    types, ends = _factor_types(node, x, w), _ends(build, *ranges)
    kernel = build.Transpose(w, perm=(3, 2, 0, 1))
    moved = images.to_channels_first(node, build, x, 4)
    sliding: Window = images.window(node, images.spatial_dims(kernel), 4)
    pads = images.padding(node, sliding, images.spatial_dims(moved))
    if "auto_pad" in pads and not sliding.suits_auto_pad:
        raise node.refuse("the sizes of its input are unknown", cure="give the graph's input shapes")
    made = build.ConvInteger(
        moved,
        kernel,
        *_zero_points(build, types, ends),
        strides=sliding.strides,
        dilations=sliding.dilations,
        **pads,
    )
    return [images.from_channels_first(node, build, made, 4), *_product_range(build, types, ends)]


@rule("tf.QuantizedMatMul")
def matmul(node: TensorFlowNode, build: Builder, x: Value, y: Value, *ranges: Value) -> list[Value]:
    """(m, k) uint8 times (k, n) uint8 to int32; either may be given transposed. Source: quantized_matmul_op.cc."""
    types, ends = _factor_types(node, x, y), _ends(build, *ranges)
    left, right = (
        build.Transpose(v, perm=(1, 0)) if node.flag(f"transpose_{side}", False) else v
        for v, side in ((x, "a"), (y, "b"))
    )
    product = build.MatMulInteger(left, right, *_zero_points(build, types, ends))
    return [product, *_product_range(build, types, ends)]


@rule("tf.QuantizedMul")
def multiply(node: TensorFlowNode, build: Builder, x: Value, y: Value, *ranges: Value) -> list[Value]:
    """uint8 times uint8 to int32, one of which may be a vector. Source: quantized_mul_op.cc."""
    types, ends = _factor_types(node, x, y), _ends(build, *ranges)
    factors = [
        build.Sub(build.Cast(v, to=DType.I32), build.Cast(z, to=DType.I32))
        for v, z in zip((x, y), _zero_points(build, types, ends), strict=True)
    ]
    return [build.Mul(*factors), *_product_range(build, types, ends)]


def _on_grid(build: Builder, x: Value, old: list[Value], new: list[Value], dtype: DType) -> Value:
    """Integers of another range and type, by float32. Source: RequantizeManyInNewRangeUsingEigen.

    The macros DEQUANTIZE_WITH_EIGEN and QUANTIZE_WITH_EIGEN; factors are computed in double and rounded.
    """
    given = x.dtype or DType.I32
    unit = _quotient(build, build.Sub(old[1], old[0]), _step_count(given) - 1)
    start = build.Mul(away_from_zero(build, build.Div(old[0], unit)), unit)
    start = build.Where(build.Equal(old[0], old[1]), old[0], start)
    start = build.Sub(start, build.Mul(single(build, limits(given)[0]), unit))
    number = build.Add(start, build.Mul(build.Cast(x, to=DType.F32), unit))
    scale = _inverse(build, build.Sub(new[1], new[0]), _step_count(dtype) - 1)
    first = away_from_zero(build, build.Mul(new[0], scale))
    low, high = limits(dtype)
    moved = build.Sub(away_from_zero(build, build.Mul(number, scale)), build.Sub(first, single(build, low)))
    most = min(high, 2147483520.0)  # the largest float32 that is an int32
    return build.Cast(build.Min(build.Max(moved, single(build, low)), single(build, most)), to=dtype)


def _quotient(build: Builder, span: Value, steps: float) -> Value:
    return build.Cast(build.Div(build.Cast(span, to=DType.F64), _double(build, steps)), to=DType.F32)


def _inverse(build: Builder, span: Value, steps: float) -> Value:
    """steps / span by double, 0 where there is no range."""
    wide = build.Cast(span, to=DType.F64)
    nothing = _double(build, 0)
    made = build.Where(build.Equal(wide, nothing), nothing, build.Div(_double(build, steps), wide))
    return build.Cast(made, to=DType.F32)


@rule("tf.QuantizedBiasAdd")
def bias_add(node: TensorFlowNode, build: Builder, x: Value, bias: Value, *ranges: Value) -> list[Value]:
    """x + bias along the last dimension, 8 bits to int32 in a range 2^17 times as wide as the wider one.

    Source: quantized_bias_add_op.cc, QuantizedAddUsingEigen.
    """
    ends = _ends(build, *ranges)
    widest = build.Max(ends[1], build.Max(build.Neg(ends[0]), build.Max(ends[3], build.Neg(ends[2]))))
    high = build.Mul(widest, single(build, 2.0**17))
    total = [build.Neg(high), high]
    zero = _held(build, _integer_of(build, 0, total, DType.I32), DType.I32)
    left = _on_grid(build, x, ends[:2], total, DType.I32)
    right = _on_grid(build, bias, ends[2:], total, DType.I32)
    return [build.Add(left, build.Add(right, zero)), *total]


@rule("tf.QuantizedRelu", "tf.QuantizedRelu6")
def relu(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> list[Value]:
    """max(x, 0), for Relu6 min(max(x, 0), 6), as the range has these numbers. Source: quantized_activation_ops.cc."""
    ends = _ends(build, low, high)
    dtype = dtype_of_value(node, x)
    made = compute(node, build, "Max", x, _held(build, _integer_of(build, 0, ends, dtype), dtype))
    if node.op.type_name == "QuantizedRelu6":
        made = compute(node, build, "Min", made, _held(build, _integer_of(build, 6, ends, dtype), dtype))
    return [made, *ends]


@rule("tf.QuantizedMaxPool")
def max_pool(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> list[Value]:
    """MaxPool of 8-bit integers. Source: quantized_pooling_ops.cc."""
    return [pooling.max_pool(node, build, x), *_ends(build, low, high)]


@rule("tf.QuantizedReshape")
def reshape(node: TensorFlowNode, build: Builder, x: Value, sizes: Value, low: Value, high: Value) -> list[Value]:
    """x in another shape. Source: quantized_reshape_op.cc."""
    return [shape.reshape(node, build, x, sizes), *_ends(build, low, high)]


@rule("tf.QuantizedConcat")
def concat(node: TensorFlowNode, build: Builder, axis: Value, *values: Value) -> list[Value]:
    """Tensors, then their lows, then their highs, joined in the range that holds all, and 0 (for signed, symmetric).

    Source: quantized_concat_op.cc.
    """
    count = len(values) // 3
    dtype = dtype_of_value(node, values[0])
    lows, highs = _ends(build, *values[count : 2 * count]), _ends(build, *values[2 * count :])
    low, high = build.Min(single(build, 0), *lows), build.Max(*highs) if count > 1 else highs[0]
    if limits(dtype)[0] < 0:
        high = build.Max(build.Neg(low), high)
        low = build.Neg(high)
    pieces = []
    for value, own_low, own_high in zip(values[:count], lows, highs, strict=True):
        same = build.And(build.Equal(own_low, low), build.Equal(own_high, high))
        moved = _on_grid(build, value, [own_low, own_high], [low, high], dtype)
        pieces.append(build.Where(same, value, moved))
    place = node.constant_integers(axis, "concat_dim")[0]
    return [build.Concat(*pieces, axis=place), low, high]


@rule("tf.RequantizationRange")
def requantization_range(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> list[Value]:
    """The range of the numbers that int32 x really has, 0 included below. Source: requantization_range_op.cc."""
    if dtype_of_value(node, x) is not DType.I32:
        raise node.refuse(f"numbers of type {dtype_of_value(node, x).value}", field="Tinput")
    least, most = limits(DType.I32)
    ends = _ends(build, low, high)
    flat = build.Reshape(x, [-1])
    first, last = (
        reduce(build, kind, build.Concat(flat, build.constant(np.array([end], np.int32)), axis=0), [0])
        for kind, end in (("ReduceMin", most), ("ReduceMax", least))
    )
    return [build.Min(single(build, 0), _number_of(build, first, *ends)), _number_of(build, last, *ends)]


@rule("tf.Requantize")
def requantize(
    node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value, new_low: Value, new_high: Value
) -> list[Value]:
    """int32 as uint8 of another range, by 16-bit fixed-point numbers. Source: requantize.cc, quantization_utils.h."""
    new = _ends(build, new_low, new_high)
    return [_narrowed(node, build, x, _ends(build, low, high), new), *new]


@rule("tf.QuantizeDownAndShrinkRange")
def shrink(node: TensorFlowNode, build: Builder, x: Value, low: Value, high: Value) -> list[Value]:
    """Requantize to the RequantizationRange. Source: quantize_down_and_shrink_range.cc."""
    new = requantization_range(node, build, x, low, high)
    return [_narrowed(node, build, x, _ends(build, low, high), new), *new]


def _narrowed(node: TensorFlowNode, build: Builder, x: Value, old: list[Value], new: list[Value]) -> Value:
    wanted = node.dtype("out_type")
    if dtype_of_value(node, x) is not DType.I32 or wanted is not DType.U8:
        raise node.refuse(f"{dtype_of_value(node, x).value} as {wanted.value}", field="out_type")
    span, new_span = build.Sub(old[1], old[0]), build.Sub(new[1], new[0])
    wide_span = build.Cast(new_span, to=DType.F64)
    none = build.Equal(new_span, single(build, 0))
    one = 1 << _POINT

    def fixed(number: Value) -> Value:
        """A double over the new range as an integer cut towards zero, 0 where there is no range."""
        return build.Where(none, _long(build, 0), build.Cast(build.Div(number, wide_span), to=DType.I64))

    scale = fixed(build.Mul(_double(build, 255.0 * one), build.Cast(span, to=DType.F64)))
    middle = build.Mul(build.Add(old[0], old[1]), single(build, 0.5))
    shift = build.Mul(build.Mul(middle, _inverse(build, new_span, 255)), single(build, one))
    start = fixed(build.Mul(build.Mul(build.Cast(new[0], to=DType.F64), _double(build, 255)), _double(build, one)))
    offset = build.Add(build.Sub(build.Cast(shift, to=DType.I64), start), _long(build, one // 2))
    product = build.Mul(build.Cast(x, to=DType.I64), scale)
    made = _shifted(build, build.Add(_shifted(build, product, 32), offset), _POINT)
    return cast(build, _held(build, made, DType.U8), DType.U8)


def _shifted(build: Builder, x: Value, bits: int) -> Value:
    """An int64 shifted right, which rounds down: ONNX's Div cuts towards zero."""
    unit = _long(build, 1 << bits)
    return build.Div(build.Sub(x, build.Mod(x, unit)), unit)


@rule(
    *(
        f"tf.Quantized{name}"
        for name in (
            "Add", "AvgPool", "BatchNormWithGlobalNormalization", "DepthwiseConv2D", "InstanceNorm",
            "ReluX", "ResizeBilinear",
        )
    ),
    "tf.RequantizePerChannel", "tf.RequantizationRangePerChannel",
)  # fmt: skip
def other_arithmetic(node: TensorFlowNode, build: Builder, *values: Value) -> list[Value]:
    """Refused: sums whose rounding depends on the machine, and ops for which TensorFlow has no kernel of its own."""
    raise node.refuse(
        "TensorFlow rounds its integers differently from machine to machine",
        cure="compile the float graph, or one with FakeQuant ops; quantize_weights alone is fine too",
    )
