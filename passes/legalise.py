"""Lowers every source op by its rule; what has none, or refuses, is collected and reported at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from regraft.errors import Diagnostic, OpsetError, UnsupportedError, did_you_mean
from regraft.ir import AttributeTypeError, Graph, GraphError, InferenceError, Op, Value, shapes_agree
from regraft.passes.rules import BodyFailed, Refusal, Rule, RuleContext, RuleSet, SourceOp, builder, results

IMPOSSIBLE_VALUES = (ValueError, OverflowError, ZeroDivisionError, MemoryError)
"""What numpy and ONNX raise on parameters that make no sense together."""
SOURCE_DIALECTS = ("caffe", "tf")


@dataclass
class _Failures:
    missing: list[Op] = field(default_factory=list)
    refused: list[tuple[Op, Refusal]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.missing) + len(self.refused)


def legalise(
    graph: Graph,
    rules: RuleSet,
    context: RuleContext,
    views: Mapping[str, type[SourceOp]],
    prepare: Callable[[SourceOp], None] = lambda op: None,
) -> None:
    """Replace every op of a source dialect by what its rule builds, producers first.

    `views` gives for each dialect the class through which rules see an op; `prepare` is called with an op before its
    rule, when the types of its inputs are known.

    Raises:
        UnsupportedError: some ops have no rule or were refused; all of them are listed, and the graph is unusable.
    """
    failures = _Failures()

    def lower(body: Graph) -> bool:
        before = failures.count
        _lower_all(body, rules, context, views, prepare, failures)
        return failures.count == before

    context.lower = lower
    if not lower(graph):
        raise UnsupportedError(_diagnostics(failures, rules))


def _lower_all(
    graph: Graph,
    rules: RuleSet,
    context: RuleContext,
    views: Mapping[str, type[SourceOp]],
    prepare: Callable[[SourceOp], None],
    failures: _Failures,
) -> None:
    """Lower the ops of one graph; the rules of loops and conditionals lower the graphs inside."""
    handles = []
    for op in graph.topological():
        if op.dialect not in SOURCE_DIALECTS or op not in graph:
            continue
        view = views[op.dialect](op, context)
        found = rules.find(op.kind)
        if op.kind in view.handles:
            handles.append(op)
        elif found is None:
            failures.missing.append(op)
        elif all(_is_lowered(v, view.handles) for v in op.inputs):
            _lower(op, view.rule(found), view, failures, prepare)
    for op in handles:
        if not graph.users(op):
            graph.erase(op)


def _is_lowered(value: Value | None, handles: Collection[str]) -> bool:
    return value is None or value.op.dialect not in SOURCE_DIALECTS or value.op.kind in handles


def _lower(op: Op, found: Rule, view: SourceOp, failures: _Failures, prepare: Callable[[SourceOp], None]) -> None:
    try:
        prepare(view)
        arguments = view.arguments
        problem = found.arity_problem(arguments)
        if problem:
            raise Refusal(problem)
        build = builder(op, found.name)
        made = results(found.function(view, build, *arguments))
        _check_results(op, made, found)
    except BodyFailed:
        pass  # what failed inside is listed already
    except Refusal as refusal:
        failures.refused.append((op, refusal))
    except (AttributeTypeError, InferenceError, *IMPOSSIBLE_VALUES) as error:
        failures.refused.append((op, Refusal(str(error) or type(error).__name__)))
    except OpsetError:
        raise
    else:
        _account(op, made, view.context)
        _tell_fixed_size(view, made)
        op.graph.replace(op, made)


def _account(op: Op, made: Sequence[Value], context: RuleContext) -> None:
    """Take note of ops that lower to nothing: what they give is what they are given."""
    if not op.outputs:
        context.remove([op.source], "it has no outputs")
    elif all(value in op.inputs for value in made[: len(op.outputs)]):
        context.remove([op.source], "it gives its input unchanged")


def _tell_fixed_size(view: SourceOp, made: Sequence[Value]) -> None:
    """Note a picture that has one size whatever the size of the picture that it is made of."""
    before = [v.shape[2:] for v in view.op.inputs if v is not None and v.shape is not None and len(v.shape) == 4]
    after = [v.shape for v in made if v.static_shape is not None and v.rank == 4 and v.static_shape[2:] != (1, 1)]
    if after and before and all(any(isinstance(d, str) for d in sizes) for sizes in before) and None not in after:
        size = "x".join(map(str, after[0] or ()))
        view.note(f"{view.op.type_name} gives {size} whatever the size of its input")


def _check_results(op: Op, made: Sequence[Value], found: Rule) -> None:
    if len(made) < len(op.outputs):
        raise Refusal(f"has {len(op.outputs)} outputs, and {len(made)} are what it can have")
    for old, new in zip(op.outputs, made, strict=False):
        if old.type and new.type and old.type.dtype and not shapes_agree(old.type.shape, new.type.shape):
            raise GraphError(f"rule {found.name} made {new.type} of {op!r}, which declares {old.type}")


def _diagnostics(failures: _Failures, rules: RuleSet) -> list[Diagnostic]:
    diagnostics = []
    if failures.missing:
        diagnostics.append(_missing(failures.missing, rules))
    diagnostics += [_refused(op, refusal) for op, refusal in failures.refused]
    return diagnostics


def _noun(op: Op, count: int) -> str:
    noun = "layer" if op.dialect == "caffe" else "op"
    return f"{count} {noun}{'s' if count != 1 else ''}"


def _missing(ops: Sequence[Op], rules: RuleSet) -> Diagnostic:
    rows = [(op.kind, op.name, op.source.place, "in: " + _types(op)) for op in ops]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [
        "   ".join([*(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=True)), row[3]]) for row in rows[:40]
    ]
    if len(rows) > 40:
        lines.append(f"and {len(rows) - 40} more")
    cures = []
    for kind in dict.fromkeys(op.kind for op in ops):
        dialect, _, name = kind.partition(".")
        nearest = did_you_mean(name, [k.partition(".")[2] for k in rules.kinds(dialect)])
        if nearest:
            lines.append(f"did you mean, for {name}: {', '.join(nearest)}")
        cures += [
            *([f"--alias {name}={nearest[0]}"] if nearest else []),
            f'@rule("{kind}") in my_rules.py, then --plugin my_rules.py',
            f"a layer class for {name} in my_layers.py, then --plugin my_layers.py",
        ]
    return Diagnostic(
        "unsupported-op",
        f"{_noun(ops[0], len(ops))} {'has' if len(ops) == 1 else 'have'} no lowering",
        lines=tuple(lines),
        cures=tuple(dict.fromkeys(cures)),
    )


def _types(op: Op) -> str:
    return ", ".join(str(v.type) if v is not None and v.type else "?" for v in op.inputs) or "nothing"


def _refused(op: Op, refusal: Refusal) -> Diagnostic:
    line = op.source.fields.get(refusal.field, op.source.line)
    place = f"{op.source.file}:{line}" if line else op.source.file
    return Diagnostic(
        "unsupported-parameter" if refusal.field else "unsupported-form",
        f"{op.type_name} {op.name!r}: {refusal.message}",
        place=place,
        lines=(f"in: {_types(op)}",),
        cures=(refusal.cure,) if refusal.cure else (),
    )
