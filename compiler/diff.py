"""`regraft diff`: where a compiled model's numbers leave those of another run, layer by layer."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from regraft.api import compile_with
from regraft.errors import Diagnostic, UsageError, listing
from regraft.judges import JUDGES, by_reference
from regraft.model import Model
from regraft.options import CompileOptions
from regraft.runtime.compare import Difference, compare, first_beyond, run_all
from regraft.runtime.session import Session

AGAINST = (*JUDGES, "reference")
TOLERANCE = 1e-4


@dataclass(frozen=True)
class DiffReport:
    """Every tensor that both runs have, in the order of computation, and the first that is beyond the tolerance."""

    against: str
    tolerance: float
    differences: list[Difference]

    @property
    def first(self) -> Difference | None:
        """The first tensor beyond the tolerance, None when all match."""
        return first_beyond(self.differences, self.tolerance)

    def to_json(self) -> str:
        """The report as JSON text; an infinite difference is null."""
        plain = [{k: _finite(v) for k, v in asdict(d).items()} for d in self.differences]
        first = self.first.name if self.first else None
        return json.dumps(
            {"against": self.against, "tolerance": self.tolerance, "first": first, "tensors": plain}, indent=1
        )

    def __str__(self) -> str:
        beyond = [d for d in self.differences if not d.within(self.tolerance)]
        lines = [
            f"{len(self.differences)} tensors compared with {self.against}, {len(beyond)} beyond {self.tolerance:g}"
        ]
        worst = sorted(self.differences, key=lambda d: -d.relative)[:5]
        if self.first:
            lines += ["first that differs:", f"  {_row(self.first)}", f"  made by: {self.first.rules or 'no rule'}"]
        lines += ["largest:", *(f"  {_row(d)}" for d in worst)]
        return "\n".join(lines)

    def to_html(self) -> str:
        """A page with a plot of the error along the network (logarithmic) and the table of all tensors."""
        rows = "".join(
            f"<tr{'' if d.within(self.tolerance) else ' class=bad'}><td>{i}<td>{html.escape(d.name)}"
            f"<td>{html.escape(d.layer)}<td>{d.absolute:.3g}<td>{d.relative:.3g}<td>{html.escape(d.problem or d.rules)}"
            for i, d in enumerate(self.differences)
        )
        return _PAGE.format(title=html.escape(str(self).splitlines()[0]), plot=_plot(self), rows=rows)


def diff(
    model: Path,
    weights: Path | None,
    options: CompileOptions,
    against: str,
    *,
    file: Path | None = None,
    feeds: Mapping[str, npt.NDArray[Any]] | None = None,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> DiffReport:
    """Compile `model`, run it and `against` on the same inputs, and compare every tensor that both have.

    Args:
        against: `caffe`, `tensorflow`, `opencv`, `onnx` (then `file` is the other model) or `reference`: the lowering
            before any optimisation, computed by ONNX's numpy evaluator, which needs nothing installed.
        feeds: inputs by name; random ones from `seed` when None, of the sizes that the model declares.
        tolerance: the largest difference over the largest value of a tensor that counts as equal.

    Raises:
        UsageError: the judge is unknown or not installed, or an input has no fixed size and no feeds are given.
    """
    if against not in AGAINST:
        raise UsageError(Diagnostic("bad-option", f"{against!r} is no judge", cures=(listing(AGAINST),)))
    compiled = compile_with(model, weights, options)
    proto = compiled.proto
    given = dict(feeds) if feeds else random_feeds(compiled, seed)
    actual = run_all(proto, given, **compiled.session_arguments)
    if against == "reference":
        plain = compile_with(model, weights, replace(options, portable=True, optimise=False))
        expected = by_reference(plain.proto, given)
    else:
        expected = JUDGES[against](file or model, weights, given, results_of_layers(proto))
    differences = compare(proto, actual, expected)
    if not differences:
        raise UsageError(Diagnostic("nothing-to-compare", f"the model and {against} have no tensor of one name"))
    return DiffReport(against, tolerance, differences)


def results_of_layers(proto: onnx.ModelProto) -> dict[str, str]:
    """Every tensor with the name of the layer it belongs to; of several of one layer, the last comes last."""
    layers = {}
    for node in proto.graph.node:
        said = {entry.key: entry.value for entry in node.metadata_props}
        layers.update(dict.fromkeys(node.output, said.get("regraft.layer", "").partition(" ")[2]))
    return layers


def random_feeds(model: Model, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Reproducible inputs: uniform in 0..1 for floats, small numbers for integers; an unknown batch is 1."""
    generator = np.random.default_rng(seed)
    feeds = {}
    session: Session = model.session()
    for info in session.inputs:
        dims = [1 if i == 0 and not isinstance(d, int) else d for i, d in enumerate(info.shape or ())]
        if info.shape is None or not all(isinstance(d, int) for d in dims) or info.dtype is None:
            cures = ("--input-shape NAME=1,3,224,224", "--arrays inputs.npz")
            raise UsageError(Diagnostic("no-size", f"input {info} has no fixed size", cures=cures))
        sizes = [int(d) for d in dims if d is not None]
        if info.dtype.kind == "f":
            feeds[info.name] = generator.random(sizes).astype(info.dtype)
        else:
            feeds[info.name] = generator.integers(0, 2, sizes).astype(info.dtype)
    return feeds


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _row(d: Difference) -> str:
    shape = "x".join(map(str, d.shape)) or "scalar"
    text = d.problem or f"absolute {d.absolute:.3g}, relative {d.relative:.3g}"
    return f"{d.name}  {d.layer}  {shape}: {text}"


def _plot(report: DiffReport) -> str:
    """An SVG polyline of log10 of the relative difference, from 1e-9 to 1, with the tolerance as a line."""
    width, height, low = 900, 220, -9.0

    def y(relative: float) -> float:
        level = np.log10(min(max(relative, 10**low), 1.0))
        return float(height * (level / low))

    count = max(1, len(report.differences) - 1)
    points = " ".join(f"{width * i / count:.1f},{y(d.relative):.1f}" for i, d in enumerate(report.differences))
    line = y(report.tolerance)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="relative difference along the network">'
        f'<line x1="0" x2="{width}" y1="{line:.1f}" y2="{line:.1f}" class="limit"/><polyline points="{points}"/></svg>'
    )


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>regraft diff</title>
<style>
body {{ font: 15px/1.5 system-ui; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }}
svg {{ width: 100%; border: 1px solid #8886 }}
polyline {{ fill: none; stroke: #2a6fdb; stroke-width: 1.5 }}
.limit {{ stroke: #d33; stroke-dasharray: 4 }}
table {{ border-collapse: collapse }}
td, th {{ padding: .15rem .6rem; text-align: left; border-bottom: 1px solid #8883 }}
.bad td {{ color: #c22; font-weight: 600 }}
</style>
<h1>{title}</h1>
<p>Relative difference along the network, 1e-9 at the bottom, 1 at the top; the dashed line is the tolerance.</p>
{plot}
<table><thead><tr><th>#<th>tensor<th>layer<th>absolute<th>relative<th>rules</thead><tbody>{rows}</tbody></table></html>
"""
