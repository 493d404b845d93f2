"""Layers that resize pictures: Interp, Upsample, Resample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regraft.ir import UNKNOWN, Builder, Dim, TensorType, Value, shapes_agree
from regraft.passes.caffe.common import Merged, cut, indices, keep, known_shape, reduce, reshape, sizes
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.windows import pair
from regraft.passes.rules import rule

SIZES = ("height", "width")
FACTORS = ("zoom_factor", "shrink_factor")


def shrunk(size: int, factor: int) -> int:
    """Interp's smaller size."""
    return (size - 1) // factor + 1


def zoomed(size: int, factor: int) -> int:
    """Interp's larger size."""
    return size + (size - 1) * (factor - 1)


def interp_size(size: int, field: str, given: Mapping[str, int]) -> int:
    """Interp's output size along one axis, of `size` after cropping; `field` is `height` or `width`.

    `given` holds what the file gives, for being given is what counts: a single factor beats height and width, and these
    beat both factors together. Source: interp_layer.cpp.

    Raises:
        KeyError: the file gives nothing to find a size from.
    """
    zoom, shrink = given.get("zoom_factor"), given.get("shrink_factor")
    if shrink is not None and zoom is None:
        return shrunk(size, shrink)
    if zoom is not None and shrink is None:
        return zoomed(size, zoom)
    if all(name in given for name in SIZES):
        return given[field]
    return zoomed(shrunk(size, given["shrink_factor"]), given["zoom_factor"])


@rule("caffe.Interp")
def interp(layer: CaffeLayer, build: Builder, x: Value, size_like: Value | None = None) -> Value:
    """Bilinear resize with aligned corners, after cropping by the (negative) pads.

    x: (N, C, H, W). Result: (N, C, H', W'); H', W' by `interp_size`, or those of the second bottom.
    Source: DeepLab's interp_layer.cpp, `caffe_cpu_interp2`.
    """
    layer.image(x)
    layer.refuse_unless("full_zoom_factor", None)
    begin, end = -layer.integer("pad_beg"), -layer.integer("pad_end")
    if begin < 0 or end < 0:
        raise layer.refuse(
            "pad_beg and pad_end crop: they must not be positive", field="pad_beg" if begin < 0 else "pad_end"
        )
    cropped = _crop_borders(build, x, begin, end)
    if size_like is not None:
        layer.image(size_like)
        result = build.regraft.Interp(cropped, sizes(build, size_like, 2, 4))
        result.type = TensorType(x.dtype, (*known_shape(x)[:2], *known_shape(size_like)[2:]))
        return result
    return build.regraft.Interp(cropped, _interp_target(layer, build, cropped))


def _crop_borders(build: Builder, x: Value, begin: int, end: int) -> Value:
    """Without `begin` rows and columns at the top and the left, and `end` at the bottom and the right."""
    if not begin and not end:
        return x
    return cut(build, x, (2, 3), (begin, begin), (-end, -end) if end else (2**31, 2**31))


def _interp_target(layer: CaffeLayer, build: Builder, x: Value) -> list[int] | Value:
    given = {name: layer.integer(name) for name in (*SIZES, *FACTORS) if layer.has(name)}
    for name, number in given.items():
        if number < 1:
            raise layer.refuse(f"{name} {number} is not positive", field=name)
    dims = known_shape(x)[2:]
    by_size = all(name in given for name in SIZES) and (len(given) == 2 or len(given) == 4)
    if not by_size and given and not all(isinstance(d, int) for d in dims):
        before = build.Sub(sizes(build, x, 2, 4), [1])  # shrunk and zoomed, of sizes that only a run knows
        shrink, zoom = given.get("shrink_factor", 1), given.get("zoom_factor", 1)
        return build.Add(build.Mul(build.Div(before, [shrink]), [zoom]), [1])
    try:
        found = [interp_size(d if isinstance(d, int) else 1, name, given) for d, name in zip(dims, SIZES, strict=True)]
    except KeyError:
        raise layer.refuse("has neither height and width nor a factor", cure="give height and width") from None
    if min(d for d in (*dims, *found) if isinstance(d, int)) < 1:
        raise layer.refuse(f"makes {'x'.join(map(str, found))} of {'x'.join(map(str, dims))}")
    return found


