"""Passes and the manager that runs them: verified after each, dumped on request, bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from regraft.ir import Graph, GraphError, verify, walk
from regraft.passes.rules import RuleContext

PassFunction = Callable[[Graph, RuleContext], int]
"""(graph, context) -> how many changes it made"""


@dataclass(frozen=True)
class Pass:
    """A named step over the whole graph and the reason why it stands where it does in the pipeline.

    With `nested` it runs on the graphs inside ops first, each for itself. `rewrites` names the rewrites that it is made
    of, where it is. Without `repeated` it runs once, after those that are repeated have nothing left to change.
    """

    name: str
    run: PassFunction
    reason: str = ""
    nested: bool = True
    rewrites: tuple[str, ...] = ()
    repeated: bool = True


@dataclass(frozen=True)
class PassStatistics:
    """What one run of a pass did."""

    name: str
    changes: int
    ops_before: int
    ops_after: int
    seconds: float


Observer = Callable[[str, Graph], None]
"""Called after each pass with its name."""


@dataclass
class PassManager:
    """Runs passes in order; a group is repeated until nothing changes, at most `most_rounds` times."""

    observer: Observer | None = None
    most_rounds: int = 20
    statistics: list[PassStatistics] = field(default_factory=list)

    def run(self, passes: Sequence[Pass], graph: Graph, context: RuleContext) -> int:
        """Run each pass once. Returns the number of changes.

        Raises:
            GraphError: a pass left an invalid graph; the message names it.
        """
        return sum(self._run_one(each, graph, context) for each in passes)

    def run_to_fixpoint(self, passes: Sequence[Pass], graph: Graph, context: RuleContext) -> None:
        """Repeat the passes until a whole round changes nothing, then run those that are not to be repeated.

        Raises:
            GraphError: they still change something after `most_rounds` rounds.
        """
        repeated = [each for each in passes if each.repeated]
        for _ in range(self.most_rounds):
            if not self.run(repeated, graph, context):
                self.run([each for each in passes if not each.repeated], graph, context)
                return
        busy = sorted({s.name for s in self.statistics[-len(repeated) :] if s.changes})
        raise GraphError(
            f"the passes {', '.join(busy)} undo each other: still changing after {self.most_rounds} rounds"
        )

    def _run_one(self, each: Pass, graph: Graph, context: RuleContext) -> int:
        before, started = len(graph), time.perf_counter()
        changes = sum(each.run(body, context) for body in (walk(graph) if each.nested else (graph,)))
        if changes:
            try:
                verify(graph)
            except GraphError as error:
                raise GraphError(f"after the pass {each.name}: {error}") from error
        seconds = time.perf_counter() - started
        self.statistics.append(PassStatistics(each.name, changes, before, len(graph), seconds))
        if self.observer and (changes or len(self.statistics) == 1):
            self.observer(each.name, graph)
        return changes
