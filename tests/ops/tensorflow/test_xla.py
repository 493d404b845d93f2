"""XLA's product and convolution by numpy and TensorFlow's convolution: TensorFlow runs these ops under XLA only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Feed, Net, Type, check, from_tensorflow, numbers, one_op, refused


def message(fields: Mapping[int, Sequence[int]], *, packed: bool = True) -> str:
    """A protobuf message of small integers, as a text GraphDef writes it."""
    data = b""
    for number, values in fields.items():
        if packed:
            data += bytes([number << 3 | 2, len(values), *values])
        else:
            data += b"".join(bytes([number << 3, value]) for value in values)
    return "".join(f"\\{byte:03o}" for byte in data)


def dot(x: Feed, y: Feed, fields: Mapping[int, Sequence[int]], kind: str = "DT_FLOAT", **more: Any) -> Net:
    types = {"T": None, "LhsT": Type(kind), "RhsT": Type(kind), "preferred_element_type": Type(kind)}
    return one_op("XlaDotV2", x, y, dimension_numbers=message(fields, **more), **types)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_product(packed: bool, dynamic: bool, tmp_path: Path) -> None:
    x, y = numbers(3, 2, 4, 5), numbers(5, 6, 2, 4, seed=1)
    feeds = [Feed(v, [None] * 4 if dynamic else None) for v in (x, y)]
    net = dot(*feeds, {1: [3, 2], 2: [0, 3], 3: [1], 4: [2]}, packed=packed)
    check(net, np.einsum("abcd,dfbc->baf", x, y), tmp_path)


def test_product_of_integers(tmp_path: Path) -> None:
    x, y = numbers(3, 4, dtype=np.int32), numbers(4, 2, dtype=np.int32)
    check(dot(Feed(x), Feed(y), {1: [1], 2: [0]}, "DT_INT32"), x @ y, tmp_path)


NHWC = {7: [0], 8: [3], 11: [1, 2], 3: [2], 4: [3], 6: [0, 1], 9: [0], 10: [3], 12: [1, 2]}


def convolution(x: Feed, w: Any, fields: Mapping[int, Sequence[int]] = NHWC, **how: Any) -> Net:
    given = {"strides": [1, 1], "padding": [[0, 0], [0, 0]], "gaps": [1, 1], "dilations": [1, 1], "groups": 1, **how}
    constants = [np.asarray(given[name], np.int32) for name in ("strides", "padding", "gaps", "dilations", "groups")]
    kind = Type("DT_FLOAT")
    return one_op(
        "XlaConvV2", x, w, *constants, T=None, LhsT=kind, RhsT=kind, Tindices=Type("DT_INT32"),
        preferred_element_type=kind, batch_group_count=1, dimension_numbers=message(fields),
    )  # fmt: skip


@pytest.mark.judge
@pytest.mark.parametrize("how", [{}, {"strides": [2, 1]}, {"dilations": [1, 2]}], ids=["plain", "strides", "dilations"])
@pytest.mark.parametrize("shape", [None, (None,) * 4], ids=["static", "dynamic"])
def test_convolution(how: dict[str, Any], shape: Any, tmp_path: Path) -> None:
    x, w, padding = numbers(2, 7, 6, 3), numbers(3, 2, 3, 4, seed=1), [[1, 0], [2, 1]]

    def build(tf: Any, v: Any) -> Any:
        return tf.nn.conv2d(v, w, how.get("strides", 1), [[0, 0], *padding, [0, 0]], dilations=how.get("dilations", 1))

    expected = from_tensorflow(build, x).expected
    check(convolution(Feed(x, shape), w, padding=padding, **how), expected, tmp_path)


@pytest.mark.judge
def test_other_dimensions_and_groups(tmp_path: Path) -> None:
    x, w = numbers(2, 7, 6, 4), numbers(3, 2, 2, 6, seed=1)
    expected = from_tensorflow(lambda tf, v: tf.nn.conv2d(v, w, 1, "VALID"), x).expected[0]
    fields = {7: [3], 8: [0], 11: [2, 1], 3: [1], 4: [0], 6: [3, 2], 9: [1], 10: [0], 12: [3, 2]}
    net = convolution(Feed(x.transpose(3, 2, 1, 0).copy()), w.transpose(3, 2, 1, 0).copy(), fields, groups=2)
    check(net, expected.transpose(3, 0, 2, 1), tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("padding", [[[2, 2], [1, 1]], [[-1, 0], [0, -2]]], ids=["padded", "cut"])
def test_zeros_between_elements(padding: Any, tmp_path: Path) -> None:
    x, w = numbers(1, 4, 5, 3), numbers(3, 2, 3, 4, seed=1)
    wide = np.zeros((1, 7, 13, 3), np.float32)
    wide[:, ::2, ::3] = x
    wide = np.pad(wide, [(0, 0), *(np.maximum(p, 0) for p in padding), (0, 0)])
    wide = wide[:, max(-padding[0][0], 0) :, : wide.shape[2] + min(padding[1][1], 0)]
    expected = from_tensorflow(lambda tf, v: tf.nn.conv2d(v, w, 1, "VALID"), wide).expected
    check(convolution(Feed(x), w, gaps=[2, 3], padding=padding), expected, tmp_path)


def test_numbers_that_end_too_early(tmp_path: Path) -> None:
    net = one_op("XlaDotV2", Feed(numbers(2, 2)), numbers(2, 2), dimension_numbers="\\012\\005\\001", T=None)
    refused(net, tmp_path, "end too early")
