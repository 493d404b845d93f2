"""How each op works on tensors whose dimensions lie in another order: the one table that both directions use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from regraft.ir import UNKNOWN, Array, Builder, Op, Value, count
from regraft.passes.layout.permutations import Perm, channels_first, channels_last, inverse, without

MOST_TURNS = 1
"""How often an op may be turned to another layout; see `settle_layout`."""
_TURNING = ("sink-transpose", "raise-transpose", "join-heads")


def turns(op: Op) -> int:
    """How often the op was built anew because a Transpose moved past it."""
    return sum(name in _TURNING for name in op.provenance)


Moved = list[tuple[Value, Perm | None]]
"""For each output: a value, and the permutation that gives the op's own output from it (None: it is that output)."""


@dataclass(frozen=True)
class Move:
    """`op` on other inputs: where it reads x, `inputs` holds `inner`, with x = Transpose(inner, perm)."""

    op: Op
    perm: Perm
    build: Builder
    inputs: tuple[Value | None, ...]

    def again(self, *inputs: Any, **attrs: Any) -> list[Value]:
        """The same op on other inputs, with some attributes replaced."""
        return self.build.many(self.op.kind, *inputs, outputs=len(self.op.outputs), **{**self.op.attrs, **attrs})

    def everywhere(self, *inputs: Any, **attrs: Any) -> Moved:
        """`again`, with outputs in the order of the inputs."""
        return [(value, self.perm) for value in self.again(*inputs, **attrs)]

    def axis(self, default: int) -> int:
        """The attribute `axis`, as the axis of `inner`."""
        return self.perm[self.op.integer("axis", default) % len(self.perm)]

    def axes(self, position: int) -> tuple[int, ...] | None:
        """The axes in the attribute `axes` or in a constant input, as they are in the op; None when not known."""
        if self.op.has("axes"):
            given = self.op.integers("axes")
        elif len(self.inputs) > position and self.inputs[position] is not None:
            array = _array(self.inputs[position])
            if array is None:
                return None
            given = tuple(int(a) for a in array.reshape(-1))
        else:
            return None
        return given

    def reordered(self, vector: Value | None) -> Value | None:
        """A vector with an entry for each dimension, in the order of `inner`."""
        return None if vector is None else self.build.Gather(vector, list(inverse(self.perm)))


def _array(value: Value | None) -> Array | None:
    return value.array if value is not None else None


Handler = Callable[[Move], "Moved | None"]


def _elementwise(move: Move) -> Moved | None:
    return move.everywhere(*move.inputs)


def _along_axis(default: int) -> Handler:
    """Ops that treat one axis specially and keep the rank."""
    return lambda move: move.everywhere(*move.inputs, axis=move.axis(default))


def _pad(move: Move) -> Moved | None:
    x, pads, *rest = move.inputs
    rank, back = len(move.perm), inverse(move.perm)
    if len(rest) > 1 and rest[1] is not None:
        axes = _array(rest[1])
        if axes is None:
            return None
        return move.everywhere(x, pads, rest[0], [move.perm[int(a) % rank] for a in axes])
    return move.everywhere(x, move.build.Gather(pads, [*back, *(rank + b for b in back)]), *rest)


def _slice(move: Move) -> Moved | None:
    x, starts, ends, axes, *steps = (*move.inputs, None)[: max(len(move.inputs), 4)]
    size = starts.static_shape if starts is not None else None
    given = range(size[0]) if axes is None and size else _array(axes)
    if given is None:
        return None
    rank = len(move.perm)
    return move.everywhere(x, starts, ends, [move.perm[int(a) % rank] for a in given], *steps)


def _reduce(move: Move) -> Moved | None:
    given, rank = move.axes(1), len(move.perm)
    if not given:
        return None
    removed = [a % rank for a in given]
    inner = [move.perm[a] for a in removed]
    made = move.again(move.inputs[0], axes=inner) if move.op.has("axes") else move.again(move.inputs[0], inner)
    keeps = move.op.flag("keepdims", True)
    return [(value, move.perm if keeps else without(move.perm, removed)) for value in made]


def _arg(move: Move) -> Moved | None:
    axis = move.op.integer("axis", 0) % len(move.perm)
    keeps = move.op.flag("keepdims", True)
    made = move.again(move.inputs[0], axis=move.perm[axis])
    return [(value, move.perm if keeps else without(move.perm, [axis])) for value in made]


def _gather(move: Move) -> Moved | None:
    data, indices = move.inputs
    axis = move.op.integer("axis", 0) % len(move.perm)
    if indices is None or indices.rank not in (0, 1):
        return None
    left = move.perm if indices.rank else without(move.perm, [axis])
    return [(value, left) for value in move.again(data, indices, axis=move.perm[axis])]


def _squeeze(move: Move) -> Moved | None:
    given, rank = move.axes(1), len(move.perm)
    if not given:
        return None
    removed = [a % rank for a in given]
    made = move.again(move.inputs[0], [move.perm[a] for a in removed])
    return [(value, without(move.perm, removed)) for value in made]


