"""Quantising and back against TensorFlow, whose integers ours equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Feed, Type, check, from_tensorflow, judge, numbers, one_op

MODES = ["MIN_COMBINED", "MIN_FIRST", "SCALED"]
RANGES = [(-1.5, 2.0), (0.0, 3.0), (-2.0, 0.0), (0.5, 1.5), (-0.001, 0.001)]
QUANTISED = {"quint8": "uint8", "qint8": "int8", "quint16": "uint16", "qint16": "int16"}


@pytest.mark.judge
@pytest.mark.parametrize("span", RANGES, ids=str)
@pytest.mark.parametrize("kind", ["quint8", "qint8"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("away", [True, False], ids=["away", "even"])
def test_quantize(mode: str, kind: str, span: Any, away: bool, tmp_path: Path) -> None:
    rounding = "HALF_AWAY_FROM_ZERO" if away or mode != "SCALED" else "HALF_TO_EVEN"

    def build(tf: Any, x: Any) -> Any:
        made = tf.raw_ops.QuantizeV2(
            input=x, min_range=span[0], max_range=span[1], T=getattr(tf, kind), mode=mode, round_mode=rounding
        )
        return tf.bitcast(made.output, QUANTISED[kind]), made.output_min, made.output_max

    judge(from_tensorflow(build, numbers(3, 50)), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("span", RANGES, ids=str)
@pytest.mark.parametrize("kind", ["quint8", "qint8", "qint16", "quint16"])
@pytest.mark.parametrize("mode", MODES)
def test_dequantize(mode: str, kind: str, span: Any, narrow: bool, tmp_path: Path) -> None:
    if narrow and (mode != "SCALED" or kind.startswith("qu")):
        pytest.skip("narrow ranges are for signed integers in mode SCALED")
    if (mode, kind, span) == ("MIN_FIRST", "qint16", RANGES[-1]):
        pytest.skip("the range's start lies between two integers: TensorFlow's rounding depends on the machine")
    x = numbers(3, 40, dtype=np.dtype(QUANTISED[kind]))

    def build(tf: Any, x: Any) -> Any:
        given = tf.bitcast(x, getattr(tf, kind))
        return tf.raw_ops.Dequantize(input=given, min_range=span[0], max_range=span[1], mode=mode, narrow_range=narrow)

    judge(from_tensorflow(build, x), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("mode", ["MIN_COMBINED", "SCALED"])
def test_dequantize_by_slices(mode: str, tmp_path: Path) -> None:
    low, high = np.array([-1.0, -2, -0.5], np.float32), np.array([1.0, 3, 0.25], np.float32)

    def build(tf: Any, x: Any) -> Any:
        given = tf.bitcast(x, tf.qint8)
        return tf.raw_ops.Dequantize(input=given, min_range=low, max_range=high, mode=mode, axis=1)

    judge(from_tensorflow(build, numbers(2, 3, 5, dtype=np.int8)), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("narrow", [True, False], ids=["narrow", "full"])
@pytest.mark.parametrize("mode", ["HALF_TO_EVEN", "HALF_UP"])
@pytest.mark.parametrize(("given", "axis"), [(True, -1), (False, -1), (False, 1)], ids=str)
@pytest.mark.parametrize("bits", [8, 4])
def test_there_and_back(
    given: bool, signed: bool, narrow: bool, mode: str, axis: int, bits: int, tmp_path: Path
) -> None:
    low, high = (np.float32(v) if axis < 0 else np.full(3, v, np.float32) for v in (-1, 1.5))
    attrs = {"signed_input": signed, "range_given": given, "narrow_range": narrow, "round_mode": mode, "axis": axis}
    x = numbers(4, 3, 5)
    x = x if signed else abs(x)
    net = one_op(f"QuantizeAndDequantizeV{4 if narrow else 2}", Feed(x), low, high, num_bits=bits, **attrs)
    judge(net, tmp_path)


@pytest.mark.judge
def test_bits_as_input(tmp_path: Path) -> None:
    feeds = Feed(numbers(4, 5), [None, None]), np.float32(-1), np.float32(1), np.int32(6)
    judge(one_op("QuantizeAndDequantizeV3", *feeds, range_given=True), tmp_path)


def test_dequantize_by_definition(tmp_path: Path) -> None:
    x = np.arange(0, 256, 5, dtype=np.uint8)
    net = one_op("Dequantize", Feed(x), np.float32(-1), np.float32(2), T=Type("DT_QUINT8"), mode="MIN_COMBINED")
    check(net, (x * np.float32(3 / 255) - 1).astype(np.float32), tmp_path)
