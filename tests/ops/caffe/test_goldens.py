"""The golden cases that a real Caffe computed: prototxt, caffemodel, inputs and outputs a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from caffe_cases import Array, bare_session

import regraft

FOLDER = Path(__file__).resolve().parents[2] / "goldens" / "caffe"
RTOL = 1e-4
"""Caffe sums float32 in the order of its BLAS: the golden cases differ by that from any other order."""


CASES = sorted(p.parent.name for p in FOLDER.glob("*/io.npz"))


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER / name))
    inputs, expected = arrays(name)
    model = compiled(name, inputs, expected)
    for optimise in (False, True):
        close(model.session(optimise=optimise).run(inputs), expected)


@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith("python_layer")])
@pytest.mark.parametrize("portable", [False, True])
def test_golden_without_regrafts_kernels(name: str, portable: bool) -> None:
    """Bodies as functions, and inlined."""
    inputs, expected = arrays(name)
    session = bare_session(compiled(name, inputs, expected, portable=portable))
    close(dict(zip(expected, session.run(list(expected), inputs), strict=True)), expected)


def arrays(name: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """The inputs and the outputs of a case by blob."""
    with np.load(FOLDER / name / "io.npz") as io:
        inputs = {k[3:]: io[k] for k in io.files if k.startswith("in:")}
        return inputs, {k[4:]: io[k] for k in io.files if k.startswith("out:")}


def compiled(name: str, inputs: dict[str, Array], expected: dict[str, Array], **options: Any) -> regraft.Model:
    folder = FOLDER / name
    return regraft.compile(
        folder / "net.prototxt",
        folder / "net.caffemodel",
        input_shapes={k: v.shape for k, v in inputs.items()},
        outputs=list(expected),
        allow_python_layers=True,
        **options,
    )


def close(actual: dict[str, Array], expected: dict[str, Array]) -> None:
    for output, want in expected.items():
        assert actual[output].shape == want.shape
        np.testing.assert_allclose(actual[output], want, rtol=0, atol=RTOL * max(1.0, float(np.abs(want).max())))
