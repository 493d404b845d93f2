"""Rounding as C's `round` does it: halves away from zero, and no number just below a half taken for one."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array


def half_away(x: Array) -> Array:
    """The nearest whole number, in the type of x."""
    size = np.abs(x)
    below = np.floor(size)
    return np.asarray(np.copysign(below + (size - below >= 0.5), x))
