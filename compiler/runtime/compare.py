"""Parity: every tensor of a compiled model against the same tensor of another run, in the order of computation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from regraft.runtime.session import Session

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Difference:
    """One tensor in both runs. `absolute` is the largest difference, `relative` that over the largest value (or 1).

    `absolute` is infinite where shapes differ or numbers are finite in other places; `problem` says so. `sample` is the
    input for which the difference is largest, where there are several. `stage` says which form of the model has the
    tensor, where it is not the compiled one. `alone` is the relative difference when the other side's layer is given
    this model's own inputs: a small one says that the layer only makes more of differences before it.
    """

    name: str
    layer: str
    rules: str
    shape: tuple[int, ...]
    absolute: float
    relative: float
    problem: str = ""
    sample: str = ""
    stage: str = ""
    alone: float | None = None

    def within(self, tolerance: float) -> bool:
        """Whether the relative difference is at most `tolerance`."""
        return not self.problem and self.relative <= tolerance


def run_all(model: onnx.ModelProto, feeds: Arrays, **session: Any) -> dict[str, npt.NDArray[Any]]:
    """Every tensor that the model computes, by name, those inside it too."""
    return session_of_all(model, **session).run(feeds)


def session_of_all(model: onnx.ModelProto, names: Collection[str] | None = None, **session: Any) -> Session:
    """A session whose outputs are the model's and all its tensors, or those of these names.

    ONNX Runtime's own optimisations are off: they would remove tensors. `session` are `Session`'s further arguments.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    known = {info.name for info in whole.graph.output}
    for node in whole.graph.node:
        for name in node.output:
            if name and name not in known and (names is None or name in names):
                whole.graph.output.append(onnx.ValueInfoProto(name=name))
                known.add(name)
    return Session(whole.SerializeToString(), optimise=False, **session)


def compare(model: onnx.ModelProto, actual: Arrays, expected: Arrays) -> list[Difference]:
    """The tensors that both have, in the order in which the model computes them."""
    found = []
    for node in model.graph.node:
        said = {entry.key: entry.value for entry in node.metadata_props}
        for name in node.output:
            if name in actual and name in expected:
                place = said.get("regraft.layer", ""), said.get("regraft.rules", "")
                found.append(difference(name, actual[name], expected[name], *place))
    return found


def difference(
    name: str, actual: npt.NDArray[Any], expected: npt.NDArray[Any], layer: str = "", rules: str = ""
) -> Difference:
    """How far two tensors are apart."""
    worst, problem = np.inf, ""
    largest = 1.0
    if actual.shape != expected.shape:
        problem = f"shape {actual.shape}, expected {expected.shape}"
    elif actual.dtype.kind in "OUS" or expected.dtype.kind in "OUS":
        worst = 0.0 if np.array_equal(actual.astype(str), expected.astype(str)) else np.inf
        problem = "" if worst == 0 else "strings differ"
    else:
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        finite = np.isfinite(e)
        same = (a == e) | (np.isnan(a) & np.isnan(e))
        if not np.array_equal(np.isfinite(a), finite) or not same[~finite].all():
            problem = "not finite in other places"
        else:
            worst = float(np.abs(a[finite] - e[finite]).max(initial=0.0))
            largest = max(1.0, float(np.abs(e[finite]).max(initial=0.0)))
    return Difference(name, layer, rules, actual.shape, worst, worst / largest, problem)


def first_beyond(differences: Iterable[Difference], tolerance: float) -> Difference | None:
    """The first tensor that is not within the tolerance: where to look."""
    return next((d for d in differences if not d.within(tolerance)), None)
