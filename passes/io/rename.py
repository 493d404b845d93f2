"""Other names for inputs and outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from regraft.errors import Diagnostic, UsageError, did_you_mean, listing
from regraft.ir import Graph
from regraft.passes.io.names import known_name


def rename(graph: Graph, names: Mapping[str, str]) -> None:
    """Give inputs and outputs new names, all at once: two can change places. `:0` may be left out of the old ones.

    Raises:
        UsageError: no input or output has the old name, or two would have the same new one.
    """
    ends = [*graph.inputs, *graph.outputs]
    known = [op.name for op in ends]
    found = {_known(old, known): new for old, new in names.items()}
    wanted = [found.get(name, name) for name in known]
    twice = [name for name, count in Counter(wanted).items() if count > 1 and name in found.values()]
    if twice:
        message = f"two inputs or outputs would be called {twice[0]!r}"
        raise UsageError(Diagnostic("name-taken", message, cures=("choose another new name", "rename the other too")))
    for op, name in zip(ends, wanted, strict=True):
        op.name = name


def _known(old: str, known: list[str]) -> str:
    found = known_name(old, known)
    if found is not None:
        return found
    near = did_you_mean(old, known)
    cure = f"did you mean {listing(near)}?" if near else f"there are {listing(known)}"
    cures = (cure, "--outputs NAME makes an inner tensor an output")
    raise UsageError(Diagnostic("no-such-name", f"no input or output is called {old!r}", cures=cures))
