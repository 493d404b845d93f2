"""Layers on quantised numbers against TensorFlow's kernels; integers must be equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Array, Feed, from_tensorflow, judge, numbers

pytestmark = pytest.mark.judge
SPAN = (-1.25, 2.5)
OTHER = (-0.75, 0.5)
SHAPES = {"static": False, "dynamic": True}


def octets(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def sums(*shape: int) -> Array:
    return np.random.default_rng(0).integers(-2_000_000, 3_000_000, shape, np.int32)


def feed(array: Array, dynamic: bool) -> Feed:
    return Feed(array, [None] * array.ndim if dynamic else None)


def plain(tf: Any, made: Any, kind: str) -> list[Any]:
    return [tf.bitcast(made[0], kind), *made[1:]]


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution(padding: str, stride: int, tmp_path: Path) -> None:
    weights = octets(3, 3, 4, 5, seed=1)

    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.QuantizedConv2D(
            input=tf.bitcast(x, tf.quint8), filter=tf.bitcast(weights, tf.quint8),
            min_input=SPAN[0], max_input=SPAN[1], min_filter=OTHER[0], max_filter=OTHER[1],
            strides=[1, stride, stride, 1], padding=padding,
        )  # fmt: skip
        return plain(tf, made, "int32")

    judge(from_tensorflow(build, octets(2, 7, 6, 4)), tmp_path)


@pytest.mark.parametrize("flips", [(False, False), (True, True)], ids=["plain", "transposed"])
@pytest.mark.parametrize("dynamic", SHAPES.values(), ids=SHAPES)
def test_matmul(flips: tuple[bool, bool], dynamic: bool, tmp_path: Path) -> None:
    x, y = octets(3, 4), octets(4, 5, seed=1)

    def build(tf: Any, x: Any, y: Any) -> Any:
        made = tf.raw_ops.QuantizedMatMul(
            a=tf.bitcast(x, tf.quint8), b=tf.bitcast(y, tf.quint8), min_a=SPAN[0], max_a=SPAN[1],
            min_b=OTHER[0], max_b=OTHER[1], transpose_a=flips[0], transpose_b=flips[1],
        )  # fmt: skip
        return plain(tf, made, "int32")

    feeds = (x.T if flips[0] else x, y.T if flips[1] else y)
    judge(from_tensorflow(build, *(feed(np.ascontiguousarray(f), dynamic) for f in feeds)), tmp_path)


def test_product(tmp_path: Path) -> None:
    def build(tf: Any, x: Any, y: Any) -> Any:
        made = tf.raw_ops.QuantizedMul(
            x=tf.bitcast(x, tf.quint8), y=tf.bitcast(y, tf.quint8),
            min_x=SPAN[0], max_x=SPAN[1], min_y=OTHER[0], max_y=OTHER[1],
        )  # fmt: skip
        return plain(tf, made, "int32")

    judge(from_tensorflow(build, octets(3, 16), octets(16, seed=1)), tmp_path)


@pytest.mark.parametrize("kind", ["quint8", "qint8"])
@pytest.mark.parametrize("dynamic", SHAPES.values(), ids=SHAPES)
def test_bias(kind: str, dynamic: bool, tmp_path: Path) -> None:
    x, bias = octets(2, 3, 8), octets(8, seed=1)

    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.QuantizedBiasAdd(
            input=tf.bitcast(x, getattr(tf, kind)), bias=tf.bitcast(bias, getattr(tf, kind)),
            min_input=SPAN[0], max_input=SPAN[1], min_bias=OTHER[0], max_bias=OTHER[1], out_type=tf.qint32,
        )  # fmt: skip
        return plain(tf, made, "int32")

    judge(from_tensorflow(build, feed(x, dynamic)), tmp_path)


@pytest.mark.parametrize("name", ["QuantizedRelu", "QuantizedRelu6"])
@pytest.mark.parametrize("span", [(-4.0, 9.0), (-0.5, 2.0), (0.0, 7.0)], ids=str)
def test_relu(name: str, span: tuple[float, float], tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        made = getattr(tf.raw_ops, name)(features=tf.bitcast(x, tf.quint8), min_features=span[0], max_features=span[1])
        return plain(tf, made, "uint8")

    judge(from_tensorflow(build, octets(3, 40)), tmp_path)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_max_pool(padding: str, tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.QuantizedMaxPool(
            input=tf.bitcast(x, tf.quint8), min_input=SPAN[0], max_input=SPAN[1],
            ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding=padding,
        )  # fmt: skip
        return plain(tf, made, "uint8")

    judge(from_tensorflow(build, octets(1, 7, 6, 16)), tmp_path)


def test_reshape(tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.QuantizedReshape(
            tensor=tf.bitcast(x, tf.quint8), shape=[4, -1], input_min=SPAN[0], input_max=SPAN[1]
        )
        return plain(tf, made, "uint8")

    judge(from_tensorflow(build, octets(2, 6)), tmp_path)


@pytest.mark.parametrize("spans", [(SPAN, OTHER), (SPAN, SPAN), ((0.5, 1.0), (0.25, 3.0))], ids=str)
def test_concat(spans: Any, tmp_path: Path) -> None:
    def build(tf: Any, x: Any, y: Any) -> Any:
        made = tf.raw_ops.QuantizedConcat(
            concat_dim=1, values=[tf.bitcast(x, tf.quint8), tf.bitcast(y, tf.quint8)],
            input_mins=[s[0] for s in spans], input_maxes=[s[1] for s in spans],
        )  # fmt: skip
        return plain(tf, made, "uint8")

    judge(from_tensorflow(build, octets(3, 40), octets(3, 20, seed=1)), tmp_path)


@pytest.mark.parametrize("dynamic", SHAPES.values(), ids=SHAPES)
def test_range_of_sums(dynamic: bool, tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.RequantizationRange(input=tf.bitcast(x, tf.qint32), input_min=-1000.0, input_max=1100.0)
        return list(made)

    judge(from_tensorflow(build, feed(sums(3, 40), dynamic)), tmp_path)


@pytest.mark.parametrize("span", [(-1.0, 1.5), (0.0, 0.75), (-0.5, 0.0), (-2.0, 2.0)], ids=str)
def test_requantize(span: tuple[float, float], tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.Requantize(
            input=tf.bitcast(x, tf.qint32), input_min=-1000.0, input_max=1100.0,
            requested_output_min=span[0], requested_output_max=span[1], out_type=tf.quint8,
        )  # fmt: skip
        return plain(tf, made, "uint8")

    judge(from_tensorflow(build, sums(3, 400)), tmp_path)


@pytest.mark.parametrize("dynamic", SHAPES.values(), ids=SHAPES)
def test_shrunk_range(dynamic: bool, tmp_path: Path) -> None:
    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.QuantizeDownAndShrinkRange(
            input=tf.bitcast(x, tf.qint32), input_min=-1000.0, input_max=1100.0, out_type=tf.quint8
        )
        return plain(tf, made, "uint8")

    judge(from_tensorflow(build, feed(sums(3, 400), dynamic)), tmp_path)


def test_a_layer_as_quantize_graph_writes_it(tmp_path: Path) -> None:
    """Float in, float out, through quantised convolution, bias, and activation with ranges found at run time."""
    weights = numbers(3, 3, 4, 8, seed=1)

    def build(tf: Any, x: Any) -> Any:
        ops = tf.raw_ops
        low, high = tf.reduce_min(x), tf.reduce_max(x)
        given = ops.QuantizeV2(input=x, min_range=low, max_range=high, T=tf.quint8, mode="MIN_FIRST")
        kernel = ops.QuantizeV2(
            input=weights, min_range=weights.min(), max_range=weights.max(), T=tf.quint8, mode="MIN_FIRST"
        )
        wide = ops.QuantizedConv2D(
            input=given[0], filter=kernel[0], min_input=given[1], max_input=given[2],
            min_filter=kernel[1], max_filter=kernel[2], strides=[1, 1, 1, 1], padding="SAME",
        )  # fmt: skip
        small = ops.QuantizeDownAndShrinkRange(input=wide[0], input_min=wide[1], input_max=wide[2], out_type=tf.quint8)
        active = ops.QuantizedRelu(features=small[0], min_features=small[1], max_features=small[2])
        return ops.Dequantize(input=active[0], min_range=active[1], max_range=active[2], mode="MIN_FIRST")

    judge(from_tensorflow(build, numbers(1, 6, 6, 4)), tmp_path)
