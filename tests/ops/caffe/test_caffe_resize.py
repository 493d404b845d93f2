"""Crop, Interp, Upsample, and FlowNet2's Resample, Downsample and Accum."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import caffe_reference as reference
import numpy as np
import pytest
from caffe_cases import Array, Case, case, check, compile_text, numbers, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import regraft
from regraft.passes.caffe.resize import interp_size

FLOAT = 3e-7
"""Bilinear weights and sums in float32, whatever their order."""

X = numbers(1, 3, 9, 7)
SIZES = [
    ("height: 13 width: 5", (13, 5)),
    ("height: 1 width: 1", (1, 1)),
    ("zoom_factor: 3", (25, 19)),
    ("shrink_factor: 2", (5, 4)),
    ("shrink_factor: 2 zoom_factor: 4", (17, 13)),
    ("height: 4 width: 4 zoom_factor: 3", (25, 19)),
    ("height: 4 width: 4 shrink_factor: 2", (5, 4)),
    ("height: 4 width: 4 shrink_factor: 2 zoom_factor: 3", (4, 4)),
    ("height: 9 width: 7", (9, 7)),
]


@pytest.mark.parametrize(("params", "size"), SIZES)
def test_interp(params: str, size: tuple[int, int], tmp_path: Any) -> None:
    c = case("", f"interp_param {{ {params} }}", X)
    check("Interp", c, reference.interp(X, *size), tmp_path, rtol=FLOAT)


def test_interp_crops_and_follows_a_second_bottom(tmp_path: Any) -> None:
    cropped = X[:, :, 1:-2, 1:-2]
    c = case("", "interp_param { height: 10 width: 11 pad_beg: -1 pad_end: -2 }", X)
    check("Interp", c, reference.interp(cropped, 10, 11), tmp_path, rtol=FLOAT)
    c = case("", "interp_param { pad_beg: -1 pad_end: -2 }", X, numbers(1, 8, 12, 5))
    check("Interp", c, reference.interp(cropped, 12, 5), tmp_path, rtol=FLOAT)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    target=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    begin=st.integers(0, 2),
    end=st.integers(0, 2),
)
def test_interp_geometry(
    size: tuple[int, int], target: tuple[int, int], begin: int, end: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    x = numbers(1, 2, size[0] + begin + end, size[1] + begin + end)
    params = f"interp_param {{ height: {target[0]} width: {target[1]} pad_beg: {-begin} pad_end: {-end} }}"
    inner = x[:, :, begin : begin + size[0], begin : begin + size[1]]
    folder = tmp_path_factory.mktemp("interp")
    check("Interp", case("", params, x), reference.interp(inner, *target), folder, rtol=FLOAT)


@given(size=st.integers(1, 60), zoom=st.integers(1, 9), shrink=st.integers(1, 9))
def test_interp_sizes(size: int, zoom: int, shrink: int) -> None:
    """The formulas of interp_layer.cpp, written again."""
    both = {"height": 3, "width": 4}
    assert interp_size(size, "height", {"shrink_factor": shrink}) == math.floor((size - 1) / shrink) + 1
    assert interp_size(size, "height", {"zoom_factor": zoom, **both}) == size + (size - 1) * (zoom - 1)
    assert interp_size(size, "width", {"zoom_factor": zoom, "shrink_factor": shrink, **both}) == 4
    smaller = math.floor((size - 1) / shrink) + 1
    chained = interp_size(size, "height", {"zoom_factor": zoom, "shrink_factor": shrink})
    assert chained == smaller + (smaller - 1) * (zoom - 1)


@pytest.mark.parametrize(
    ("params", "axis", "offsets"),
    [
        ("", 2, (0, 0)),
        ("crop_param { offset: 2 }", 2, (2, 2)),
        ("crop_param { axis: 2 offset: 1 offset: 3 }", 2, (1, 3)),
        ("crop_param { axis: 1 offset: 1 offset: 0 offset: 2 }", 1, (1, 0, 2)),
        ("crop_param { axis: -1 offset: 3 }", 3, (3,)),
    ],
)
def test_crop(params: str, axis: int, offsets: tuple[int, ...], tmp_path: Any) -> None:
    x, like = numbers(2, 5, 9, 10), numbers(2, 3, 4, 5)
    cuts = [slice(None)] * axis + [slice(o, o + like.shape[axis + i]) for i, o in enumerate(offsets)]
    check("Crop", case("", params, x, like), x[tuple(cuts)], tmp_path, rtol=0)


def test_crop_in_the_centre(tmp_path: Any) -> None:
    x, like = numbers(2, 3, 9, 10), numbers(2, 3, 4, 5)
    centred = replace(case("", "", x, like), options={"crop_offset": "centre"})
    check("Crop", centred, x[:, :, 2:6, 2:7], tmp_path, rtol=0)
    given_ = replace(case("", "crop_param { axis: 2 }", x, like), options={"crop_offset": "centre"})
    check("Crop", given_, x[:, :, :4, :5], tmp_path, rtol=0)


FCN = """
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 dim: 20 dim: 24 } } }
    layer { name: "c" type: "Convolution" bottom: "x" top: "c"
            convolution_param { num_output: 1 kernel_size: 3 pad: 10 } }
    layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
    layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
    layer { name: "u" type: "Deconvolution" bottom: "p" top: "u"
            convolution_param { num_output: 1 kernel_size: 4 stride: 2 bias_term: false } }
    layer { name: "crop" type: "Crop" bottom: "u" bottom: "x" top: "y" }
