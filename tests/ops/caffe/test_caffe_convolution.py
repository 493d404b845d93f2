"""Convolution, Deconvolution, their depthwise forks and Im2col."""

from __future__ import annotations

from typing import Any

import caffe_reference as reference
import numpy as np
import pytest
from caffe_cases import Case, case, check, compile_text, numbers, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SUMS = 2e-6
"""Sums of up to some hundred float32 products, in another order than the reference's doubles."""


def conv_case(name: str, params: str, x: tuple[int, ...], w: tuple[int, ...], bias: bool = True, **extra: Any) -> Case:
    blobs = [numbers(*w, seed=1), *([numbers(w[0], seed=2)] if bias else [])]
    block = f"convolution_param {{ num_output: {w[0]} {params} {'' if bias else 'bias_term: false'} }}"
    return case(name, block, numbers(*x), blobs=blobs, **{"stride": (1, 1), "pad": (0, 0), "dilation": (1, 1), **extra})


CONVOLUTIONS = [
    conv_case("plain", "kernel_size: 3", (2, 4, 7, 6), (5, 4, 3, 3)),
    conv_case(
        "stride and pad", "kernel_size: 3 stride: 2 pad: 1", (2, 4, 7, 6), (5, 4, 3, 3), stride=(2, 2), pad=(1, 1)
    ),
    conv_case(
        "each axis",
        "kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0",
        (1, 3, 8, 7),
        (4, 3, 3, 2),
        stride=(2, 1),
        pad=(1, 0),
    ),
    conv_case(
        "repeated",
        "kernel_size: 3 kernel_size: 1 stride: 1 stride: 2 pad: 1 pad: 0 dilation: 2 dilation: 1",
        (1, 3, 9, 8),
        (4, 3, 3, 1),
        stride=(1, 2),
        pad=(1, 0),
        dilation=(2, 1),
    ),
    conv_case("group", "kernel_size: 3 group: 2", (1, 4, 6, 6), (6, 2, 3, 3), group=2),
    conv_case("no bias", "kernel_size: 1", (1, 3, 4, 4), (2, 3, 1, 1), bias=False),
    conv_case("one axis", "kernel_size: 3 pad: 1", (2, 3, 9), (4, 3, 3), stride=(1,), pad=(1,), dilation=(1,)),
    conv_case(
        "three axes",
        "kernel_size: 3 stride: 2",
        (1, 2, 5, 6, 7),
        (3, 2, 3, 3, 3),
        stride=(2,) * 3,
        pad=(0,) * 3,
        dilation=(1,) * 3,
    ),
    conv_case("DeepLab's hole", "kernel_size: 3 hole: 2", (1, 3, 9, 9), (2, 3, 3, 3), dilation=(2, 2)),
    conv_case(
        "yjxiong's dilation", "kernel_size: 3 dilation_h: 2 dilation_w: 3", (1, 2, 9, 9), (2, 2, 3, 3), dilation=(2, 3)
    ),
]


@pytest.mark.parametrize("c", CONVOLUTIONS, ids=str)
def test_convolution(c: Case, tmp_path: Any) -> None:
    check("Convolution", c, reference.conv(c.bottoms[0], *c.blobs, **c.extra), tmp_path, rtol=SUMS)


def test_axis_and_no_spatial_axes(tmp_path: Any) -> None:
    x, w, b = numbers(2, 3, 4, 5, 6), numbers(7, 4, 3, 3, seed=1), numbers(7, seed=2)
    c = case("axis 2", "convolution_param { num_output: 7 kernel_size: 3 axis: 2 }", x, blobs=[w, b])
    flat = reference.conv(x.reshape(6, 4, 5, 6), w, b, stride=(1, 1), pad=(0, 0), dilation=(1, 1))
    check("Convolution", c, flat.reshape(2, 3, 7, 3, 4), tmp_path, rtol=SUMS)
    c = case("no axes", "convolution_param { num_output: 7 kernel_size: 1 }", numbers(3, 4), blobs=[w[:, :, 0, 0], b])
    check("Convolution", c, c.bottoms[0] @ w[:, :, 0, 0].T + b, tmp_path, rtol=SUMS)


