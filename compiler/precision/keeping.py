"""Ops that the user keeps in float32, by any name that one of them has."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

from regraft.errors import Diagnostic, UsageError, did_you_mean, listing

Thing = TypeVar("Thing", bound=Hashable)


def kept(wanted: Sequence[str], names: Mapping[Thing, Collection[str]]) -> set[Thing]:
    """The things one of whose names is wanted: `names` has for each its layer, its type and so on.

    Raises:
        UsageError: nothing has one of the names wanted.
    """
    known = {name for each in names.values() for name in each if name}
    for name in wanted:
        if name not in known:
            near = did_you_mean(name, known)
            cure = f"did you mean {listing(near)}?" if near else "the name of a layer or tensor, or a type: Softmax"
            raise UsageError(Diagnostic("nothing-to-keep", f"no layer or op is called {name!r}", cures=(cure,)))
    return {thing for thing, each in names.items() if not set(wanted).isdisjoint(each)}