"""
WEIGHTS = {"c": [numbers(1, 1, 3, 3), numbers(1)], "u": [numbers(1, 1, 4, 4, seed=1)]}


def test_crop_by_coordinate_maps(tmp_path: Any) -> None:
    """conv: x + 9; pool: (x - 1/2) / 2; deconvolution: 2 x + 3/2; so u = x + 10, and the offset is 10."""
    x = numbers(1, 1, 20, 24)
    found = {}
    for reading in ("zero", "auto", "centre"):
        model = compile_text(FCN, tmp_path, WEIGHTS, crop_offset=reading, outputs=["u", "y"])
        found[reading] = model.session().run({"x": x})
        warned = [w for w in model.report.warnings if "crop_offset" in w]
        assert len(warned) == (reading == "zero")
    u = found["zero"]["u"]
    np.testing.assert_array_equal(found["zero"]["y"], u[:, :, :20, :24])
    np.testing.assert_array_equal(found["auto"]["y"], u[:, :, 10:30, 10:34])
    top, left = (u.shape[2] - 20) // 2, (u.shape[3] - 24) // 2
    np.testing.assert_array_equal(found["centre"]["y"], u[:, :, top : top + 20, left : left + 24])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kernel_size: 4 stride: 2": "kernel_size: 4 stride: 4"}, "its bottoms differ in scale"),
        ({"kernel_size: 4 stride: 2": "kernel_size: 3 stride: 2"}, "the offset would be no whole number, 19/2"),
        ({"kernel_size: 4": "kernel_size: 2", "pad: 10": "pad: 0"}, "the offset would be negative, -1"),
        ({'type: "ReLU"': 'type: "Softmax"'}, "no common ancestor"),
    ],
)
def test_crop_without_a_coordinate_map(changes: dict[str, str], says: str, tmp_path: Any) -> None:
    text = FCN
    for old, new in changes.items():
        text = text.replace(old, new)
    kernel = int(text.split('top: "u"')[1].split("kernel_size: ")[1][0])
    weights = {**WEIGHTS, "u": [numbers(1, 1, kernel, kernel)]}
    with pytest.raises(regraft.CompileError) as error:
        compile_text(text, tmp_path, weights, crop_offset="auto")
    assert "its offset cannot be computed" in str(error.value)
    assert says in str(error.value)


def test_crop_of_unknown_size(tmp_path: Any) -> None:
    for reading, offset in (("zero", lambda d: 0), ("centre", lambda d: d // 2), ("auto", lambda d: 10)):
        model = compile_text(
            FCN, tmp_path, WEIGHTS, crop_offset=reading, outputs=["u", "y"], input_shapes={"x": (1, 1, "H", "W")}
        )
        session = model.session()
        for size in ((20, 24), (31, 16)):
            found = session.run({"x": numbers(1, 1, *size)})
            u = found["u"]
            top, left = (offset(u.shape[2 + i] - size[i]) for i in (0, 1))
            np.testing.assert_array_equal(found["y"], u[:, :, top : top + size[0], left : left + size[1]])


def test_upsample(tmp_path: Any) -> None:
    c = case("", "upsample_param { scale: 3 }", X)
    check("Upsample", c, X.repeat(3, 2).repeat(3, 3), tmp_path, rtol=0)
    check("Upsample", case("", "", X), X, tmp_path, rtol=0)  # MobileNet-YOLO's scale is 1 where the file gives none
    x = numbers(2, 3, 6, 8)
    best, mask = reference.pool(x, "MAX", kernel=(2, 2), stride=(2, 2))
    full = np.where(x == best.repeat(2, 2).repeat(2, 3), x, 0)
    for params in ("upsample_param { scale: 2 }", ""):
        check("Upsample", case("", params, best, mask), full, tmp_path, rtol=0)
    c = case("", "upsample_param { upsample_h: 6 upsample_w: 8 scale: 9 }", best, mask)
    check("Upsample", c, full, tmp_path, rtol=0)


def resample(x: Array, height: int, width: int, cubic: bool, antialias: bool) -> Array:
    """FlowNet2's InterpolationKernel, pixel by pixel."""

    def weight(d: float) -> float:
        d = abs(d)
        if not cubic:
            return max(0.0, 1 - d)
        if d <= 1:
            return d * d * (1.5 * d - 2.5) + 1
        return d * (d * (-0.5 * d + 2.5) - 4) + 2 if d < 2 else 0.0

    h, w = x.shape[2:]
    fx, fy = w / width, h / height
    smooth = antialias and (fx > 1 or fy > 1)
    ax, ay = (1 / fx, 1 / fy) if smooth else (1.0, 1.0)
    reach = 4 if cubic else 2
    rx, ry = 2 if fx < 1 else math.ceil(reach / ax), 2 if fy < 1 else math.ceil(reach / ay)
    out = np.zeros((*x.shape[:2], height, width))
    for i, j in np.ndindex(height, width):
        px, py = j * fx + fy / 2 - 0.5, i * fy + fx / 2 - 0.5
        cx, cy = (math.floor(abs(p) + 0.5) * (1 if p >= 0 else -1) for p in (px, py))
        total = 0.0
        for yy in range(max(0, cy - ry), min(h, cy + ry + 1)):
            for xx in range(max(0, cx - rx), min(w, cx + rx + 1)):
                k = ax * weight(ax * (px - xx)) * ay * weight(ay * (py - yy))
                out[:, :, i, j] += k * x[:, :, yy, xx]
                total += k
        out[:, :, i, j] = out[:, :, i, j] / total if total else 0
    return out.astype(np.float32)