def test_relu_inside(tmp_path: Any) -> None:
    c = conv_case("Intel's relu", "kernel_size: 3 relu: true", (1, 3, 5, 5), (4, 3, 3, 3))
    expected = np.maximum(reference.conv(c.bottoms[0], *c.blobs, **c.extra), 0)
    check("Convolution", c, expected, tmp_path, rtol=SUMS)


def test_several_bottoms_share_weights(tmp_path: Any) -> None:
    w, b = numbers(4, 3, 3, 3, seed=1), numbers(4, seed=2)
    xs = [numbers(1, 3, 6, 6), numbers(2, 3, 5, 7, seed=3)]
    c = case("two", "convolution_param { num_output: 4 kernel_size: 3 }", *xs, blobs=[w, b], tops=2)
    expected = [reference.conv(x, w, b, stride=(1, 1), pad=(0, 0), dilation=(1, 1)) for x in xs]
    model = check("Convolution", c, expected, tmp_path, rtol=SUMS)
    weights = [i for i in model.proto.graph.initializer if list(i.dims) == [4, 3, 3, 3]]
    assert len(weights) == 1


def test_legacy_shapes(tmp_path: Any) -> None:
    x, w, b = numbers(1, 3, 6, 6), numbers(4, 3, 3, 3, seed=1), numbers(4, seed=2)
    c = case("1x1x1xN bias", "convolution_param { num_output: 4 kernel_size: 3 }", x, blobs=[w, b.reshape(1, 1, 1, 4)])
    check("Convolution", c, reference.conv(x, w, b, stride=(1, 1), pad=(0, 0), dilation=(1, 1)), tmp_path, rtol=SUMS)


DECONVOLUTIONS = [
    ("twice as large", "kernel_size: 4 stride: 2 pad: 1", (1, 3, 4, 5), (3, 2, 4, 4), (2, 2), (1, 1), 1),
    ("depthwise", "kernel_size: 4 stride: 2 pad: 1 group: 3", (2, 3, 4, 5), (3, 1, 4, 4), (2, 2), (1, 1), 3),
    ("each axis", "kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 3", (1, 4, 3, 4), (4, 1, 3, 2), (1, 3), (0, 0), 2),
]


@pytest.mark.parametrize(("name", "params", "x", "w", "stride", "pad", "group"), DECONVOLUTIONS)
def test_deconvolution(
    name: str, params: str, x: Any, w: Any, stride: Any, pad: Any, group: int, tmp_path: Any
) -> None:
    wanted = w[1] * group
    group_text = f"group: {group}" if "group" not in params else ""
    block = f"convolution_param {{ num_output: {wanted} {params} {group_text} }}"
    blobs = [numbers(*w, seed=1), numbers(wanted, seed=2)]
    c = case(name, block, numbers(*x), blobs=blobs)
    expected = reference.deconv(c.bottoms[0], *blobs, stride=stride, pad=pad, dilation=(1, 1), group=group)
    check("Deconvolution", c, expected, tmp_path, rtol=SUMS)


def test_depthwise_forks(tmp_path: Any) -> None:
    x, w, b = numbers(2, 4, 7, 6), numbers(4, 1, 3, 3, seed=1), numbers(4, seed=2)
    expected = reference.conv(x, w, b, stride=(2, 2), pad=(1, 1), dilation=(1, 1), group=4)
    params = "convolution_param { kernel_size: 3 stride: 2 pad: 1 "
    ignored = case("without num_output", params + "group: 3 num_output: 99 }", x, blobs=[w, b])
    check("ConvolutionDepthwise", ignored, expected, tmp_path, rtol=SUMS)
    plain = case("like Convolution", params + "num_output: 4 group: 4 }", x, blobs=[w, b])
    check("DepthwiseConvolution", plain, expected, tmp_path, rtol=SUMS)


