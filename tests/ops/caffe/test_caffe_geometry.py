"""Random shapes, axes and parameters of the layers whose geometry has corners; numpy says what is expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import caffe_reference as reference
import numpy as np
import pytest
from caffe_cases import Array, Case, case, check, numbers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SUMS = 2e-5
"""Products summed in float32, in any order."""

Draw = Callable[[st.SearchStrategy[int]], int]
Folders = pytest.TempPathFactory
some = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def between(draw: Draw, least: int, most: int) -> int:
    return draw(st.integers(least, most))


def shape(draw: Draw, least_rank: int = 1, most: int = 4) -> tuple[int, ...]:
    """Up to five axes."""
    return tuple(between(draw, 1, most) for _ in range(between(draw, least_rank, 5)))


def spelled(draw: Draw, axis: int, rank: int) -> int:
    """The axis, counted from either end."""
    return axis - rank * between(draw, 0, 1)


def repeated(name: str, values: Sequence[object]) -> str:
    return " ".join(f"{name}: {v}" for v in values)


def verify(layer_type: str, c: Case, expected: Array | Sequence[Array], folders: Folders, rtol: float = 0) -> None:
    check(layer_type, c, expected, folders.mktemp("geometry"), rtol=rtol)


@some
@given(data=st.data())
def test_convolutions_of_any_rank(data: st.DataObject, tmp_path_factory: Folders) -> None:
    """One to three spatial axes, groups, channels at `axis`; forwards and transposed."""
    draw = data.draw
    spatial, group, up = between(draw, 1, 3), between(draw, 1, 3), bool(between(draw, 0, 1))
    kernel, stride, pad, dilation = (
        [between(draw, *limits) for _ in range(spatial)] for limits in ((1, 3), (1, 3), (0, 1), (1, 2))
    )
    size = [d * (k - 1) + 1 + between(draw, 0, 3) for k, d in zip(kernel, dilation, strict=True)]
    channels, wanted = group * between(draw, 1, 2), group * between(draw, 1, 2)
    outer = [between(draw, 1, 2) for _ in range(between(draw, 1, 2))]
    x = numbers(*outer, channels, *size)
    filters = (channels, wanted // group) if up else (wanted, channels // group)
    w, b = numbers(*filters, *kernel, seed=1), numbers(wanted, seed=2)
    compute = reference.deconv if up else reference.conv
    rows = compute(x.reshape(-1, channels, *size), w, b, stride=stride, pad=pad, dilation=dilation, group=group)
    fields = [("kernel_size", kernel), ("stride", stride), ("pad", pad), ("dilation", dilation)]
    text = " ".join(repeated(name, values) for name, values in fields)
    axis = spelled(draw, len(outer), x.ndim)
    c = case("", f"convolution_param {{ num_output: {wanted} group: {group} axis: {axis} {text} }}", x, blobs=[w, b])
    verify("Deconvolution" if up else "Convolution", c, rows.reshape(*outer, *rows.shape[1:]), tmp_path_factory, SUMS)


@some
@given(data=st.data())
def test_pooling_with_its_mask(data: st.DataObject, tmp_path_factory: Folders) -> None:
    """Whole numbers, so that many are equal: the first of them is the mask's."""
    draw = data.draw
    kernel, stride = ([between(draw, 1, 4) for _ in range(2)] for _ in range(2))
    pad = [between(draw, 0, k - 1) for k in kernel]
    size = [max(1, k - 2 * p) + between(draw, 0, 6) for k, p in zip(kernel, pad, strict=True)]
    sides = [
        f"{name}_{side}: {v[i]}"
        for name, v in (("kernel", kernel), ("stride", stride), ("pad", pad))
        for i, side in enumerate("hw")
    ]
    x = np.round(numbers(2, 2, *size))
    expected = reference.pool(x, "MAX", kernel=kernel, stride=stride, pad=pad)
    c = case("", f"pooling_param {{ pool: MAX {' '.join(sides)} }}", x, tops=2)
    verify("Pooling", c, expected, tmp_path_factory)


@some
@given(data=st.data())
def test_crop_of_any_rank(data: st.DataObject, tmp_path_factory: Folders) -> None:
    draw = data.draw
    x = numbers(*shape(draw, 2))
    axis = between(draw, 0, x.ndim - 1)
    offsets = [between(draw, 0, n - 1) for n in x.shape[axis:]]
    if between(draw, 0, 1):
        offsets = [min(offsets)] * len(offsets)
    sizes = [between(draw, 1, n - o) for n, o in zip(x.shape[axis:], offsets, strict=True)]
    like = numbers(*(between(draw, 1, 3) for _ in range(axis)), *sizes)
    given_ = offsets[:1] if len(set(offsets)) == 1 else offsets
    c = case("", f"crop_param {{ axis: {spelled(draw, axis, x.ndim)} {repeated('offset', given_)} }}", x, like)
    cuts = [slice(None)] * axis + [slice(o, o + n) for o, n in zip(offsets, sizes, strict=True)]
    verify("Crop", c, x[tuple(cuts)], tmp_path_factory)


