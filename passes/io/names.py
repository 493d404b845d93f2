"""Inputs and outputs by the names that users write: with or without TensorFlow's `:0`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from regraft.errors import Diagnostic, UsageError, did_you_mean, listing

EVERY = ""
"""The key of what is for all pictures, or for all outputs."""
T = TypeVar("T")


def known_name(name: str, known: Collection[str]) -> str | None:
    """The name among those that are known, None when it is not."""
    return next((each for each in (name, f"{name}:0", name.removesuffix(":0")) if each in known), None)


def by_input(values: Mapping[str, T], known: Collection[str]) -> dict[str, T]:
    """The values under the inputs' own names; the key `EVERY` stays.

    Raises:
        UsageError: no input has the name.
    """
    return {name and _resolved(name, known, "no-such-input", "input"): value for name, value in values.items()}


def by_output(values: Mapping[str, T], known: Collection[str]) -> dict[str, T]:
    """The values under the outputs' own names; the key `EVERY` stays.

    Raises:
        UsageError: no output has the name.
    """
    return {name and _resolved(name, known, "no-such-output", "output"): value for name, value in values.items()}


def _resolved(name: str, known: Collection[str], code: str, noun: str) -> str:
    found = known_name(name, known)
    if found is not None:
        return found
    near = did_you_mean(name, known)
    cure = (
        f"did you mean {listing(near)}?"
        if near
        else f"there {'is' if len(known) == 1 else 'are'} {listing(list(known))}"
    )
    raise UsageError(Diagnostic(code, f"no {noun} is called {name!r}", cures=(cure,)))
