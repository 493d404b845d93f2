"""Diagonals of matrices whose sizes or bands only the running graph knows, against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import Case, case, loosened, rankless, raw
from harness import Array, Feed, numbers, one_op

ALIGNMENTS = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
TALL, WIDE = numbers(2, 5, 3), numbers(2, 3, 5)
NINE = np.float32(9)


def band(k: list[int] | int) -> Array:
    return np.array(k, np.int32)


def packed(k: list[int], rows: int, columns: int, *batch: int) -> Array:
    """Diagonals k[0]..k[1] that fit matrices of this size."""
    lengths = [min(rows + min(d, 0), columns - max(d, 0)) for d in range(k[0], k[1] + 1)]
    return numbers(*batch, *(() if len(lengths) == 1 else (len(lengths),)), max(lengths))


CASES: list[Case] = []
for _align in ALIGNMENTS:
    for _k in ([-1, 1], [0, 2], [-2, -1], [1, 1]):
        _sets = packed(_k, 3, 5, 2)
        CASES += [
            case(
                f"MatrixDiagPartV3 {_k} {_align} computed",
                raw("MatrixDiagPartV3", _=("input", "k"), padding_value=NINE, align=_align),
                loosened(WIDE),
                band(_k),
            ),
            case(
                f"MatrixDiagPartV3 {_k} {_align} of a tall matrix of unknown sizes",
                raw("MatrixDiagPartV3", _=("input",), k=_k, padding_value=NINE, align=_align),
                loosened(TALL),
            ),
            case(
                f"MatrixSetDiagV3 {_k} {_align} computed",
                raw("MatrixSetDiagV3", _=("input", "diagonal", "k"), align=_align),
                rankless(WIDE),
                loosened(_sets),
                loosened(band(_k)),
            ),
            case(
                f"MatrixDiagV3 {_k} {_align} computed",
                raw(
                    "MatrixDiagV3",
                    _=("diagonal", "k", "num_rows", "num_cols"),
                    padding_value=np.float32(2),
                    align=_align,
                ),
                loosened(_sets),
                band(_k),
                band(3),
                band(5),
            ),
        ]
CASES += [
    *[
        case(
            f"MatrixDiagV2 {_k} in {_size}",
            raw("MatrixDiagV2", _=("diagonal", "k", "num_rows", "num_cols"), padding_value=np.float32(0)),
            loosened(packed(_k, 4, 4)),
            band(_k),
            band(_size[0]),
            band(_size[1]),
        )
        for _k, _size in (([0, 0], (-1, -1)), ([-1, 1], (-1, 4)), ([-2, -1], (4, -1)), ([1, 1], (-1, -1)))
    ],
    case("MatrixDiagPart of any rank", raw("MatrixDiagPart", _=("input",)), rankless(WIDE)),
    case(
        "MatrixSetDiag of any rank",
        raw("MatrixSetDiag", _=("input", "diagonal")),
        rankless(WIDE),
        rankless(WIDE[:, :, 0]),
    ),
    case(
        "MatrixDiagPartV3 of a scalar k",
        raw("MatrixDiagPartV3", _=("input", "k"), padding_value=np.int64(0), align="LEFT_LEFT"),
        loosened(numbers(4, 4, dtype=np.int64)),
        band(-2),
    ),
    *[
        case(
            f"eye of {shape}, {np.dtype(dtype).name}",
            lambda tf, n, m, b, dtype=dtype: tf.eye(n, num_columns=m, batch_shape=b, dtype=dtype),
            band(shape[0]),
            band(shape[1]),
            Feed(band([2]), (None,)),
        )
        for shape, dtype in (((3, 3), np.float32), ((2, 4), np.int32), ((4, 2), np.float64), ((3, 1), np.bool_))
    ],
]


@pytest.mark.judge
@pytest.mark.parametrize("each", CASES, ids=str)
def test_against_tensorflow(each: Case, tmp_path: Path) -> None:
    each.judge(tmp_path)


def test_known_sizes_leave_a_gather(tmp_path: Path) -> None:
    net = one_op("MatrixDiagPartV3", Feed(WIDE), np.array([-1, 1], np.int32), NINE, align="RIGHT_LEFT")
    kinds: dict[str, Any] = net.compile(tmp_path).report.ops
    assert set(kinds) <= {"Gather", "Reshape", "Where"}, kinds