def _unsqueeze(move: Move) -> Moved | None:
    """New spatial dimensions in a channels-last tensor are new spatial dimensions in a channels-first one."""
    given, rank = move.axes(1), len(move.perm)
    if not given or move.perm != channels_last(rank):
        return None
    total = rank + len(given)
    axes = [a % total for a in given]
    if any(not 0 < a < total - 1 for a in axes):
        return None
    made = move.again(move.inputs[0], [a + 1 for a in axes])
    return [(value, channels_last(total)) for value in made]


def _resize(move: Move) -> Moved | None:
    x, roi, scales, sizes = (*move.inputs, None, None, None)[:4]
    if roi is not None or move.op.has("axes"):
        return None
    if scales is not None and scales.static_shape == (0,):
        scales = None
    return move.everywhere(x, None, move.reordered(scales), move.reordered(sizes))


def _tile(move: Move) -> Moved | None:
    return move.everywhere(move.inputs[0], move.reordered(move.inputs[1]))


def _swapped(first: str, last: str) -> dict[str, Handler]:
    """A custom op that exists for both layouts."""

    def to_first(move: Move) -> Moved | None:
        if move.perm != channels_last(4):
            return None
        return [(move.build.many(first, *move.inputs, **move.op.attrs)[0], move.perm)]

    def to_last(move: Move) -> Moved | None:
        if move.perm != channels_first(4):
            return None
        return [(move.build.many(last, *move.inputs, **move.op.attrs)[0], move.perm)]

    return {last: to_first, first: to_last}


def _reshape(move: Move) -> Moved | None:
    """(N, spatial..., C) to (N, product, C): the spatial dimensions are joined in the inner tensor just as well."""
    inner, result = move.inputs[0], move.op.outputs[0].shape
    if inner is None or inner.shape is None or result is None or len(result) != 3:
        return None
    if move.perm != channels_last(len(move.perm)) or len(move.perm) < 4 or move.op.flag("allowzero", False):
        return None
    batch, channels = inner.shape[:2]
    joined, spatial = result[1], inner.shape[2:]
    known = isinstance(channels, int) and channels > 0 and result[2] == channels
    same_batch = batch not in (0, UNKNOWN) and result[0] == batch
    sizes = [d for d in spatial if isinstance(d, int)]
    same_pixels = isinstance(joined, int) and len(sizes) == len(spatial) and joined == count(sizes) > 0
    if not known or not (same_batch or same_pixels):
        return None
    return [(move.build.Reshape(inner, [0, channels, -1]), channels_last(3))]


UNARY = frozenset(
    f"onnx.{name}"
    for name in (
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "Ceil", "Celu", "Clip", "Cos",
        "Cosh", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN",
        "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign",
        "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu",
    )
)  # fmt: skip
"""Elementwise ops of one tensor; further inputs are scalars."""

BROADCASTING = frozenset(
    f"onnx.{name}"
    for name in (
        "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual",
        "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "PRelu", "Sub", "Sum", "Where", "Xor",
    )
)  # fmt: skip
"""Elementwise ops of several tensors that broadcast."""

ALL_INPUTS = BROADCASTING | {"onnx.Concat"}
"""Ops of which every input lies in the layout that moves; of the others it is the first."""

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(UNARY | BROADCASTING, _elementwise),
    **dict.fromkeys(("onnx.Softmax", "onnx.LogSoftmax", "onnx.Hardmax"), _along_axis(-1)),
    **dict.fromkeys(
        (
            "onnx.ReduceL1", "onnx.ReduceL2", "onnx.ReduceLogSum", "onnx.ReduceLogSumExp", "onnx.ReduceMax",
            "onnx.ReduceMean", "onnx.ReduceMin", "onnx.ReduceProd", "onnx.ReduceSum", "onnx.ReduceSumSquare",
        ),
        _reduce,
    ),
    "onnx.ArgMax": _arg,
    "onnx.ArgMin": _arg,
    "onnx.Concat": _along_axis(0),
    "onnx.Gather": _gather,
    "onnx.LpNormalization": _along_axis(-1),
    "onnx.Pad": _pad,
    "onnx.Reshape": _reshape,
    "onnx.Resize": _resize,
    "onnx.Slice": _slice,
    "onnx.Split": _along_axis(0),
    "onnx.Squeeze": _squeeze,
    "onnx.Tile": _tile,
    "onnx.Unsqueeze": _unsqueeze,
    **_swapped("regraft.ResizeBilinear", "regraft.ResizeBilinearNHWC"),
    **_swapped("regraft.ResizeNearestNeighbor", "regraft.ResizeNearestNeighborNHWC"),
    **_swapped("regraft.ResizeBicubic", "regraft.ResizeBicubicNHWC"),
    **_swapped("regraft.ResizeArea", "regraft.ResizeAreaNHWC"),
}  # fmt: skip
