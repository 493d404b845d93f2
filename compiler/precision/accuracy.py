"""What a lower precision costs: every output of a model beside the float32 model's, over all inputs at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.runtime import Session
from regraft.runtime.compare import difference

Array = npt.NDArray[Any]


@dataclass
class OutputLoss:
    """One output over all samples.

    `absolute` and `relative` are the largest differences, as `regraft diff` has them; `cosine` is that of the angle
    between the two, 1 when they point one way; `snr` the signal over the noise in decibels; `top1` how often the
    largest of the numbers stands in the same place, for outputs that are one row of numbers a sample.
    """

    name: str
    absolute: float = 0.0
    relative: float = 0.0
    problem: str = ""
    rows: int = 0
    agreed: int = 0
    _sums: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(4), repr=False)

    def add(self, actual: Array, expected: Array) -> None:
        """Take one more sample into account."""
        found = difference(self.name, actual, expected)
        self.absolute, self.relative = max(self.absolute, found.absolute), max(self.relative, found.relative)
        self.problem = self.problem or found.problem
        if found.problem or expected.dtype.kind not in "biuf":
            return
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        finite = np.isfinite(e)
        x, y = a[finite], e[finite]
        self._sums += [np.dot(x, y), np.dot(x, x), np.dot(y, y), np.square(x - y).sum()]
        row = scores(e)
        if row is not None:
            self.rows += len(row)
            self.agreed += int((row.argmax(1) == a.reshape(row.shape).argmax(1)).sum())

    @property
    def cosine(self) -> float | None:
        """Between -1 and 1; None where one of the two is zero."""
        product = float(np.sqrt(self._sums[1] * self._sums[2]))
        return float(self._sums[0]) / product if product else None

    @property
    def snr(self) -> float | None:
        """Signal over noise in decibels; None where there is no noise, or no signal."""
        signal, noise = self._sums[2], self._sums[3]
        return float(10 * np.log10(signal / noise)) if signal and noise else None

    @property
    def top1(self) -> float | None:
        """How often the largest number is the same, 0 to 1; None for outputs that are no scores."""
        return self.agreed / self.rows if self.rows else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        worst = {
            key: None if np.isinf(v) else v for key, v in (("absolute", self.absolute), ("relative", self.relative))
        }
        known = {"cosine": self.cosine, "snr": self.snr, "top1": self.top1, "problem": self.problem}
        return {"name": self.name, **worst, **known}


def scores(output: Array) -> Array | None:
    """An output as rows of scores, N x C with C of 2 at least, trailing ones left out; None where it is not that."""
    shape = output.shape
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return output.reshape(shape) if len(shape) == 2 and shape[1] > 1 and output.dtype.kind == "f" else None


def losses(expected: Session, actual: Session, samples: Iterable[Mapping[str, Array]]) -> list[OutputLoss]:
    """Run both on the same samples; inputs are converted to the types that `actual` takes.

    Raises:
        RunError: one of them does not run.
    """
    found = {info.name: OutputLoss(info.name) for info in expected.outputs}
    types = {info.name: info.dtype for info in actual.inputs}
    for feeds in samples:
        wanted = expected.run(feeds)
        given = actual.run({name: array.astype(types[name] or array.dtype) for name, array in feeds.items()})
        for name, loss in found.items():
            loss.add(given[name], wanted[name])
    return list(found.values())
