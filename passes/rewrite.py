"""Rewrites of ONNX ops: `RewriteRule` (pattern, check, rewrite) and imperative functions under `@rewrite(kind)`."""

from __future__ import annotations

import inspect
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from regraft.ir import Builder, Graph, GraphError, Op, Value, shapes_agree
from regraft.passes.pattern import Match, Pattern, PatternNode, Tracer
from regraft.passes.rules import RuleContext


class RewriteError(GraphError):
    """A rewrite is wrong: `rule` is its name, `code` the kind of fault, `cure` what its author can do."""

    def __init__(self, rule: str, code: str, message: str, cure: str) -> None:
        super().__init__(message)
        self.rule, self.code, self.cure = rule, code, cure


class RewriteRule:
    """A declarative rewrite. Subclasses write three plain functions in one notation.

    `pattern(self, op, x, ...)` returns the op to find; its parameters are variables, those with the default None may
    be left out. `check(self, match)` returns None, or the reason why not. `rewrite(self, op, x, ...)` builds what takes
    the root's place; it may also ask for `m`, the match, and for `rewriter`, which places layers of the user's own.
    """

    def pattern(self, op: Any, *variables: Any) -> PatternNode:
        """The op to find, in the notation of rules."""
        raise NotImplementedError

    def check(self, match: Match) -> str | None:
        """None when the rewrite is exact here, else the reason why not."""
        return None

    def rewrite(self, op: Builder, *values: Any, **match: Any) -> Value | Sequence[Value]:
        """Build the replacement of the root's outputs."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """`FoldBatchNorm` is `fold-batch-norm`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()


RewriteFunction = Callable[[Op, "Rewriter"], "Value | Sequence[Value] | None"]


@dataclass(frozen=True)
class ImperativeRewrite:
    """A function of (op, rewriter) for one op kind; it returns the replacement, or None to leave the op."""

    kind: str
    function: RewriteFunction
    name: str


def rewrite(*kinds: str) -> Callable[[RewriteFunction], list[ImperativeRewrite]]:
    """The decorator `@rewrite("onnx.Concat")`: gives a list of rules, one a kind."""

    def make(function: RewriteFunction) -> list[ImperativeRewrite]:
        name = function.__name__.strip("_").replace("_", "-")
        return [ImperativeRewrite(kind, function, name) for kind in kinds]

    return make


class Rewriter:
    """What an imperative rewrite works with: a builder in the op's place, and the context."""

    def __init__(self, op: Op, name: str, context: RuleContext) -> None:
        self.op = op
        self.context = context
        self.build = Builder.like(op, name)

    def layer(self, layer_type: str, *inputs: Value, outputs: int = 1, **params: Any) -> list[Value]:
        """Add a registered layer of the user's own (a Python class, a C++ layer or an ONNX body); returns its outputs.

        Raises:
            UsageError: no layer of this type is registered.
        """
        made: list[Value] = self.context.setting("place_layer")(self.build, layer_type, inputs, params, outputs)
        return made


@dataclass
class _Prepared:
    """A rule of either form, ready to be tried at a root of its kind."""

    name: str
    kind: str
    attempt: Callable[[Op, RuleContext, Tracer | None], Sequence[Value] | None]


