"""The comparison as one HTML page, with a plot of the error along the network. It needs no network."""

from __future__ import annotations

from html import escape

import numpy as np

from regraft.diff.report import DiffReport, row
from regraft.runtime.compare import Difference

WIDTH, HEIGHT, LEFT, TOP = 960, 260, 52, 12
LOWEST, HIGHEST = -9, 0
"""Powers of ten at the bottom and at the top of the plot."""


def page(report: DiffReport) -> str:
    """The whole page."""
    first = report.first
    verdict = "every tensor agrees"
    if first:
        made_by = f"made by {first.rules or 'no rule'}"
        verdict = "; ".join((f"first that differs: {row(first)}", made_by, *report.explanation()))
    return _PAGE.format(
        title=escape(f"{report.model} against {report.against}"),
        counts=escape(report.title),
        state="bad" if first else "good",
        verdict=escape(verdict),
        plot=_plot(report),
        remarks="".join(_remark(heading, lines) for heading, lines in report.remarks()),
        sample="<th>input" if report.samples else "",
        rows="".join(_row(i, d, report) for i, d in enumerate(report.differences)),
    )


def _row(index: int, d: Difference, report: DiffReport) -> str:
    cells = (
        str(index),
        d.name,
        d.layer,
        "x".join(map(str, d.shape)) or "scalar",
        d.problem or f"{d.absolute:.3g}",
        "" if d.problem else f"{d.relative:.3g}",
        d.rules,
        d.stage,
        *([d.sample] if report.samples else []),
    )
    state = "" if d.within(report.tolerance) else ' class="bad"'
    return f'<tr id="t{index}"{state}>' + "".join(f"<td>{escape(cell)}" for cell in cells) + "\n"


def _remark(heading: str, lines: list[str]) -> str:
    items = "".join(f"<li>{escape(line)}" for line in lines)
    return f"<details><summary>{escape(heading)} ({len(lines)})</summary><ul>{items}</ul></details>"


def _y(relative: float) -> float:
    """The height of a relative difference: its logarithm, kept inside the plot."""
    level = np.log10(min(max(relative, 10.0**LOWEST), 10.0**HIGHEST))
    return float(TOP + HEIGHT * (HIGHEST - level) / (HIGHEST - LOWEST))


def _plot(report: DiffReport) -> str:
    """A line through log10 of the relative differences; a dot a tensor tells its name and leads to its row."""
    step = WIDTH / max(1, len(report.differences) - 1)
    places = [(LEFT + step * i, _y(d.relative)) for i, d in enumerate(report.differences)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    scale = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{_y(10.0**p):.1f}" y2="{_y(10.0**p):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{_y(10.0**p) + 4:.1f}" text-anchor="end">1e{p}</text>'
        for p in range(LOWEST, HIGHEST + 1, 3)
    )
    limit = _y(report.tolerance)
    dots = "".join(
        f'<a href="#t{i}"><circle cx="{x:.1f}" cy="{y:.1f}" r="{3 if d.within(report.tolerance) else 5}"'
        f"{'' if d.within(report.tolerance) else ' class=bad'}><title>{escape(row(d))}</title></circle></a>"
        for i, (d, (x, y)) in enumerate(zip(report.differences, places, strict=True))
    )
    bottom = TOP + HEIGHT
    return (
        f'<svg viewBox="0 0 {LEFT + WIDTH + 12} {bottom + 34}" role="img" '
        f'aria-label="relative difference along the network">{scale}'
        f'<line class="limit" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{limit:.1f}" y2="{limit:.1f}"/>'
        f'<text class="limit" x="{LEFT + WIDTH}" y="{limit - 4:.1f}" text-anchor="end">'
        f"tolerance {report.tolerance:g}</text>"
        f'<polyline points="{line}"/>{dots}'
        f'<text x="{LEFT}" y="{bottom + 24}">first tensor</text>'
        f'<text x="{LEFT + WIDTH}" y="{bottom + 24}" text-anchor="end">last</text></svg>'
    )


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; --bad: #c8102e; --good: #14803c; --line: #2a6fdb }}
@media (prefers-color-scheme: dark) {{ :root {{ --bad: #ff7b7b; --good: #6fd58c; --line: #7fb0ff }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }}
h1 {{ font-size: 1.4rem; margin: 0 }}
.verdict {{ font-weight: 600; overflow-wrap: anywhere }}
.verdict.bad {{ color: var(--bad) }} .verdict.good {{ color: var(--good) }}
svg {{ width: 100%; height: auto }}
svg text {{ font-size: 12px; fill: currentColor }}
.grid {{ stroke: #8884 }}
polyline {{ fill: none; stroke: var(--line); stroke-width: 1.2 }}
circle {{ fill: var(--line) }} circle.bad {{ fill: var(--bad) }}
line.limit {{ stroke: var(--bad); stroke-dasharray: 5 }} text.limit {{ fill: var(--bad) }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: 13px; width: 100% }}
td, th {{ padding: .15rem .6rem .15rem 0; text-align: left; border-bottom: 1px solid #8883; vertical-align: top }}
td {{ overflow-wrap: anywhere }} td:nth-child(4) {{ white-space: nowrap }}
tr.bad td {{ color: var(--bad); font-weight: 600 }}
tr:target td {{ background: #fd06 }}
</style>
<h1>{title}</h1>
<p>{counts}</p>
<p class="verdict {state}">{verdict}</p>
<p>The largest difference of each tensor over its largest value (or 1), along the network; everything below 1e-9 lies on
the bottom line.</p>
{plot}
{remarks}
<div class="wide"><table>
<thead><tr><th>#<th>tensor<th>layer<th>shape<th>absolute<th>relative<th>rules<th>where{sample}</thead>
<tbody>{rows}</tbody></table></div></html>
"""
