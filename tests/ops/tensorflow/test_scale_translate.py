"""Resizing with widening filters against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import Case, case, loosened
from harness import numbers

PICTURES = numbers(2, 9, 7, 3)
KERNELS = ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic")
LINES = {
    "smaller": ((4, 3), (4 / 9, 3 / 7), (0, 0)),
    "larger": ((13, 20), (13 / 9, 20 / 7), (0, 0)),
    "shifted out": ((8, 8), (0.5, 1.7), (-3.2, 4.1)),
}


def op(size: Any, scale: Any, shift: Any, kernel: str, antialias: bool) -> Any:
    """The op on pictures, with these constants."""
    return lambda tf, x: tf.raw_ops.ScaleAndTranslate(
        images=x,
        size=np.array(size, np.int32),
        scale=np.array(scale, np.float32),
        translation=np.array(shift, np.float32),
        kernel_type=kernel,
        antialias=antialias,
    )


CASES: list[Case] = [
    *[
        case(f"{kernel} {name} {'widening' if antialias else 'fixed'}", op(*line, kernel, antialias), feed)
        for kernel in KERNELS
        for name, line in LINES.items()
        for antialias in (True, False)
        for feed in (PICTURES, loosened(PICTURES))
    ],
    *[
        case(
            f"tf.image.resize {method}",
            lambda tf, x, s, method=method: tf.image.resize(x, s, method=method, antialias=True),
            loosened(PICTURES),
            np.array([4, 11], np.int32),
        )
        for method in ("bilinear", "bicubic", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
    ],
    *[
        case(f"{np.dtype(t).name}", op(*LINES["smaller"], "triangle", True), np.abs(numbers(1, 9, 7, 2, dtype=t)))
        for t in (np.uint8, np.int16, np.int32, np.int64, np.float16, np.float64)
    ],
]


@pytest.mark.judge
@pytest.mark.parametrize("each", CASES, ids=str)
def test_against_tensorflow(each: Case, tmp_path: Path) -> None:
    each.judge(tmp_path)
