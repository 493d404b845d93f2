"""What regraft knows: lowering rules by dialect, its own operators, its passes; read from the registries themselves."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from regraft.custom_ops import ops as _custom_ops  # noqa: F401  (fills the table of custom ops)
from regraft.custom_ops.schema import OPS
from regraft.passes import BUILT_IN, finish, legalisation, optimisations
from regraft.passes.pipeline import AS_OPENCV_READS, FOR_OPENCV, OUTPUT_LAYOUTS, PORTABLE

DIALECTS = {"caffe": "Caffe layers", "tf": "TensorFlow ops", "regraft": "operators of the domain regraft"}


@dataclass(frozen=True)
class Supported:
    """One line of the support table: an op, the rule that lowers it, and the first sentence of the rule's account."""

    dialect: str
    name: str
    rule: str
    summary: str


@dataclass(frozen=True)
class PassLine:
    """One line of the pipeline: when a pass runs, and why there."""

    stage: str
    name: str
    reason: str
    rewrites: tuple[str, ...] = ()


def supported(dialect: str = "") -> list[Supported]:
    """The support table, sorted; of one dialect when it is named."""
    lines = []
    for kind in BUILT_IN.kinds():
        rule = BUILT_IN.find(kind)
        assert rule is not None
        source, _, name = kind.partition(".")
        lines.append(Supported(source, name, rule.name, _first_sentence(inspect.getdoc(rule.function))))
    lines += [Supported("regraft", name, "", _source(name)) for name in OPS.names()]
    return [line for line in lines if dialect in ("", line.dialect)]


def passes(only: Sequence[str] | None = None, without: Sequence[str] = ()) -> list[PassLine]:
    """The pipeline in its order, the user's passes among it; `only` and `without` choose as in a compilation.

    Raises:
        UsageError: there is no such pass or rewrite.
    """
    first = [legalisation(BUILT_IN), OUTPUT_LAYOUTS]
    chosen, off = optimisations(only, without)
    repeated, once = [p for p in chosen if p.repeated], [p for p in chosen if not p.repeated]
    stages = (
        ("first", first),
        ("repeated", repeated),
        ("then", once),
        ("--for opencv", FOR_OPENCV),
        ("--portable", [PORTABLE]),
        ("--for opencv", AS_OPENCV_READS),
        ("last", finish),
    )
    return [
        PassLine(stage, each.name, each.reason, tuple(name for name in each.rewrites if name not in off))
        for stage, group in stages
        for each in group
    ]


def _first_sentence(text: str | None) -> str:
    first = (text or "").strip().partition("\n\n")[0].replace("\n", " ")
    sentence = first.partition(". ")[0]
    return sentence.rstrip(".")


def _source(name: str) -> str:
    found = OPS.find(name)
    return found.source if found else ""