@pytest.mark.parametrize("size", [(18, 14), (4, 3), (12, 5), (9, 7)])
@pytest.mark.parametrize(("kind", "antialias"), [("LINEAR", True), ("CUBIC", True), ("LINEAR", False)])
def test_resample(size: tuple[int, int], kind: str, antialias: bool, tmp_path: Any) -> None:
    text = f"resample_param {{ height: {size[0]} width: {size[1]} type: {kind} antialias: {str(antialias).lower()} }}"
    expected = resample(X, *size, kind == "CUBIC", antialias)
    check("Resample", case("", text, X), expected, tmp_path, rtol=2e-6)
    check("Resample", case("", text, X, numbers(1, 1, *size)), expected, tmp_path, rtol=2e-6)


def test_resample_nearest(tmp_path: Any) -> None:
    c = case("", "resample_param { height: 27 width: 21 type: NEAREST }", X)
    check("Resample", c, X.repeat(3, 2).repeat(3, 3), tmp_path, rtol=0)


def test_downsample(tmp_path: Any) -> None:
    """The mean of an area weighted by distance; NaN where more than half the weight is NaN."""
    x = numbers(1, 1, 7, 9)
    x[0, 0, :3, :4] = np.nan
    out = np.zeros((1, 1, 3, 4), np.float32)
    for i, j in np.ndindex(3, 4):
        cy, cx = i / 2 * 6, j / 3 * 8
        total = weight = missing = 0.0
        for yy, xx in np.ndindex(7, 9):
            k = max(0.0, 1 - abs(yy - cy) / 3) * max(0.0, 1 - abs(xx - cx) / (8 / 3))
            if np.isnan(x[0, 0, yy, xx]):
                missing += k
            else:
                total, weight = total + k * x[0, 0, yy, xx], weight + k
        out[0, 0, i, j] = np.nan if not weight or missing / weight > 0.5 else total / weight
    c = case("", "downsample_param { top_height: 3 top_width: 4 }", x)
    check("Downsample", c, out, tmp_path, rtol=2e-6)
    c = case("", "downsample_param { top_height: 9 top_width: 7 }", X)
    check("Downsample", c, X, tmp_path, rtol=0)


