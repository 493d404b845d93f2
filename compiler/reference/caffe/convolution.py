"""Caffe's convolutions, and Im2col which only unrolls."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several
from regraft.reference.windows import correlate, pad, spread, windows

_OTHER_PADS = ("pad_type", "pad_l", "pad_r", "pad_t", "pad_b", "tf_pad")


class Geometry:
    """Kernel, stride, pad and dilation of each spatial axis, whichever way the file writes them."""

    def __init__(self, call: Call, spatial: int) -> None:
        if any(call.given(name) for name in _OTHER_PADS):
            raise NotEvaluated("it is padded in a fork's own way")
        self.kernel = _numbers(call, "kernel_size", "kernel", spatial, None)
        self.stride = _numbers(call, "stride", "stride", spatial, 1)
        self.pad = _numbers(call, "pad", "pad", spatial, 0)
        older = next((n for n in ("hole", "filter_stride") if call.has(n) or call.has(f"{n}_h")), "dilation")
        self.dilation = _numbers(call, older, older, spatial, 1)

    @property
    def pads(self) -> list[tuple[int, int]]:
        """Before and after, for each axis."""
        return [(p, p) for p in self.pad]


def _numbers(call: Call, once: str, stem: str, spatial: int, default: int | None) -> tuple[int, ...]:
    if call.has(f"{stem}_h") or call.has(f"{stem}_w"):
        return tuple(call.integer(f"{stem}_{side}", default if default is not None else 1) for side in "hw")
    found = call.integers(once, ()) if call.has(once) else ()
    if not found:
        assert default is not None, f"it has no {once}"
        return (default,) * spatial
    return found * spatial if len(found) == 1 else found


def _finished(call: Call, result: Array, bias: Array | None) -> Array:
    if bias is not None and call.flag("bias_term"):
        result = result + bias.reshape(-1, *(1,) * (result.ndim - 2))
    return np.maximum(result, 0) if call.given("relu") else result


def _weights(call: Call) -> tuple[Array, Array | None]:
    if not call.blobs:
        raise NotEvaluated("it has no weights in the file")
    return call.blobs[0], call.blobs[1] if len(call.blobs) > 1 else None


def _flattened(call: Call, x: Array) -> tuple[Array, tuple[int, ...]]:
    """(N, C, spatial...) with all axes before `axis` as one, and those axes."""
    axis = call.integer("axis", 1) % x.ndim
    return x.reshape(-1, *x.shape[axis:]), x.shape[:axis]


@evaluates("caffe.Convolution", "caffe.DepthwiseConvolution", "caffe.ConvolutionDepthwise")
def convolution(call: Call, *inputs: Array) -> object:
    """Each bottom with the same filters; ConvolutionDepthwise has one a channel, whatever num_output and group say."""
    weights, bias = _weights(call)
    found = []
    for bottom in call.bottoms:
        x, outer = _flattened(call, bottom)
        g = Geometry(call, x.ndim - 2)
        group = x.shape[1] if call.op.type_name == "ConvolutionDepthwise" else call.integer("group")
        count = x.shape[1] if call.op.type_name == "ConvolutionDepthwise" else call.integer("num_output")
        filters = weights.reshape(count, x.shape[1] // group, *g.kernel)
        y = correlate(x, filters, stride=g.stride, pads=g.pads, dilation=g.dilation, group=group)
        found.append(_finished(call, y, bias).reshape(*outer, count, *y.shape[2:]))
    return several(found)


@evaluates("caffe.Deconvolution")
def deconvolution(call: Call, *inputs: Array) -> object:
    """Its transpose: each number spreads its filters, and the pads are cut off."""
    found = []
    for bottom in call.bottoms:
        x, outer = _flattened(call, bottom)
        g = Geometry(call, x.ndim - 2)
        group, count = call.integer("group"), call.integer("num_output")
        shape = (x.shape[1], count // group, *g.kernel)
        weights, bias = _weights(call) if call.blobs else (bilinear_filler(call, shape), None)
        y = spread(x, weights.reshape(shape), stride=g.stride, dilation=g.dilation, group=group)
        y = pad(y, [(-p, -p) for p in g.pad])
        found.append(_finished(call, y, bias).reshape(*outer, count, *y.shape[2:]))
    return several(found)


def bilinear_filler(call: Call, shape: tuple[int, ...]) -> Array:
    """What Caffe fills a layer with whose weight_filler is `bilinear`: a triangle, the same in all filters."""
    filler = call.given("weight_filler") or {}
    bias = call.given("bias_filler") or {}
    if filler.get("type") != "bilinear" or (call.flag("bias_term") and bias.get("value")):
        raise NotEvaluated("it has no weights in the file")
    size = shape[-1]
    half = (size + 1) // 2
    centre = (2 * half - 1 - half % 2) / (2 * half)
    rise = 1 - np.abs(np.arange(size) / half - centre)
    return np.broadcast_to(rise[:, None] * rise, shape).astype(np.float32)


@evaluates("caffe.Im2col")
def im2col(call: Call, x: Array) -> Array:
    """(N, C * kernel volume, places...)."""
    g = Geometry(call, x.ndim - 2)
    view = windows(pad(x, g.pads), g.kernel, g.stride, g.dilation)
    spatial = x.ndim - 2
    places = view.shape[2 : 2 + spatial]
    order = (0, 1, *range(2 + spatial, 2 + 2 * spatial), *range(2, 2 + spatial))
    return view.transpose(order).reshape(x.shape[0], -1, *places)
