"""Texts of the command line as values."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.errors import Diagnostic, UsageError


def names(given: Sequence[str]) -> tuple[str, ...] | None:
    """`["a,b", "c"]` is ("a", "b", "c"); nothing given is None."""
    found = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
    return found or None


def channels(text: str, flag: str) -> tuple[str, tuple[float, ...]]:
    """`data=1,2,3` is ("data", (1, 2, 3)); without a name it is for every picture.

    Raises:
        UsageError: it is no list of numbers.
    """
    name, _, values = text.rpartition("=")
    return name.strip(), numbers(values, flag)


def numbers(text: str, flag: str) -> tuple[float, ...]:
    """`104,117,123` as numbers.

    Raises:
        UsageError: it is not that.
    """
    try:
        return tuple(float(part) for part in text.strip("[]()").split(","))
    except ValueError:
        raise bad(f"{flag} {text!r} is not a list of numbers", f"{flag} 104,117,123") from None


def pair(text: str, flag: str, example: str) -> tuple[str, str]:
    """`name=value` as (name, value); what comes before the last `=` is the name.

    Raises:
        UsageError: one of them is missing.
    """
    name, equals, value = text.rpartition("=")
    if not (name.strip() and equals and value.strip()):
        raise bad(f"{flag} {text!r} is not NAME=VALUE", f"{flag} {example}")
    return name.strip(), value.strip()


def bad(message: str, cure: str) -> UsageError:
    """The error of an option with a value that it cannot have."""
    return UsageError(Diagnostic("bad-option", message, cures=(cure,)))
