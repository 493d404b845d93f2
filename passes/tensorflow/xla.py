"""XLA's matrix product and convolution as TensorFlow ops, which jax2tf and `tf2xla.python.xla` write."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from regraft.ir import Builder, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, compute, computed_in, dtype_of_value
from regraft.passes.tensorflow.node import TensorFlowNode


def _dimension_numbers(node: TensorFlowNode) -> dict[int, list[int]]:
    """The message in `dimension_numbers`, whose fields are all (repeated) integers, by field number.

    Source: xla_data.proto, DotDimensionNumbers and ConvolutionDimensionNumbers; protobuf's wire format.
    """
    text = node.get("dimension_numbers")
    data = iter(text if isinstance(text, bytes) else str(text).encode())
    fields: dict[int, list[int]] = {}
    try:
        for first in data:
            number, kind = first >> 3, first & 7
            if kind == 0:
                fields.setdefault(number, []).append(_varint(next(data), data))
            elif kind == 2:
                packed = iter([next(data) for _ in range(_varint(next(data), data))])
                fields.setdefault(number, []).extend(_varint(byte, packed) for byte in packed)
            else:
                raise node.refuse("its dimension_numbers cannot be read", field="dimension_numbers")
    except (StopIteration, RuntimeError):
        raise node.refuse("its dimension_numbers end too early", field="dimension_numbers") from None
    return fields


def _varint(first: int, rest: Iterator[int]) -> int:
    value, shift, byte = first & 127, 7, first
    while byte & 128:
        byte = next(rest)
        value |= (byte & 127) << shift
        shift += 7
    return value


@rule("tf.XlaDot", "tf.XlaDotV2")
def dot(node: TensorFlowNode, build: Builder, x: Value, y: Value) -> Value:
    """Sums of products over the contracted dimensions: (batch..., rest of x..., rest of y...). Any real numbers.

    Source: XLA's DotGeneral. The sums have the type `preferred_element_type`.
    """
    fields = _dimension_numbers(node)
    contracted, batch = (list(zip(fields.get(i, []), fields.get(i + 1, []), strict=True)) for i in (1, 3))
    letters = iter(string.ascii_letters)
    names: list[dict[int, str]] = [{}, {}]
    for pair in (*batch, *contracted):
        letter = next(letters)
        for side, axis in zip(names, pair, strict=True):
            side[axis] = letter
    terms = []
    for value, side in zip((x, y), names, strict=True):
        terms.append([side[axis] if axis in side else next(letters) for axis in range(node.rank(value))])
    inner = {names[0][axis] for axis, _ in (*batch, *contracted)}
    free = [letter for term in terms for letter in term if letter not in inner]
    shared = [names[0][axis] for axis, _ in batch]
    equation = f"{''.join(terms[0])},{''.join(terms[1])}->{''.join(shared + free)}"
    wanted = node.dtype("preferred_element_type", dtype_of_value(node, x))
    dtype = computed_in(node, "Einsum", wanted, modular=True)
    factors = [cast(build, v, dtype) for v in (x, y)]
    return cast(build, build.Einsum(*factors, equation=equation), wanted)


@rule("tf.XlaConv", "tf.XlaConvV2")
def conv(
    node: TensorFlowNode, build: Builder, x: Value, w: Value, strides: Value, padding: Value, *more: Value
) -> Value:
    """A convolution with its dimensions anywhere; `more`: dilations of x and of w, and the number of groups.

    Strides, padding (n, 2), dilations and groups are constant; dilated x has zeros between its elements, and negative
    padding cuts. Floats. Source: XLA's ConvGeneralDilated.
    """
    if node.integer("batch_group_count", 1) != 1:
        raise node.refuse("groups of the batch belong to a gradient", field="batch_group_count")
    fields = _dimension_numbers(node)
    one = {number: places[-1] for number, places in fields.items()}
    picture = (one.get(7, 0), one.get(8, 0), *fields.get(11, []))
    kernel = (one.get(4, 0), one.get(3, 0), *fields.get(6, []))
    made = (one.get(9, 0), one.get(10, 0), *fields.get(12, []))
    if not len(picture) == len(kernel) == len(made) == node.rank(x):
        raise node.refuse("its dimension_numbers do not fit its input", field="dimension_numbers")
    steps = node.constant_integers(strides, "strides")
    gaps, dilations = (node.constant_integers(v, "dilation") for v in more[:2])
    pads = np.array(node.constant_integers(padding, "padding"), np.int64).reshape(-1, 2).T
    wanted = node.dtype("preferred_element_type", dtype_of_value(node, x))
    moved = cast(build, build.Transpose(x, perm=picture), wanted)
    spread = _with_gaps(build, moved, gaps)
    if (pads < 0).any():
        spread = build.Slice(spread, *_cut(np.maximum(-pads, 0)))
    result = compute(
        node, build, "Conv", spread, cast(build, build.Transpose(w, perm=kernel), wanted),
        strides=steps, dilations=dilations, pads=tuple(int(p) for p in np.maximum(pads, 0).reshape(-1)),
        group=node.constant_integers(more[2], "feature_group_count")[0],
    )  # fmt: skip
    return build.Transpose(result, perm=tuple(int(i) for i in np.argsort(made)))


def _cut(amounts: npt.NDArray[np.int64]) -> list[list[int]]:
    """Starts, ends and axes of a Slice that cuts so much before and behind each spatial dimension."""
    before, behind = amounts.tolist()
    ends = [-amount if amount else int(np.iinfo(np.int64).max) for amount in behind]
    return [before, ends, list(range(2, 2 + len(before)))]


def _with_gaps(build: Builder, x: Value, gaps: Sequence[int]) -> Value:
    """x (N, C, spatial...) with `gap - 1` zeros between the elements of each spatial dimension."""
    rank = len(gaps) + 2
    for axis, gap in enumerate(gaps, 2):
        if gap == 1:
            continue
        size = build.Slice(build.Shape(x), [axis], [axis + 1], [0])
        pads = np.zeros(2 * (rank + 1), np.int64)
        pads[rank + 1 + axis + 1] = gap - 1
        apart = build.Pad(build.Unsqueeze(x, [axis + 1]), pads)
        before, behind = (build.Slice(build.Shape(x), [a], [b], [0]) for a, b in ((0, axis), (axis + 1, rank)))
        joined = build.Reshape(apart, build.Concat(before, build.Mul(size, [gap]), behind, axis=0))
        x = build.Slice(joined, [0], [1 - gap], [axis])
    return x
