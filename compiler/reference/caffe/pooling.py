"""Caffe's pooling: MAX, AVE and STOCHASTIC, the pyramid of it, and its reverse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several

_LOWEST = np.finfo(np.float32).min
_FORKS = ("pad_type", "pad_l", "pad_r", "pad_t", "pad_b", "bin_size", "torch_pooling", "dilation")


def pooled_size(size: int, kernel: int, stride: int, padding: int, *, up: bool, any_padding: bool) -> int:
    """How many windows there are along an axis: rounded up or down; a last one that begins in the padding goes."""
    span = size + 2 * padding - kernel
    found = (-(-span // stride) if up else span // stride) + 1
    return found - (any_padding and (found - 1) * stride >= size + padding)


def pool(
    x: Array,
    method: str,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    *,
    up: bool = True,
    inside: bool = False,
) -> tuple[Array, Array]:
    """The pooled numbers, and for MAX the places of the largest.

    The windows are laid over the picture with an endless border: it is never the largest, and counts in an average
    only as far as the padding goes, or not at all where just what is `inside` counts.
    """
    any_padding = any(padding)
    out = [
        pooled_size(n, k, s, p, up=up, any_padding=any_padding)
        for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)
    ]
    ends = [
        max(0, (o - 1) * s + k - n - p) for o, s, k, n, p in zip(out, stride, kernel, x.shape[2:], padding, strict=True)
    ]
    border = [(0, 0), (0, 0), *zip(padding, ends, strict=True)]
    best = np.full((*x.shape[:2], *out), _LOWEST, np.float32)
    mask = np.full(best.shape, -1, np.float32)
    total, squares = np.zeros(best.shape, np.float32), np.zeros(best.shape, np.float32)
    wide = np.pad(x, border, constant_values=_LOWEST if method == "MAX" else 0)
    places = np.arange(x.shape[2] * x.shape[3], dtype=np.float32).reshape(x.shape[2:])
    places = np.pad(places, border[2:], constant_values=-1)
    for i, j in np.ndindex(*kernel):
        cut = tuple(slice(a, a + (o - 1) * s + 1, s) for a, o, s in zip((i, j), out, stride, strict=True))
        part = wide[(slice(None), slice(None), *cut)]
        if method == "MAX":
            larger = part > best
            best = np.where(larger, part, best)
            mask = np.where(larger, places[cut], mask)
        else:
            total += part
            squares += part * part
    if method == "MAX":
        return best, mask
    if method == "AVE":
        return total / _area(x, kernel, stride, padding, out, inside), mask
    total = total + np.finfo(np.float32).tiny
    return np.where(total > 0, squares / total, 0).astype(np.float32), mask


def _area(
    x: Array, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], out: Sequence[int], inside: bool
) -> Array:
    """What each window's sum is divided by: its area up to the padding's end, or only what lies `inside`."""
    sides = []
    for n, k, s, p, o in zip(x.shape[2:], kernel, stride, padding, out, strict=True):
        start = np.arange(o) * s - p
        sides.append(
            np.minimum(start + k, n) - np.maximum(start, 0) if inside else np.minimum(start + k, n + p) - start
        )
    return np.asarray((sides[0][:, None] * sides[1]).astype(np.float32))


def pair_of(call: Call, once: str, stem: str, default: int | None = None) -> tuple[int, int]:
    """The numbers for height and width: `_h` and `_w`, where given, else one for both."""
    common = call.attrs.get(once, call.defaults.get(once, default))
    found = [call.attrs.get(f"{stem}_{side}", common) for side in "hw"]
    assert None not in found, f"it has no {once}"
    return int(found[0] or 0), int(found[1] or 0)


@evaluates("caffe.Pooling")
def pooling(call: Call, x: Array) -> object:
    """One top, or for MAX two: the second is the mask."""
    if x.ndim != 4 or any(call.attrs.get(name) for name in _FORKS):
        raise NotEvaluated("it is a fork's own form of pooling")
    method = call.text("pool")
    if method not in ("MAX", "AVE", "STOCHASTIC"):
        raise NotEvaluated(f"its method is {method}")
    if call.flag("global_pooling"):
        kernel, stride, padding = (x.shape[2], x.shape[3]), (1, 1), (0, 0)
    else:
        kernel, stride = pair_of(call, "kernel_size", "kernel"), pair_of(call, "stride", "stride")
        padding = pair_of(call, "pad", "pad")
    up = call.text("round_mode") == "CEIL" and bool(call.flag("ceil_mode", True))
    inside = call.attrs.get("avg_include_pad") is False
    return several(pool(x, method, kernel, stride, padding, up=up, inside=inside)[: max(1, call.outputs)])


@evaluates("caffe.SPP")
def pyramid(call: Call, x: Array) -> Array:
    """1, 4, 16, ... bins, one behind the other."""
    found = []
    height = call.integer("pyramid_height")
    for level in range(height):
        bins = 2**level
        kernel = [-(-n // bins) for n in x.shape[2:]]
        padding = [(k * bins - n + 1) // 2 for k, n in zip(kernel, x.shape[2:], strict=True)]
        found.append(pool(x, call.text("pool"), kernel, kernel, padding)[0])
    if height == 1:
        return found[0]
    return np.concatenate([part.reshape(x.shape[0], -1) for part in found], axis=1)


def scattered(x: Array, mask: Array, height: int, width: int) -> Array:
    """Each number at its place in a plane of zeros; of two at one place the last wins."""
    out = np.zeros((*x.shape[:2], height * width), x.dtype)
    planes = out.reshape(-1, height * width)
    values, places = x.reshape(len(planes), -1), mask.astype(np.int64).reshape(len(planes), -1)
    np.put_along_axis(planes, places, values, axis=1)
    return planes.reshape(*x.shape[:2], height, width)


@evaluates("caffe.MaxUnpool", "caffe.MaxUnpooling")
def max_unpool(call: Call, x: Array, mask: Array) -> Array:
    """The reverse of the MAX pooling with these parameters."""
    kernel, stride = pair_of(call, "kernel_size", "kernel"), pair_of(call, "stride", "stride", 1)
    padding = pair_of(call, "pad", "pad", 0)
    sizes = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(x.shape[2:], stride, kernel, padding, strict=True)]
    return scattered(x, mask, *sizes)


@evaluates("caffe.Unpooling")
def unpooling(call: Call, x: Array, *masks: Array) -> Array:
    """DeconvNet's: by the mask, else to the first place of each window."""
    if call.text("unpool") != "MAX":
        raise NotEvaluated(f"its method is {call.text('unpool')}")
    kernel, stride = pair_of(call, "kernel_size", "kernel"), pair_of(call, "stride", "stride", 1)
    common = call.attrs.get("unpool_size")
    given = [call.attrs.get(f"unpool_{side}", common) for side in "hw"]
    sizes = [g or (n - 1) * s + k + 1 for g, n, s, k in zip(given, x.shape[2:], stride, kernel, strict=True)]
    if masks:
        return scattered(x, masks[0], *sizes)
    out = np.zeros((*x.shape[:2], *sizes), x.dtype)
    out[:, :, : (x.shape[2] - 1) * stride[0] + 1 : stride[0], : (x.shape[3] - 1) * stride[1] + 1 : stride[1]] = x
    return out


@evaluates("caffe.Upsample")
def upsample(call: Call, x: Array, *masks: Array) -> Array:
    """By a mask (SegNet), else each number `scale` times both ways (MobileNet-YOLO, where it is 1 if not given)."""
    scale = pair_of(call, "scale", "scale")
    if not masks:
        times = int(call.attrs.get("scale", 1))
        return x.repeat(times, 2).repeat(times, 3)
    sizes = []
    for side, n, s in zip("hw", x.shape[2:], scale, strict=True):
        sizes.append(call.given(f"upsample_{side}") or n * s - int(call.flag(f"pad_out_{side}")))
    return scattered(x, masks[0], *sizes)