class RewriteSet:
    """Rules indexed by the kind of their root, applied until none fires.

    `apply` costs time in the number of ops and of rewrites made; a rule that feeds itself is found and named.
    """

    def __init__(self, rules: Iterable[RewriteRule | ImperativeRewrite], *, most_per_op: int = 30) -> None:
        self._by_kind: dict[str, list[_Prepared]] = defaultdict(list)
        self._most_per_op = most_per_op
        for rule in rules:
            prepared = _imperative(rule) if isinstance(rule, ImperativeRewrite) else _declarative(rule)
            self._by_kind[prepared.kind].append(prepared)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rules."""
        return tuple(sorted({prepared.name for group in self._by_kind.values() for prepared in group}))

    def apply(self, graph: Graph, context: RuleContext, tracers: dict[str, Tracer] | None = None) -> int:
        """Rewrite until nothing matches; returns how often a rule fired.

        Raises:
            RewriteError: a rule changed a type or lost an output, or the rules never end.
        """
        tracers = context.setting("tracers") if tracers is None else tracers
        if tracers is not None:
            for name in self.names:
                tracers.setdefault(name, Tracer())
        queue = deque(op for op in graph.topological() if op.kind in self._by_kind)
        queued = set(queue)
        fired: Counter[str] = Counter()
        limit = 1000 + self._most_per_op * len(graph)
        while queue:
            op = queue.popleft()
            queued.discard(op)
            if op not in graph:
                continue
            touched = self._try(op, context, fired, tracers)
            for near in touched:
                if near in graph and near.kind in self._by_kind and near not in queued:
                    queue.append(near)
                    queued.add(near)
            if fired.total() > limit:
                names = [name for name, _ in fired.most_common(2)]
                message = f"rewriting does not end: {', '.join(names)} fired {fired.total()} times"
                cure = "let check() refuse what rewrite() has made"
                raise RewriteError(names[0], "rewrite-loops", message, cure)
        return fired.total()

    def _try(self, op: Op, context: RuleContext, fired: Counter[str], tracers: dict[str, Tracer] | None) -> list[Op]:
        for prepared in self._by_kind[op.kind]:
            if prepared.name in context.setting("without_rewrites", ()):
                continue
            tracer = tracers.setdefault(prepared.name, Tracer()) if tracers is not None else None
            before = op.graph.latest
            try:
                made = prepared.attempt(op, context, tracer)
            except Exception as error:
                error.add_note(f"rewrite {prepared.name} at {op!r}")
                raise
            if made is None:
                continue
            fired[prepared.name] += 1
            if tracer:
                tracer.fired += 1
            touched = _replace(op, made, prepared.name, before, context)
            context.setting("watch", _nobody)(prepared.name)
            return touched
        return []


def _nobody(rule: str) -> None:
    """Called after a rule has fired, when nobody watches."""


def _replace(op: Op, made: Sequence[Value], name: str, before: int, context: RuleContext) -> list[Op]:
    graph = op.graph
    _check_outputs(op, made, name)
    feeding = [v.op for v in op.inputs if v is not None]
    users = graph.users(op)
    graph.replace(op, made)
    touched = [*(v.op for v in made), *users, *_made_before(made)]
    alive, dead = _erase_dead(graph, feeding)
    lost = [each for each in [*reversed(dead), op] if each.kind != "core.Constant"]
    fresh = _added_since(before, made)
    if fresh:
        _inherit(lost, fresh)
    else:
        context.remove((source for each in lost for source in each.sources), f"without effect: {name}")
    return touched + alive


def _check_outputs(op: Op, made: Sequence[Value], name: str) -> None:
    if len(made) < len(op.outputs):
        message = f"rule {name} gives {len(made)} values for the {len(op.outputs)} outputs of {op!r}"
        raise RewriteError(name, "rewrite-drops-output", message, "return a value for every output of the root")
    for old, new in zip(op.outputs, made, strict=False):
        if not isinstance(new, Value) or new.op.graph is not op.graph:
            message = f"rule {name} returned {new!r} for {op!r}, which is no value of the graph"
            raise RewriteError(name, "bad-rewrite", message, "return what op.Something(...) gave")
        if old.type and new.type and (old.dtype != new.dtype or not shapes_agree(old.shape, new.shape)):
            message = f"rule {name} turned {old!r} into {new.type}"
            raise RewriteError(name, "rewrite-changes-type", message, "keep the element type and the shape")


def _added_since(before: int, made: Sequence[Value]) -> list[Op]:
    """The ops that a rewrite has added, the last first."""
    found: dict[Op, None] = {}
    stack = [v.op for v in reversed(made)]
    while stack:
        op = stack.pop()
        if op.serial > before and op not in found:
            found[op] = None
            stack += [v.op for v in op.inputs if v is not None]
    return list(found)


def _inherit(lost: Sequence[Op], fresh: Sequence[Op]) -> None:
    """New ops come from the layers of the ops that they replace: from one of their own kind first, else the last."""
    ops = [op for op in fresh if op.kind != "core.Constant"] or list(fresh)
    heirs: dict[Op, Op] = {}
    for old in lost:
        heir = next((op for op in ops if op.kind == old.kind and op not in heirs), None)
        if heir is not None:
            heirs[heir] = old
            heir.source, heir.absorbed = old.source, old.absorbed
    for old in lost:
        if old not in heirs.values():
            ops[0].absorb(old.sources)


def _made_before(made: Sequence[Value]) -> list[Op]:
    """The ops near the replacement: its producers and theirs, which may match now."""
    near = [v.op for value in made for v in value.op.inputs if v is not None]
    return near + [user for op in near for user in op.graph.users(op)]


def _erase_dead(graph: Graph, candidates: Iterable[Op]) -> tuple[list[Op], list[Op]]:
    """Erase ops that nobody reads any more, from `candidates` upwards; returns those that stay and those erased."""
    stack, alive, dead = list(candidates), [], []
    while stack:
        op = stack.pop()
        if op not in graph:
            continue
        if graph.users(op) or op.kind in ("core.Input", "core.Output", "core.Capture"):
            alive.append(op)
            continue
        stack += [v.op for v in op.inputs if v is not None]
        graph.erase(op)
        dead.append(op)
    return alive, dead


def _imperative(rule: ImperativeRewrite) -> _Prepared:
    def attempt(op: Op, context: RuleContext, tracer: Tracer | None) -> Sequence[Value] | None:
        made = rule.function(op, Rewriter(op, rule.name, context))
        if made is None and tracer:
            tracer.fail(op, 1, "the function left it as it is")
        return None if made is None else _listed(made)

    return _Prepared(rule.name, rule.kind, attempt)


def _declarative(rule: RewriteRule) -> _Prepared:
    pattern = Pattern(rule.pattern)
    wanted = inspect.signature(rule.rewrite).parameters.keys() - {v.name for v in pattern.variables}

    def attempt(op: Op, context: RuleContext, tracer: Tracer | None) -> Sequence[Value] | None:
        for match in pattern.matches(op, tracer):
            reason = rule.check(match)
            if reason is not None:
                if tracer:
                    tracer.fail(op, len(match.ops) + 1, reason)
                continue
            values = [match.values.get(v.name) for v in pattern.variables]
            rewriter = Rewriter(op, rule.name, context)
            rewriter.build.provenance = _joined(match, rule.name)
            extras = {"m": match, "rewriter": rewriter}
            made = rule.rewrite(rewriter.build, *values, **{k: v for k, v in extras.items() if k in wanted})
            return _listed(made)
        return None

    return _Prepared(rule.name, pattern.root.kind, attempt)


def _listed(made: Value | Sequence[Value]) -> list[Value]:
    """What a rule returned as a list; whether it holds values is checked when they take their place."""
    return list(made) if isinstance(made, (list, tuple)) else [made]  # type: ignore[list-item]


def _joined(match: Match, name: str) -> tuple[str, ...]:
    """The provenance of all matched ops, and this rule."""
    seen = dict.fromkeys(p for op in match.ops.values() for p in op.provenance)
    return (*seen, name)
