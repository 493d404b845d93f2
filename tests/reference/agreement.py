"""The numpy reference against the expected values of the tests of the rules: the same cases judge both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.options import from_given
from regraft.reference import evaluate
from regraft.sources import read_source

Array = npt.NDArray[Any]
LEAST = 5e-6
"""Sums in another order; kernels that round as the framework does are held to less in their own tests."""


def reference_agrees(
    files: tuple[Path, Path | None],
    feeds: Mapping[str, Array],
    expected: Mapping[str, Array],
    options: Mapping[str, Any],
    *,
    rtol: float,
    atol: float | None = None,
) -> None:
    """Every expected output that the reference computes is near what is expected; none makes it fail.

    What it says that it does not know is left out here; which kinds it knows is a test of its own.
    """
    chosen = from_given({**options, "outputs": list(expected)})
    graph = read_source(*files, chosen).graph
    found = evaluate(graph, feeds, settings=chosen.settings, aliases=chosen.aliases)
    failures = [reason for reason in found.missing.values() if "the reference fails on it" in reason]
    assert not failures, failures[0]
    for name, want in expected.items():
        if name in found.values and want.dtype.kind not in "OSUc":
            near(_as_pair(found.values[name]), want, f"the reference's {name}", max(rtol, LEAST), atol)


def _as_pair(x: Array) -> Array:
    """Complex numbers as compiled models have them: pairs along a last axis."""
    return np.stack([x.real, x.imag], -1) if x.dtype.kind == "c" else x


def near(actual: Array, want: Array, message: str, rtol: float, atol: float | None) -> None:
    """Equal types and shapes; numbers within rtol of themselves and of the largest, or atol."""
    assert (actual.dtype, actual.shape) == (want.dtype, want.shape), f"{message}: {actual.dtype} {actual.shape}"
    floats = want.dtype.kind == "f"
    sizes: Sequence[float] = np.abs(want[np.isfinite(want) & (np.abs(want) < 1e30)]) if floats else ()  # type: ignore[assignment]
    slack = rtol * float(max(sizes, default=0.0)) if atol is None else atol
    np.testing.assert_allclose(actual, want, rtol=rtol if floats else 0, atol=slack, err_msg=message)
