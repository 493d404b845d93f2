"""The registry of legalisation rules: `@rule("caffe.Interp")` on a small function that is exact, or refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from regraft.ir import Attributes, Builder, Graph, Op, Source, Value

Result = Value | Sequence[Value]
RuleFunction = Callable[..., Result]
F = TypeVar("F", bound=RuleFunction)


class Refusal(Exception):
    """A rule cannot lower this op exactly. `field` is the attribute at fault, `cure` what the user can do."""

    def __init__(self, message: str, *, field: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.message, self.field, self.cure = message, field, cure


class BodyFailed(Exception):
    """The graph inside an op could not be lowered: the rule of the op has nothing to add."""


class SourceOp(Attributes):
    """A source op as a rule sees it: typed attributes with defaults, name, place, and the way to refuse."""

    __slots__ = ("context", "op")
    handles: ClassVar[frozenset[str]] = frozenset()
    """Kinds of ops that are not lowered: the rules of those that read them look into them."""

    def __init__(self, op: Op, context: RuleContext) -> None:
        self.op = op
        self.context = context

    @property
    def attrs(self) -> dict[str, Any]:  # type: ignore[override]
        """What the file gives."""
        return self.op.attrs

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Values of absent attributes."""
        return self.op.defaults

    @property
    def name(self) -> str:
        """The layer's or node's name."""
        return self.op.name

    @property
    def source(self) -> Source:
        """Its place in the file."""
        return self.op.source

    @property
    def arguments(self) -> Sequence[Value | None]:
        """The values that are handed to the rule as positional arguments."""
        return self.op.inputs

    def rule(self, found: Rule) -> Rule:
        """The rule that lowers the op, `found` being the one of its kind."""
        return found

    @property
    def outputs(self) -> int:
        """How many results the rule has to return."""
        return len(self.op.outputs)

    def refuse(self, message: str, *, field: str = "", cure: str = "") -> Refusal:
        """The exception to raise when this op cannot be lowered exactly."""
        return Refusal(message, field=field, cure=cure)

    def warn(self, message: str) -> None:
        """Tell the user something that may matter to the numbers; shown once and kept in the report."""
        self.context.notes.append(Note("warning", message, self.op.source))

    def note(self, message: str) -> None:
        """Record for the report what was decided."""
        self.context.notes.append(Note("note", message, self.op.source))

    def __repr__(self) -> str:
        return repr(self.op)


@dataclass(frozen=True)
class Note:
    """A line of the report: `warning` or `note`, and the place that it speaks of."""

    level: str
    message: str
    source: Source

    def __str__(self) -> str:
        return f"{self.source}: {self.message}" if str(self.source) else self.message


class RuleContext:
    """What rules share in one compilation: the user's settings, the list of notes, and values that several ops use."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings: dict[str, Any] = dict(settings or {})
        self.notes: list[Note] = []
        self.lower: Callable[[Graph], bool] = lambda body: True
        """Lowers a graph inside an op with the same rules; False when something in it failed. Set by `legalise`."""
        self.shared: dict[str, Value] = {}
        self.removed: dict[Source, str] = {}

    def remove(self, sources: Iterable[Source], reason: str) -> None:
        """Take note why these layers or nodes have no op of their own any more; the first reason stays."""
        for source in sources:
            self.removed.setdefault(source, reason)

    def setting(self, name: str, default: Any = None) -> Any:
        """A setting of the user's, such as `crop_offset`."""
        return self.settings.get(name, default)


@dataclass(frozen=True)
class Rule:
    """A legalisation of one source op kind; `view` is the class through which the function sees the op."""

    kind: str
    function: RuleFunction
    name: str

    def arity_problem(self, arguments: Sequence[Value | None]) -> str | None:
        """Why the function cannot take these inputs, None when it can."""
        return _arity_problem(self.function, len(arguments))


@lru_cache(maxsize=4096)
def _arity_problem(function: RuleFunction, count: int) -> str | None:
    signature = inspect.signature(function)
    try:
        signature.bind(None, None, *[None] * count)
    except TypeError:
        positional = list(signature.parameters.values())[2:]
        least = sum(p.default is p.empty for p in positional if p.kind is p.POSITIONAL_OR_KEYWORD)
        most = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in positional)
        wanted = f"{least}" if least == most else f"{least} to {most}"
        return f"has {count} inputs, and needs {wanted}"
    return None


class RuleSet:
    """Rules by source op kind. Registering a kind twice is an error; a later set may override an earlier one."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        for each in rules:
            self.add(each)

    def add(self, new: Rule, *, override: bool = False) -> None:
        """Add a rule.

        Raises:
            ValueError: the kind has a rule and `override` is not set.
        """
        if new.kind in self._rules and not override:
            raise ValueError(f"{new.kind} has two rules: {self._rules[new.kind].name} and {new.name}")
        self._rules[new.kind] = new

    def rule(self, *kinds: str, override: bool = False) -> Callable[[F], F]:
        """The decorator `@rules.rule("caffe.Interp")`; several kinds are aliases of one rule."""

        def register(function: F) -> F:
            for kind in kinds:
                self.add(
                    Rule(kind, function, f"{kind.partition('.')[0]}.{function.__name__.strip('_')}"), override=override
                )
            return function

        return register

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def find(self, kind: str) -> Rule | None:
        """The rule of a source op kind."""
        return self._rules.get(kind)

    def kinds(self, dialect: str = "") -> list[str]:
        """All kinds that have a rule, sorted."""
        return sorted(k for k in self._rules if not dialect or k.startswith(dialect + "."))

    def alias(self, kind: str, existing: str) -> None:
        """Let `kind` be lowered as `existing` is.

        Raises:
            KeyError: `existing` has no rule.
        """
        known = self._rules[existing]
        self.add(Rule(kind, known.function, known.name), override=True)

    def extended(self, more: RuleSet) -> RuleSet:
        """A new set in which `more` overrides this one."""
        result = RuleSet(self._rules.values())
        for each in more._rules.values():
            result.add(each, override=True)
        return result


BUILT_IN = RuleSet()
"""regraft's own rules, filled by importing `regraft.passes.caffe` and `regraft.passes.tensorflow`."""

rule = BUILT_IN.rule


def results(returned: Result) -> list[Value]:
    """A rule's result as a list."""
    return [returned] if isinstance(returned, Value) else list(returned)


def builder(op: Op, name: str) -> Builder:
    """The builder that a rule of this name works with in the place of `op`."""
    return Builder.like(op, name)