@some
@given(data=st.data())
def test_slice_and_concat_back(data: st.DataObject, tmp_path_factory: Folders) -> None:
    draw = data.draw
    parts = [between(draw, 1, 3) for _ in range(between(draw, 1, 4))]
    dims = list(shape(draw))
    axis = between(draw, 0, len(dims) - 1)
    dims[axis] = sum(parts)
    x, points = numbers(*dims), np.cumsum(parts)[:-1].tolist()
    where = spelled(draw, axis, x.ndim)
    cut = np.split(x, points, axis)
    c = case("", f"slice_param {{ axis: {where} {repeated('slice_point', points)} }}", x, tops=len(parts))
    verify("Slice", c, cut, tmp_path_factory)
    verify("Concat", case("", f"concat_param {{ axis: {where} }}", *cut), x, tmp_path_factory)


@some
@given(data=st.data())
def test_factors_that_span_some_axes(data: st.DataObject, tmp_path_factory: Folders) -> None:
    """Scale and Bias, their numbers from a blob or from a bottom; none of the axes, some, or all from `axis` on."""
    draw = data.draw
    x = numbers(*shape(draw))
    axis = between(draw, 0, x.ndim - 1)
    spans = between(draw, 0, x.ndim - axis)
    inner = x.shape[axis : axis + spans]
    factor, shift = (numbers(*inner, seed=s).reshape(inner) for s in (1, 2))
    wide = (1,) * (x.ndim - axis - spans)
    where = spelled(draw, axis, x.ndim)
    scaled = x * factor.reshape(*inner, *wide)
    both = scaled + shift.reshape(*inner, *wide)
    own = f"axis: {where} num_axes: {spans}"
    c = case("", f"scale_param {{ {own} bias_term: true }}", x, blobs=[factor, shift])
    verify("Scale", c, both, tmp_path_factory, 1e-6)
    verify("Scale", case("", f"scale_param {{ axis: {where} }}", x, factor), scaled, tmp_path_factory, 1e-6)
    added = x + shift.reshape(*inner, *wide)
    verify("Bias", case("", f"bias_param {{ {own} }}", x, blobs=[shift]), added, tmp_path_factory, 1e-6)
    verify("Bias", case("", f"bias_param {{ axis: {where} }}", x, shift), added, tmp_path_factory, 1e-6)


@some
@given(data=st.data())
def test_inner_product_of_any_rank(data: st.DataObject, tmp_path_factory: Folders) -> None:
    draw = data.draw
    x, wanted = numbers(*shape(draw)), between(draw, 1, 4)
    axis, transposed = between(draw, 0, x.ndim - 1), bool(between(draw, 0, 1))
    columns = prod(x.shape[axis:])
    w, b = numbers(wanted, columns, seed=1), numbers(wanted, seed=2)
    params = f"num_output: {wanted} axis: {spelled(draw, axis, x.ndim)} transpose: {str(transposed).lower()}"
    blobs = [np.ascontiguousarray(w.T) if transposed else w, b]
    expected = (x.reshape(-1, columns) @ w.T + b).reshape(*x.shape[:axis], wanted)
    c = case("", f"inner_product_param {{ {params} }}", x, blobs=blobs)
    verify("InnerProduct", c, expected, tmp_path_factory, SUMS)


@some
@given(data=st.data())
def test_arg_max_with_equals(data: st.DataObject, tmp_path_factory: Folders) -> None:
    """Caffe sorts pairs of number and place downwards: of equals the last is first."""
    draw = data.draw
    x = np.round(numbers(*shape(draw, 2)))
    values, along = bool(between(draw, 0, 1)), bool(between(draw, 0, 1))
    axis = between(draw, 0, x.ndim - 1)
    rows = np.moveaxis(x, axis, -1) if along else x.reshape(x.shape[0], -1)
    top = between(draw, 1, min(3, rows.shape[-1]))
    places = rows.shape[-1] - 1 - np.argsort(-rows[..., ::-1], axis=-1, kind="stable")[..., :top]
    best = np.take_along_axis(rows, places, -1)
    if along:
        expected = np.moveaxis(best if values else places, -1, axis)
    else:
        wide = (x.shape[0], 1, top, *(1,) * (max(x.ndim, 3) - 3))
        parts = [places.reshape(wide), *([best.reshape(wide)] if values else [])]
        expected = np.concatenate(parts, 1)
    where = f"axis: {spelled(draw, axis, x.ndim)}" if along else ""
    c = case("", f"argmax_param {{ top_k: {top} out_max_val: {str(values).lower()} {where} }}", x)
    verify("ArgMax", c, np.asarray(expected, np.float32), tmp_path_factory)