@rule("caffe.Upsample")
def upsample(layer: CaffeLayer, build: Builder, x: Value, mask: Value | None = None) -> Value:
    """Each number `scale` times in both directions; with a mask, each number at the place that the mask says.

    x, mask: (N, C, H, W); the mask is the second top of a MAX Pooling. Top: (N, C, scale * H, scale * W), with a mask
    less pad_out_h and pad_out_w, or of upsample_h by upsample_w. Without a scale it is 1, with a mask 2.
    Source: upsample_layer.cpp of MobileNet-YOLO, SegNet.
    """
    layer.image(x)
    layer.refuse_unless("stride", None)
    if mask is None:
        scale = 1 if layer.given("scale") is None else layer.integer("scale")
        if scale < 1:
            raise layer.refuse(f"scale {scale} is not positive", field="scale")
        scales = np.asarray([1, 1, scale, scale], dtype=np.float32)
        return build.Resize(
            x, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    return scatter(layer, build, x, mask, [_unpooled(layer, side) for side in "hw"])


def _unpooled(layer: CaffeLayer, side: str) -> Linear:
    """SegNet's output size along height or width."""
    if layer.has(f"upsample_{side}"):
        return Linear(0, layer.integer(f"upsample_{side}"))
    scale = layer.integer(f"scale_{side}" if layer.has(f"scale_{side}") else "scale")
    return Linear(scale, -int(layer.flag(f"pad_out_{side}")))


@rule("caffe.Unpooling")
def unpooling(layer: CaffeLayer, build: Builder, x: Value, mask: Value | None = None) -> Value:
    """Each number at the place that the mask says, else at the first place of its window; zeros elsewhere.

    x, mask: (N, C, H, W). Top: unpool_size (unpool_h, unpool_w), else what covers all windows and one place more.
    Source: DeconvNet's unpooling_layer.cpp; its AVE and TILE are not here.
    """
    if layer.text("unpool") != "MAX":
        raise layer.refuse(f"unpool {layer.text('unpool')} is not supported", field="unpool")
    kernel, stride = pair(layer, "kernel_size", "kernel"), pair(layer, "stride", "stride")
    if any(pair(layer, "pad", "pad")):
        raise layer.refuse("pad must be 0: DeconvNet refuses it too", field="pad")
    layer.image(x)
    size = layer.static_sizes(x, 2, "to find its size")
    found = [max((n - 1) * s + k, n * s + 1) for n, k, s in zip(size, kernel, stride, strict=True)]
    height, width = (
        int(layer.attrs.get(f"unpool_{side}", layer.attrs.get("unpool_size", n)))
        for side, n in zip("hw", found, strict=True)
    )
    if mask is None:
        rows, columns = (
            np.minimum(np.arange(n) * s, m - 1) for n, s, m in zip(size, stride, (height, width), strict=True)
        )
        places = (rows[:, None] * width + columns[None]).astype(np.float32)
        shape = build.Concat(sizes(build, x, 0, 2), list(size), axis=0)
        mask = build.Expand(build.constant(places[None, None]), shape)
        mask.type = x.type
    return scatter(layer, build, x, mask, [Linear(0, height), Linear(0, width)])


@rule("caffe.MaxUnpool", "caffe.MaxUnpooling")
def max_unpool(layer: CaffeLayer, build: Builder, x: Value, mask: Value) -> Value:
    """The reverse of a MAX Pooling with these parameters: each number at the place that the mask says.

    x, mask: (N, C, H, W). Top: sizes (in - 1) * stride + kernel - 2 * pad. Source: OpenCV's MaxUnpool.
    """
    layer.image(x)
    kernel, stride = pair(layer, "kernel_size", "kernel"), pair(layer, "stride", "stride")
    ends = [Linear(s, k - 2 * p - s) for s, k, p in zip(stride, kernel, pair(layer, "pad", "pad"), strict=True)]
    return scatter(layer, build, x, mask, ends)


@dataclass(frozen=True)
class Linear:
    """A size that is factor * (the bottom's size) + shift."""

    factor: int
    shift: int

    def of(self, size: Dim) -> Dim:
        """For a size that may be unknown."""
        if isinstance(size, int) or not self.factor:
            return self.factor * (size if isinstance(size, int) else 0) + self.shift
        return UNKNOWN


def scatter(layer: CaffeLayer, build: Builder, x: Value, mask: Value, ends: Sequence[Linear]) -> Value:
    """Planes of zeros with the numbers of `x` at the flat places of `mask`; of several at one place the last counts."""
    if not shapes_agree(x.shape, mask.shape):
        raise layer.refuse(f"its mask {mask.type} has not the shape of its bottom {x.type}")
    flat, places = (reshape(build, v, [keep(0), keep(1), Merged(2, 4)]) for v in (x, mask))
    height, width = (end.of(size) for end, size in zip(ends, known_shape(x)[2:], strict=True))
    if any(isinstance(n, int) and n < 1 for n in (height, width)):
        raise layer.refuse(f"makes {height}x{width} of {x.type}")
    image = _open_sizes(build, x, ends)
    plane = build.Concat(sizes(build, x, 0, 2), reduce(build, "ReduceProd", image, [0]), axis=0)
    empty = build.Expand(build.scalar(0, x), plane)
    filled = build.ScatterElements(empty, indices(build, places), flat, axis=2)
    result = build.Reshape(filled, build.Concat(sizes(build, x, 0, 2), image, axis=0))
    result.type = TensorType(x.dtype, (*known_shape(x)[:2], height, width))
    return result


def _open_sizes(build: Builder, x: Value, ends: Sequence[Linear]) -> Value:
    """Height and width as int64: a constant where they are known."""
    factors, shifts = [end.factor for end in ends], [end.shift for end in ends]
    return build.Add(build.Mul(sizes(build, x, 2, 4), factors), shifts)
