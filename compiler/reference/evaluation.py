"""The loop: every op of a source graph by its evaluator, in topological order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np

from regraft.ir import Graph, Op, Value
from regraft.reference.registry import EVALUATORS, Array, Call, NotEvaluated, Several

Substitute = Callable[[Op, Sequence[Any]], tuple[Sequence[Any], str]]
"""(op, the arrays that it reads) -> its results by other means, and what means. Raises NotEvaluated."""


@dataclass
class Evaluated:
    """What the reference computed.

    values: tensors by name; of several with one name (a Caffe blob that layers change in place) the last.
    substituted: ops that the reference does not know, why, and who computed them on the reference's inputs instead.
    unjudged: the tensors that these ops made: to compare them says nothing.
    missing: tensors that nobody computed, and why.
    rewritten: names that several layers write in turn, and those layers.
    computed: the names of what layers made of the inputs; outputs that have another name count by that.
    """

    values: dict[str, Array] = field(default_factory=dict)
    substituted: dict[str, str] = field(default_factory=dict)
    unjudged: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    rewritten: dict[str, tuple[str, ...]] = field(default_factory=dict)
    computed: list[str] = field(default_factory=list)


def evaluate(
    graph: Graph,
    feeds: Mapping[str, Array],
    *,
    settings: Mapping[str, Any] | None = None,
    aliases: Mapping[str, str] | None = None,
    substitute: Substitute | None = None,
) -> Evaluated:
    """Every tensor of a source graph, from the graph's inputs by name, with numpy alone.

    An op whose type is a key of `aliases` is computed as its value. An op without an evaluator goes to `substitute`;
    without one, or when that gives up, its tensors and all that need them are missing.
    """
    machine = _Machine(settings or {}, aliases or {}, substitute)
    return machine.whole(graph, feeds)


def evaluate_alone(
    graph: Graph, name: str, values: Mapping[str, Array], settings: Mapping[str, Any], aliases: Mapping[str, str]
) -> Array | None:
    """The tensor `name` by its op alone, from the tensors of another run by their names.

    None when the op reads what has no name there: a blob that is changed in place afterwards, for one.
    """
    last = graph.values_by_name()
    value = last.get(name)
    if value is None or any(last[v.name] is not v for v in value.op.inputs if v is not None and v.array is None):
        return None
    found = _Machine(settings, aliases, None).alone(value.op, values)
    made = None if found is None else found[value.index]
    return made if isinstance(made, np.ndarray) else None


class _Machine:
    def __init__(self, settings: Mapping[str, Any], aliases: Mapping[str, str], substitute: Substitute | None) -> None:
        self.settings = settings
        self.aliases = aliases
        self.substitute = substitute
        self.result = Evaluated()

    def whole(self, graph: Graph, feeds: Mapping[str, Array]) -> Evaluated:
        """All tensors of the outermost graph; those that nobody can name any more are let go when they were read."""
        order = graph.topological()
        last = graph.values_by_name()
        self.result.rewritten = _rewritten(order)
        reads = Counter(v for op in order for v in op.inputs if v is not None)
        known: dict[Value, Any] = {}
        lost: dict[Value, str] = {}
        for op in order:
            reason = next((lost[v] for v in op.inputs if v in lost), "")
            if not reason:
                try:
                    known.update(zip(op.outputs, self._step(op, known, feeds), strict=True))
                except NotEvaluated as error:
                    reason = f"{_said(op)}: {error}"
            if reason:
                lost.update(dict.fromkeys(op.outputs, reason))
            if op.kind == "core.Output":
                self._output(op, known, reason)
            for value in filter(None, op.inputs):
                reads[value] -= 1
                if not reads[value] and last.get(value.name) is not value:
                    known.pop(value, None)
        renamed = {_input(op) for op in graph.outputs}
        fixed = _fixed(order)
        for name, value in last.items():
            if value in known and name and value.op.kind != "core.Constant":
                self._keep(name, known[value])
                if value.op.kind != "core.Input" and value.op not in fixed and value not in renamed:
                    self.result.computed.append(name)
            elif value in lost and name:
                self.result.missing[name] = lost[value]
        return self.result

    def alone(self, op: Op, values: Mapping[str, Array]) -> Sequence[Any] | None:
        """The results of one op on other inputs than the reference's own."""
        known: dict[Value, Any] = {}
        for value in filter(None, op.inputs):
            if value.array is not None:
                known[value] = value.array
            elif value.name in values:
                known[value] = values[value.name]
            else:
                return None
        try:
            return self._evaluated(op, [None if v is None else known[v] for v in op.inputs])
        except NotEvaluated:
            return None

    def inner(self, graph: Graph, inputs: Sequence[Any], captured: Sequence[Any]) -> list[Any]:
        """The outputs of a graph inside an op: it says by index what it reads of the graph around it."""
        known: dict[Value, Any] = dict(zip((op.output for op in graph.inputs), inputs, strict=True))
        for op in graph.topological():
            if op.kind == "core.Capture":
                known[op.output] = captured[op.integer("index")]
            elif op.kind != "core.Input":
                known.update(zip(op.outputs, self._step(op, known, {}), strict=True))
        return [known[_input(op)] for op in graph.outputs]

    def _output(self, op: Op, known: Mapping[Value, Any], reason: str) -> None:
        if reason:
            self.result.missing[op.name] = reason
        else:
            self._keep(op.name, known[_input(op)])

    def _keep(self, name: str, value: Any) -> None:
        if isinstance(value, (np.ndarray, np.generic)):
            self.result.values[name] = np.asarray(value)

    def _step(self, op: Op, known: Mapping[Value, Any], feeds: Mapping[str, Array]) -> Sequence[Any]:
        if op.kind == "core.Output":
            return ()
        if op.kind == "core.Constant":
            return (op.attrs["value"],)
        if op.kind == "core.Input":
            if op.name not in feeds:
                raise NotEvaluated("nothing is fed to it")
            return (np.asarray(feeds[op.name]),)
        inputs = [None if v is None else known[v] for v in op.inputs]
        try:
            return self._evaluated(op, inputs)
        except NotEvaluated as error:
            if self.substitute is None:
                raise
            found, by = self.substitute(op, inputs)
            self.result.substituted[_said(op)] = f"{error}: {by}"
            self.result.unjudged.update(value.name for value in op.outputs)
            return found

    def _evaluated(self, op: Op, inputs: Sequence[Any]) -> Sequence[Any]:
        kind = f"{op.dialect}.{self.aliases.get(op.type_name, op.type_name)}"
        if kind not in EVALUATORS:
            raise NotEvaluated("the reference does not know this type")
        call = Call(op, tuple(inputs), self.settings, self.inner)
        try:
            signature(EVALUATORS[kind]).bind(call, *inputs)
        except TypeError:
            raise NotEvaluated(f"with {len(inputs)} inputs it has a form that the reference does not know") from None
        try:
            with np.errstate(all="ignore"):
                found = EVALUATORS[kind](call, *inputs)
        except (ValueError, TypeError, IndexError, KeyError, AssertionError, ArithmeticError, AttributeError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise NotEvaluated(f"the reference fails on it: {said}") from error
        values = found.values if isinstance(found, Several) else (found,)
        if len(values) < len(op.outputs):
            raise NotEvaluated(f"the reference gives {len(values)} of its {len(op.outputs)} outputs")
        plain = [np.asarray(v) if isinstance(v, np.generic) else v for v in values]
        return plain[: len(op.outputs)]


def _input(op: Op) -> Value:
    value = op.inputs[0]
    assert value is not None
    return value


def _said(op: Op) -> str:
    """`caffe.Interp up1`."""
    return f"{op.kind} {op.name or op.source.layer}".strip()


def _fixed(order: Sequence[Op]) -> set[Op]:
    """Ops that depend on constants alone."""
    found: set[Op] = set()
    for op in order:
        if op.kind == "core.Constant" or (op.inputs and all(v is None or v.op in found for v in op.inputs)):
            found.add(op)
    return found


def _rewritten(order: Sequence[Op]) -> dict[str, tuple[str, ...]]:
    """Names that more than one layer writes."""
    writers: dict[str, list[str]] = {}
    for op in order:
        for value in op.outputs:
            if value.name and op.kind != "core.Constant":
                writers.setdefault(value.name, []).append(op.name or op.source.layer)
    return {name: tuple(layers) for name, layers in writers.items() if len(layers) > 1}