def test_accum(tmp_path: Any) -> None:
    a, b = numbers(2, 3, 5, 6), numbers(2, 2, 8, 4, seed=1)
    size = (8, 6)
    for params in ("", "accum_param { top_height: 9 top_width: 3 }"):
        expected = np.concatenate([reference.interp(v, *size) for v in (a, b)], 1)
        check("Accum", case("", params, a, b), expected, tmp_path, rtol=FLOAT)
    expected = np.concatenate([reference.interp(v, 16, 8) for v in (a, b)], 1)
    check("Accum", case("", "accum_param { top_height: 16 top_width: 8 }", a, b), expected, tmp_path, rtol=FLOAT)
    like = numbers(2, 1, 4, 7)
    expected = np.concatenate([reference.interp(v, 4, 7) for v in (a, b)], 1)
    check("Accum", case("", "accum_param { have_reference: true }", a, b, like), expected, tmp_path, rtol=FLOAT)


REFUSED: list[tuple[str, Case, str]] = [
    ("Upsample", case("", "upsample_param { scale: 1 stride: 2 }", X), "stride 2 is not supported"),
    ("Upsample", case("", "", X, X[:, :1]), "has not the shape of its bottom"),
    ("Interp", case("", "interp_param { zoom_factor: 2 pad_beg: 1 }", X), "pad_beg and pad_end crop"),
    ("Interp", case("", "", X), "has neither height and width nor a factor"),
    ("Interp", case("", "interp_param { height: 0 width: 4 }", X), "height 0 is not positive"),
    ("Crop", case("", "crop_param { offset: 1 offset: 1 offset: 1 }", X, X), "has 3 offsets for 2 axes"),
    ("Crop", case("", "crop_param { offset: 3 }", X, numbers(1, 3, 8, 7)), "takes 3 to 11 of axis 2, which has 9"),
    ("Crop", case("", "", X, numbers(3, 4)), "differ in rank"),
    ("Resample", case("", "resample_param { height: 4 width: 4 type: AREA }", X), "type AREA is not supported"),
    ("Resample", case("", "resample_param { type: LINEAR }", X), "has no height and width"),
]


@pytest.mark.parametrize(("layer_type", "c", "says"), REFUSED)
def test_refused(layer_type: str, c: Case, says: str, tmp_path: Any) -> None:
    refused(layer_type, c, says, tmp_path)