def test_im2col(tmp_path: Any) -> None:
    x = numbers(2, 3, 6, 5)
    c = case("", "convolution_param { kernel_size: 3 stride: 2 pad: 1 dilation: 1 }", x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    columns = [padded[:, ch, i : i + 5 : 2, j : j + 5 : 2] for ch in range(3) for i in range(3) for j in range(3)]
    check("Im2col", c, np.stack(columns, 1), tmp_path, rtol=0)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_geometry(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any kernel, stride, pad and dilation that fits, convolution and deconvolution."""
    up = data.draw(st.booleans(), "deconvolution")
    kernel, stride, pad, dilation = (
        [data.draw(st.integers(least, most), what) for _ in range(2)]
        for what, least, most in (("kernel", 1, 4), ("stride", 1, 3), ("pad", 0, 3), ("dilation", 1, 3))
    )
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if up:
        size = [
            data.draw(st.integers(max(1, -(-(2 * p + 1 - e) // s) + 1), 8))
            for e, p, s in zip(extent, pad, stride, strict=True)
        ]
    else:
        size = [data.draw(st.integers(max(1, e - 2 * p), 9)) for e, p in zip(extent, pad, strict=True)]
    text = " ".join(
        f"{name}: {v}"
        for name, vs in (("kernel_size", kernel), ("stride", stride), ("pad", pad), ("dilation", dilation))
        for v in vs
    )
    w, b = numbers(2, 2, *kernel, seed=1), numbers(2, seed=2)
    c = case("", f"convolution_param {{ num_output: 2 {text} }}", numbers(1, 2, *size), blobs=[w, b])
    compute = reference.deconv if up else reference.conv
    expected = compute(c.bottoms[0], w, b, stride=stride, pad=pad, dilation=dilation)
    folder = tmp_path_factory.mktemp("geometry")
    check("Deconvolution" if up else "Convolution", c, expected, folder, rtol=SUMS)


W = [numbers(4, 3, 3, 3), numbers(4)]
REFUSED = [
    (case("", "convolution_param { num_output: 4 kernel_size: 3 }", numbers(1, 0, 5, 5), blobs=W), "has no channels"),
    (case("", "convolution_param { num_output: 4 }", numbers(1, 3, 5, 5), blobs=W), "has no kernel_size"),
    (
        case("", "convolution_param { num_output: 4 kernel_size: 3 pad_type: 1 }", numbers(1, 3, 5, 5), blobs=W),
        "pad_type 1 is not supported",
    ),
    (
        case("", "convolution_param { num_output: 4 kernel_size: 3 group: 2 }", numbers(1, 3, 5, 5), blobs=W),
        "group 2 divides not both 3 channels and num_output 4",
    ),
    (
        case("", "convolution_param { num_output: 5 kernel_size: 3 }", numbers(1, 3, 5, 5), blobs=W),
        "its weights have the shape 4x3x3x3, and 5x3x3x3 is needed",
    ),
    (
        case(
            "",
            "convolution_param { num_output: 4 kernel_size: 3 kernel_size: 3 kernel_size: 3 }",
            numbers(1, 3, 5, 5),
            blobs=W,
        ),
        "kernel_size is given 3 times for 2 spatial axes",
    ),
    (
        case("", "convolution_param { num_output: 4 kernel_h: 3 }", numbers(1, 3, 5, 5), blobs=W),
        "kernel_h and kernel_w go together",
    ),
]


@pytest.mark.parametrize(("c", "says"), REFUSED)
def test_refused(c: Case, says: str, tmp_path: Any) -> None:
    refused("Convolution", c, says, tmp_path)


def test_unknown_size(tmp_path: Any) -> None:
    """A fully convolutional net runs at several sizes from one file."""
    text = (
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }\n'
        'layer { name: "c" type: "Convolution" bottom: "x" top: "y"\n'
        "        convolution_param { num_output: 4 kernel_size: 3 } }\n"
    )
    w, b = W
    model = compile_text(text, tmp_path, {"c": [w, b]}, input_shapes={"x": ("N", 3, "H", "W")})
    session = model.session()
    for shape in ((1, 3, 5, 6), (2, 3, 9, 4)):
        x = numbers(*shape)
        expected = reference.conv(x, w, b, stride=(1, 1), pad=(0, 0), dilation=(1, 1))
        np.testing.assert_allclose(session.run({"x": x})["y"], expected, rtol=1e-4, atol=1e-4)
