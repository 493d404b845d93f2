"""Projective transforms of pictures against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import Case, case, loosened, rankless
from harness import numbers

PICTURES = numbers(2, 5, 7, 3)
TRANSFORMS = np.array(
    [[0.9, -0.3, 1.2, 0.25, 1.1, -2.3, 0.01, -0.02], [2.0, 0.1, -7.7, -0.2, 1.7, -6.1, 0, 0]], np.float32
)
FAR = np.array([[7.3, 0.4, -33.1, -0.3, 9.1, -21.7, 0, 0]], np.float32)
SHIFT = np.array([[1, 0, 0.5, 0, 1, -1.5, 0, 0]], np.float32)


def transform(mode: str, way: str, fill: float = 0.25) -> Any:
    """The op with these attributes, of pictures, transforms and a size."""
    return lambda tf, x, t, s: tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=t, output_shape=s, fill_value=fill, fill_mode=mode, interpolation=way
    )


SIZE = np.array([6, 4], np.int32)
CASES: list[Case] = [
    *[
        case(f"{mode} {way} {name}", transform(mode, way), loosened(PICTURES), loosened(matrix), SIZE)
        for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST")
        for way in ("NEAREST", "BILINEAR")
        for name, matrix in (("each its own", TRANSFORMS), ("far outside", FAR), ("by halves", SHIFT))
    ],
    *[
        case(
            f"{np.dtype(dtype).name} {way}",
            transform("CONSTANT", way, 3.0),
            np.abs(numbers(2, 5, 7, 3, dtype=dtype)),
            TRANSFORMS,
            SIZE,
        )
        for dtype in (np.uint8, np.int32, np.int64, np.float16, np.float64)
        for way in ("NEAREST", "BILINEAR")
    ],
    *[
        case(f"one row or column, {mode}", transform(mode, "BILINEAR"), numbers(1, *size, 2), TRANSFORMS[:1], SIZE)
        for mode in ("REFLECT", "WRAP", "NEAREST")
        for size in ((1, 4), (4, 1))
    ],
    case(
        "version 2",
        lambda tf, x, t: tf.raw_ops.ImageProjectiveTransformV2(
            images=x, transforms=t, output_shape=[5, 7], interpolation="BILINEAR"
        ),
        PICTURES,
        TRANSFORMS,
    ),
    case(
        "the horizon",
        transform("CONSTANT", "BILINEAR"),
        PICTURES,
        TRANSFORMS * 0 - np.eye(8, dtype=np.float32)[6],
        SIZE,
    ),
    case("any rank", transform("REFLECT", "NEAREST"), rankless(PICTURES), loosened(TRANSFORMS), loosened(SIZE)),
]


@pytest.mark.judge
@pytest.mark.parametrize("each", CASES, ids=str)
def test_against_tensorflow(each: Case, tmp_path: Path) -> None:
    each.judge(tmp_path)
