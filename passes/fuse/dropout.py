"""Dropout that keeps everything: a mask of random numbers whose every outcome is one."""

from __future__ import annotations

import math

from regraft.ir import Op, Value, dims_of
from regraft.passes.rewrite import Rewriter, rewrite
from regraft.passes.tracing import plain

_Range = tuple[float, float]
"""From the first number on, up to but not including the second."""


@rewrite("onnx.Mul")
def dropout_that_keeps_all(op: Op, rewriter: Rewriter) -> Value | None:
    """x * floor(1 + random)   =>   x, and the same with random >= 0: nothing random is drawn

    TensorFlow's dropout with keep_prob 1 (rate 0), given as a constant or as a placeholder's default. Random numbers
    are from 0 up to, not including, 1.
    """
    left, right = op.inputs
    for x, mask in ((left, right), (right, left)):
        if x is not None and mask is not None and _is_one(mask) and _as_wide(x, mask):
            return x
    return None


@rewrite("onnx.Where")
def selection_that_keeps_all(op: Op, rewriter: Rewriter) -> Value | None:
    """Where(random >= 0, x, y)   =>   x"""
    condition, x, other = op.inputs
    if condition is None or x is None or other is None or not _always(condition):
        return None
    narrow = other.rank == 0 or (x.static_shape is not None and x.static_shape == other.static_shape)
    return x if narrow and _as_wide(x, condition) else None


def _is_one(mask: Value) -> bool:
    """Whether a mask is made of random numbers, and is 1 whatever they are."""
    mask = plain(mask)
    if mask.op.kind == "onnx.Cast" and mask.op.inputs[0] is not None:
        return _always(mask.op.inputs[0])
    if mask.op.kind != "onnx.Floor" or mask.op.inputs[0] is None:
        return False
    found = _range(mask.op.inputs[0])
    return found is not None and found[0] >= 1 and found[1] <= 2


def _always(condition: Value) -> bool:
    """Whether a comparison with random numbers is true whatever they are."""
    op = plain(condition).op
    if op.kind not in ("onnx.GreaterOrEqual", "onnx.LessOrEqual"):
        return False
    drawn, least = op.inputs if op.kind == "onnx.GreaterOrEqual" else op.inputs[::-1]
    found = None if drawn is None else _range(drawn)
    array = None if least is None else plain(least).array
    return found is not None and array is not None and array.size == 1 and float(array.reshape(-1)[0]) <= found[0]


def _range(value: Value) -> _Range | None:
    """Between which numbers random ones lie; None for values that are not random."""
    op = plain(value).op
    if op.kind in ("onnx.RandomUniformLike", "onnx.RandomUniform"):
        return op.number("low", 0.0), op.number("high", 1.0)
    if op.kind not in ("onnx.Add", "onnx.Mul"):
        return None
    for drawn, number in (op.inputs, op.inputs[::-1]):
        array = None if number is None else plain(number).array
        found = _range(drawn) if drawn is not None and array is not None and array.size == 1 else None
        if found is None or array is None:
            continue
        by = float(array.reshape(-1)[0])
        if op.kind == "onnx.Add":
            return found[0] + by, found[1] + by
        return (found[0] * by, found[1] * by) if by > 0 and math.isfinite(by) else None
    return None


def _as_wide(x: Value, mask: Value) -> bool:
    """Whether the mask has at most the size of x, so that the product has the size of x."""
    drawn = next((v for v in _behind(mask) if v.op.kind.startswith("onnx.RandomUniform")), None)
    like = drawn.op.inputs[0] if drawn is not None and drawn.op.inputs else None
    sizes = like.op.inputs[0] if like is not None and like.op.kind == "onnx.ConstantOfShape" else None
    wanted = dims_of(x)
    given = sizes.elements if sizes is not None and sizes.elements is not None else mask.shape
    if wanted is None or given is None or len(given) > len(wanted):
        return False
    return all(size in (1, dim) for size, dim in zip(given[::-1], wanted[::-1], strict=False))


def _behind(value: Value) -> list[Value]:
    """The value and what it is made of, by single steps back to random numbers."""
    found: list[Value] = []
    todo = [value]
    while todo and len(found) < 32:
        found.append(todo.pop())
        todo += [v for v in found[-1].op.inputs if v is not None]
    return found
