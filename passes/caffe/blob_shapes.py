"""The shapes of the weights that Caffe gives a layer: a function of its parameters and of its bottoms' shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from regraft.ir import Value
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.windows import convolution_window

Role = Literal["weights", "bias", "scale", "mean", "variance", "divisor", "slopes", "table"]


@dataclass(frozen=True)
class BlobShape:
    """One blob: its shape, what it is for, and the filler that the file gives it."""

    shape: tuple[int, ...]
    role: Role
    filler: Mapping[str, Any] | None = None


def has_blobs(layer: CaffeLayer) -> bool:
    """Whether Caffe gives the layer weights of its own that its result depends on."""
    kind = layer.op.type_name
    if kind in ("Scale", "Bias") and len(layer.arguments) > 1:
        return kind == "Scale" and layer.flag("bias_term")
    if kind == "BatchNorm" and layer.given("use_global_stats") is False:
        return False
    return kind in _SHAPES


def blob_shapes(layer: CaffeLayer) -> list[BlobShape]:
    """The layer's blobs in Caffe's order.

    Raises:
        Refusal: a size of a bottom that they depend on is not known.
    """
    return _SHAPES[layer.op.type_name](layer) if has_blobs(layer) else []


def _bottom(layer: CaffeLayer, index: int = 0) -> Value:
    """A bottom that the layer cannot do without."""
    found = layer.arguments[index] if index < len(layer.arguments) else None
    if found is None:
        raise layer.refuse(f"has {len(layer.arguments)} bottoms, and needs one more")
    return found


def _size(layer: CaffeLayer, bottom: Value, axis: int) -> int:
    """The size of one axis of a bottom."""
    shape = layer.shape(bottom)
    size = shape[layer.axis(axis, len(shape))]
    if not isinstance(size, int):
        raise layer.refuse(
            f"needs random weights, whose shape depends on axis {axis} of its bottom {bottom.type}",
            cure="give the net's input shapes",
        )
    return size


def _trailing(layer: CaffeLayer, bottom: Value, axis: int) -> int:
    """The product of the sizes of a bottom from `axis` on."""
    rank = len(layer.shape(bottom))
    return prod(_size(layer, bottom, i) for i in range(layer.axis(axis, rank), rank))


def _with_bias(layer: CaffeLayer, weights: Sequence[int], bias: int) -> list[BlobShape]:
    found = [BlobShape(tuple(weights), "weights", layer.given("weight_filler"))]
    return found + [BlobShape((bias,), "bias", layer.given("bias_filler"))] * layer.flag("bias_term")


def _convolution(layer: CaffeLayer) -> list[BlobShape]:
    x = _bottom(layer)
    rank = len(layer.shape(x))
    axis = layer.axis(layer.integer("axis"), rank)
    kernel = convolution_window(layer, rank - axis - 1).kernel
    channels, group = _size(layer, x, axis), max(layer.integer("group"), 1)
    if layer.op.type_name == "ConvolutionDepthwise":
        return _with_bias(layer, (channels, 1, *kernel), channels)
    wanted = layer.integer("num_output")
    filters = (channels, wanted // group) if layer.op.type_name == "Deconvolution" else (wanted, channels // group)
    return _with_bias(layer, (*filters, *kernel), wanted)


def _inner_product(layer: CaffeLayer) -> list[BlobShape]:
    size, wanted = _trailing(layer, _bottom(layer), layer.integer("axis")), layer.integer("num_output")
    return _with_bias(layer, (size, wanted) if layer.flag("transpose") else (wanted, size), wanted)


def _embed(layer: CaffeLayer) -> list[BlobShape]:
    wanted = layer.integer("num_output")
    return _with_bias(layer, (layer.integer("input_dim"), wanted), wanted)


def _spanned(layer: CaffeLayer) -> tuple[int, ...]:
    """The axes that the blob of Scale or Bias spans; those of the second bottom where there is one."""
    x = _bottom(layer)
    if len(layer.arguments) > 1:
        other = _bottom(layer, 1)
        return tuple(_size(layer, other, i) for i in range(len(layer.shape(other))))
    rank, count = len(layer.shape(x)), layer.integer("num_axes")
    axis = layer.axis(layer.integer("axis"), rank) if count else 0
    return tuple(_size(layer, x, i) for i in range(axis, rank if count == -1 else axis + count))


def _scale(layer: CaffeLayer) -> list[BlobShape]:
    shape = _spanned(layer)
    own = [BlobShape(shape, "scale")] if len(layer.arguments) == 1 else []
    return own + [BlobShape(shape, "bias")] * layer.flag("bias_term")


def _channels(layer: CaffeLayer) -> int:
    x = _bottom(layer)
    return _size(layer, x, 1) if len(layer.shape(x)) > 1 else 1


def _batch_norm(layer: CaffeLayer) -> list[BlobShape]:
    channels = (_channels(layer),)
    found = [BlobShape(channels, "mean"), BlobShape(channels, "variance"), BlobShape((1,), "divisor")]
    if layer.flag("scale_bias", False) or layer.given("use_weight_bias"):
        found += [BlobShape(channels, "scale"), BlobShape(channels, "bias")]
    return found


def _bn(layer: CaffeLayer) -> list[BlobShape]:
    """Two blobs in SegNet, whose fillers have names of their own, and four elsewhere."""
    shape = (1, _channels(layer), 1, 1)
    ours = layer.has("bn_mode") or layer.has("scale_filler") or layer.has("shift_filler")
    segnet = ours and not any(layer.has(field) for field in ("var_eps", "moving_average", "decay", "eps"))
    found = [BlobShape(shape, "scale"), BlobShape(shape, "bias")]
    return found if segnet else [*found, BlobShape(shape, "mean"), BlobShape(shape, "variance")]


def _per_channel(field: str, role: Role) -> Callable[[CaffeLayer], list[BlobShape]]:
    return lambda layer: [BlobShape((1,) if layer.flag(field) else (_channels(layer),), role)]


def _recurrent(layer: CaffeLayer, gates: int, states: int) -> list[BlobShape]:
    """The parameters of the unrolled net, in the order in which its layers first name them."""
    hidden = layer.integer("num_output")
    static = len(layer.arguments) > 2 + states * layer.flag("expose_hidden")
    rows = gates * hidden
    found = [BlobShape((rows, _trailing(layer, _bottom(layer), 2)), "weights"), BlobShape((rows,), "bias")]
    if static:
        found.append(BlobShape((rows, _trailing(layer, _bottom(layer, 2), 1)), "weights"))
    return [*found, BlobShape((rows, hidden), "weights")]


def _lstm(layer: CaffeLayer) -> list[BlobShape]:
    return _recurrent(layer, 4, 2)


def _rnn(layer: CaffeLayer) -> list[BlobShape]:
    hidden = layer.integer("num_output")
    return [*_recurrent(layer, 1, 1), BlobShape((hidden, hidden), "weights"), BlobShape((hidden,), "bias")]


def _parameter(layer: CaffeLayer) -> list[BlobShape]:
    return [BlobShape(tuple(layer.integers("shape", ())), "table")]


_SHAPES: Mapping[str, Callable[[CaffeLayer], list[BlobShape]]] = {
    **dict.fromkeys(("Convolution", "Deconvolution", "DepthwiseConvolution", "ConvolutionDepthwise"), _convolution),
    "InnerProduct": _inner_product,
    "Embed": _embed,
    "Scale": _scale,
    "Bias": lambda layer: [BlobShape(_spanned(layer), "bias")],
    "BatchNorm": _batch_norm,
    "BN": _bn,
    "PReLU": _per_channel("channel_shared", "slopes"),
    "Normalize": _per_channel("channel_shared", "scale"),
    "LSTM": _lstm,
    "RNN": _rnn,
    "Parameter": _parameter,
}
