"""Both runs, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.diff.by_rule import OwnRule
from regraft.diff.inputs import Feeds, Inputs
from regraft.diff.layers import STAGE, by_layers
from regraft.diff.report import DiffReport
from regraft.diff.sides import Sides
from regraft.errors import Diagnostic, UsageError, listing
from regraft.ir import Graph
from regraft.judges import JUDGES
from regraft.options import CompileOptions
from regraft.reference import Evaluated, evaluate, evaluate_alone
from regraft.runtime.compare import Difference, compare, difference
from regraft.sources import read_source

REFERENCE = "reference"
AGAINST = (*JUDGES, REFERENCE)
TOLERANCE = 1e-4
_MOST_ALONE = 60
"""Of so many tensors beyond the tolerance it is found out whether their layers differ by themselves."""

Array = npt.NDArray[Any]


@dataclass
class _Expected:
    """What the other side computed, and what is to be said of it."""

    values: dict[str, Array]
    reference: Evaluated = field(default_factory=Evaluated)


def diff(
    model: Path,
    weights: Path | None,
    options: CompileOptions,
    against: str,
    *,
    file: Path | None = None,
    inputs: Inputs | None = None,
    tolerance: float = TOLERANCE,
    progress: Callable[[str], None] | None = None,
) -> DiffReport:
    """Compile `model`, run it and `against` on the same inputs, and compare every tensor that both have.

    Args:
        against: `caffe`, `tensorflow`, `opencv`, `onnx` (then `file` is the other model), or `reference`: the graph as
            the file has it, before any rule, computed with numpy.
        inputs: what is fed; random numbers of the sizes that the model declares when None.
        tolerance: the largest difference over the largest value of a tensor that counts as equal.

    Raises:
        UsageError: the judge is unknown or not installed, an input has no fixed size and nothing is given for it, or
            the judge would not see what the options put before the network.
    """
    if against not in AGAINST:
        raise UsageError(Diagnostic("bad-option", f"{against!r} is no judge", cures=(listing(AGAINST),)))
    say = progress or (lambda stage: None)
    say("compiling")
    sides = Sides(model, weights, options)
    # Again, from the file: the compilation has rewritten its graph.
    graph = read_source(model, weights, options).graph
    if against not in (REFERENCE, "onnx"):
        _check_unprepared(against, graph)
    report = DiffReport(model.name, against, tolerance)
    for name, feeds in (inputs or Inputs()).samples(sides.session.inputs):
        say(f"running {name}".strip())
        actual = sides.session.run(feeds)
        say(f"running {against}")
        if against == REFERENCE:
            expected = _by_reference(graph, model, options, feeds, actual)
        else:
            expected = _Expected(JUDGES[against](file or model, weights, feeds, sides.results))
        found = compare(sides.proto, actual, expected.values)
        found += sides.before_optimisation(feeds, expected.values, {d.name for d in found})
        beyond = [d for d in found if not d.within(tolerance)]
        if beyond and not any(d.stage for d in beyond):
            found += by_layers(sides.proto, graph, actual, expected.values)
        if against == REFERENCE:
            values = {**expected.reference.values, **sides.values(actual)}
            found = _each_alone(found, graph, values, options, tolerance)
        _add(report, name, sides.in_order(found), expected.reference)
    if not report.differences:
        raise _nothing(report)
    return report


def _by_reference(graph: Graph, path: Path, options: CompileOptions, feeds: Feeds, actual: Feeds) -> _Expected:
    own_rule = OwnRule(path, options, actual)
    found = evaluate(graph, feeds, settings=options.settings, aliases=options.aliases, substitute=own_rule)
    values = {name: _as_compiled(value) for name, value in found.values.items() if name not in found.unjudged}
    return _Expected(values, found)


def _each_alone(
    found: list[Difference], graph: Graph, values: Feeds, options: CompileOptions, tolerance: float
) -> list[Difference]:
    """For the first tensors beyond the tolerance: whether their layer differs, or only what it is given.

    `values` are the model's tensors, and the reference's where the model has none: constants, for it folded them.
    """
    left, result = _MOST_ALONE, []
    for d in found:
        if left and not d.within(tolerance) and d.stage != STAGE and d.name in values:
            left -= 1
            made = evaluate_alone(graph, d.name, values, options.settings, options.aliases)
            if made is not None:
                d = replace(d, alone=difference(d.name, values[d.name], _as_compiled(made)).relative)
        result.append(d)
    return result


def _as_compiled(value: Array) -> Array:
    """Complex numbers as pairs, as compiled models have them, and bytes as text."""
    if value.dtype.kind == "c":
        return np.stack([value.real, value.imag], axis=-1)
    if value.dtype.kind == "O":
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in value.reshape(-1)]
        return np.asarray(texts, object).reshape(value.shape)
    return value


def _add(report: DiffReport, sample: str, differences: list[Difference], reference: Evaluated) -> None:
    """Take one more sample into the report: of each tensor the worst counts."""
    if sample:
        report.samples.append(sample)
    known = {d.name: i for i, d in enumerate(report.differences)}
    for each in differences:
        each = replace(each, sample=sample)
        if each.name not in known:
            report.differences.append(each)
        elif _badness(each) > _badness(report.differences[known[each.name]]):
            report.differences[known[each.name]] = each
    compared = {d.name for d in report.differences}
    report.substituted |= reference.substituted
    report.missing |= reference.missing
    report.in_place |= {name: layers for name, layers in reference.rewritten.items() if name in compared}
    gone = [name for name in reference.computed if name not in compared and name not in reference.unjudged]
    report.folded = sorted({*report.folded, *gone} - compared)


def _nothing(report: DiffReport) -> UsageError:
    message = f"the model and {report.against} have no tensor of one name"
    lines = tuple(f"{heading}: {line}" for heading, lines in report.remarks() for line in lines)[:8]
    return UsageError(Diagnostic("nothing-to-compare", message, lines=lines))


def _badness(each: Difference) -> tuple[bool, float]:
    return bool(each.problem), each.relative


def _check_unprepared(against: str, graph: Graph) -> None:
    """Refuse to compare with a program that reads the file itself, when something is put before the network."""
    if any(op.dialect == "onnx" for op in graph):
        message = f"{against} runs the file as it is, without what the options put before or behind the network"
        cures = ("--against reference", "leave out --mean-values, --input-layout and their like: prepare the inputs")
        raise UsageError(Diagnostic("bad-option", message, cures=cures))
