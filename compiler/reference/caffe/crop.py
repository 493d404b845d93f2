"""Crop, and the offset that HED's and FCN's Caffe computed for it from the layers above.

Along each spatial axis a layer maps a place p of its bottom to a * p + b of its top; a Crop without crop_param moves
its first bottom so that places of one blob that both bottoms come from meet again.
"""

from __future__ import annotations

from fractions import Fraction

from regraft.ir import Op, Value
from regraft.reference.caffe.convolution import Geometry
from regraft.reference.caffe.pooling import pair_of
from regraft.reference.registry import Array, Call, NotEvaluated, evaluates

Map = tuple[tuple[Fraction, Fraction], ...]
"""(a, b) for height and width."""

_SAME: Map = ((Fraction(1), Fraction(0)),) * 2
_IN_PLACE = (
    *("AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Log", "LRN", "Exp", "MVN", "Power"),
    *("ReLU", "PReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold"),
)


@evaluates("caffe.Crop")
def crop(call: Call, x: Array, like: Array) -> Array:
    """The part of x that has the sizes of the second bottom, in all axes from `axis` on."""
    axis = call.integer("axis") % x.ndim
    offsets = _offsets(call, x, like, axis)
    cut = [slice(None)] * axis
    for size, wanted, offset in zip(x.shape[axis:], like.shape[axis:], offsets, strict=True):
        if offset < 0 or offset + wanted > size:
            raise NotEvaluated(f"it takes {offset} to {offset + wanted} of {size}")
        cut.append(slice(offset, offset + wanted))
    return x[tuple(cut)]


def _offsets(call: Call, x: Array, like: Array, axis: int) -> list[int]:
    count = x.ndim - axis
    given = [] if "offset_problem" in call.attrs else list(call.integers("offset", ()))
    if given:
        return given * count if len(given) == 1 else given
    reading = "zero" if call.has("axis") else call.settings.get("crop_offset", "zero")
    if reading == "centre":
        return [(a - b) // 2 for a, b in zip(x.shape[axis:], like.shape[axis:], strict=True)]
    return _computed(call.op) if reading == "auto" else [0] * count


def _computed(op: Op) -> list[int]:
    """Minus the shift from the first bottom's places to the second's."""
    ours, theirs = (_maps_to(v) for v in op.inputs[:2] if v is not None)
    for value, (a2, b2) in ((v, tuple(zip(*m, strict=True))) for v, m in theirs.items()):
        if value in ours:
            a1, b1 = zip(*ours[value], strict=True)
            shifts = [q - p * (c / a) for a, p, c, q in zip(a1, b1, a2, b2, strict=True)]
            if list(a1) != list(a2) or any(s > 0 or s.denominator != 1 for s in shifts):
                raise NotEvaluated("its offset cannot be computed: the bottoms do not fit")
            return [int(-s) for s in shifts]
    raise NotEvaluated("its offset cannot be computed: its bottoms come from no common blob")


def _maps_to(value: Value) -> dict[Value, Map]:
    """For each blob above, nearest first, the map from its places to those of `value`."""
    found = {value: _SAME}
    queue = [value]
    for here in queue:
        step = _map_of(here.op)
        if step is None:
            continue
        bottoms = here.op.inputs[: 1 if here.op.kind == "caffe.Crop" else here.op.integer("num_bottoms", 0)]
        for bottom in bottoms:
            if bottom is not None and bottom not in found:
                found[bottom] = tuple((a * c, a * d + b) for (a, b), (c, d) in zip(found[here], step, strict=True))
                queue.append(bottom)
    return found


def _map_of(op: Op) -> Map | None:
    """The map of one layer, None for one that has none."""
    call = Call(op, ())
    if op.dialect != "caffe":
        return None
    if op.type_name in _IN_PLACE:
        return _SAME
    if op.type_name == "Crop":
        given = (call.integers("offset", ()) or (0,)) * 2
        return tuple((Fraction(1), Fraction(-o)) for o in given[:2])
    if op.type_name in ("Convolution", "Deconvolution", "Im2col"):
        g = Geometry(call, 2)
        extent = [(k - 1) * d + 1 for k, d in zip(g.kernel, g.dilation, strict=True)]
        up = op.type_name == "Deconvolution"
        return tuple(_window(e, s, p, up=up) for e, s, p in zip(extent, g.stride, g.pad, strict=True))
    if op.type_name == "Pooling" and not call.flag("global_pooling"):
        sides = (pair_of(call, "kernel_size", "kernel"), pair_of(call, "stride", "stride"), pair_of(call, "pad", "pad"))
        return tuple(_window(k, s, p, up=False) for k, s, p in zip(*sides, strict=True))
    return None


def _window(extent: int, stride: int, pad: int, *, up: bool) -> tuple[Fraction, Fraction]:
    """A window's place is that of its middle: p = s * q + (e - 1) / 2 - pad for place q among the windows."""
    middle = Fraction(extent - 1, 2) - pad
    return (Fraction(stride), middle) if up else (Fraction(1, stride), -middle / stride)
