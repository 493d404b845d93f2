"""What a comparison found, as text and JSON; `page` has the HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from regraft.runtime.compare import Difference, first_beyond

_SHOWN = 8


@dataclass
class DiffReport:
    """Every tensor that both runs have, in the order of computation, and the first that is beyond the tolerance.

    substituted: ops that the reference does not know, and who computed them in its place; their tensors are not
    compared. missing: tensors of the source that nobody computed, and why. in_place: names that several layers write in
    turn; the last value is compared. folded: tensors of the source that no form of the model has.
    samples: the names of the inputs, when there are several runs.
    """

    model: str
    against: str
    tolerance: float
    differences: list[Difference] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    substituted: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    in_place: dict[str, tuple[str, ...]] = field(default_factory=dict)
    folded: list[str] = field(default_factory=list)

    @property
    def first(self) -> Difference | None:
        """The first tensor beyond the tolerance, None when all match.

        Where the first ones agree when they are given the same inputs, the first that does not is the one to look at.
        """
        amplified = False
        for d in self.beyond:
            if (d.alone is None and not amplified) or (d.alone is not None and d.alone > self.tolerance):
                return d
            amplified = True
        return first_beyond(self.differences, self.tolerance)

    @property
    def beyond(self) -> list[Difference]:
        """All tensors beyond the tolerance."""
        return [d for d in self.differences if not d.within(self.tolerance)]

    @property
    def title(self) -> str:
        """The result in one sentence."""
        runs = f" for {len(self.samples)} inputs" if self.samples else ""
        earlier = sum(bool(d.stage) for d in self.differences)
        before = f" ({earlier} of them as they are before optimisation)" if earlier else ""
        counts = f"{len(self.differences)} tensors{before} compared with {self.against}{runs}"
        return f"{counts}, {len(self.beyond)} beyond {self.tolerance:g}"

    def explanation(self) -> list[str]:
        """What is to be said of the first that differs."""
        first = self.first
        if first is None or first.alone is None:
            return []
        if first.alone <= self.tolerance:
            text = "its layer agrees when it is given the same inputs: it makes more of small differences before it"
            return [f"{text} (alone {first.alone:.2g})"]
        return [f"its layer differs by itself, given the same inputs (alone {first.alone:.3g})"]

    def remarks(self) -> list[tuple[str, list[str]]]:
        """What was not compared, and how the rest is to be read: headings and lines."""
        taken = "not known to the reference, and not compared; what follows them is"
        lost = "not compared, for the reference could not compute them"
        twice = "written by several layers in turn: the last value is compared"
        return [
            (heading, lines)
            for heading, lines in (
                (taken, [f"{op}: {why}" for op, why in self.substituted.items()]),
                (lost, [f"{name}: {why}" for name, why in self.missing.items()]),
                (twice, [f"{name}: {', '.join(layers)}" for name, layers in self.in_place.items()]),
                ("of the source, without a counterpart in the model", self.folded),
            )
            if lines
        ]

    def to_json(self) -> str:
        """The report as JSON text; an infinite difference is null."""
        fields = {name: value for name, value in vars(self).items() if name != "differences"}
        tensors = [{k: _finite(v) for k, v in asdict(d).items()} for d in self.differences]
        first = self.first.name if self.first else None
        return json.dumps({**fields, "ok": first is None, "first": first, "tensors": tensors}, indent=1)

    def to_html(self) -> str:
        """The report as a page with a plot of the error along the network."""
        from regraft.diff.page import page

        return page(self)

    def __str__(self) -> str:
        lines = [self.title]
        if self.first:
            lines += ["first that differs:", f"  {row(self.first)}", f"  made by: {self.first.rules or 'no rule'}"]
            lines += [f"  {line}" for line in self.explanation()]
        worst = sorted(self.differences, key=lambda d: (not d.problem, -d.relative))[:5]
        lines += ["largest:", *(f"  {row(d)}" for d in worst)]
        for heading, details in self.remarks():
            lines += [f"{heading}:", *_shortened(details)]
        return "\n".join(lines)


def row(d: Difference) -> str:
    """One tensor in one line."""
    shape = "x".join(map(str, d.shape)) or "scalar"
    said = ", ".join(filter(None, (d.stage, d.sample)))
    text = d.problem or f"absolute {d.absolute:.3g}, relative {d.relative:.3g}"
    return f"{d.name}  {d.layer}  {shape}: {text}{f' ({said})' if said else ''}"


def _shortened(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    more = [f"  and {len(every) - _SHOWN} more"] if len(every) > _SHOWN else []
    return [*(f"  {line}" for line in every[:_SHOWN]), *more]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
