"""Numbers rounded to steps, as training with quantisation does."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates

F = np.float32


def _fake(call: Call, x: Array, low: Array, high: Array) -> Array:
    """Rounded to one of 2 ** num_bits steps between low and high, both moved so that 0 is a step."""
    first = F(1 if call.flag("narrow_range", False) else 0)
    last = F(2 ** call.integer("num_bits", 8) - 1)
    scale = (high - low) / (last - first)
    zero = np.clip(np.floor(first - low / scale + F(0.5)), first, last)
    bottom, top = (first - zero) * scale, (last - zero) * scale
    inverse = (last - first) / (high - low)
    clamped = np.clip(x, bottom, top)
    steps = np.floor((clamped - bottom) * inverse + F(0.5))
    return np.where((low == 0) & (high == 0), F(0), steps * scale + bottom).astype(F)


@evaluates("tf.FakeQuantWithMinMaxArgs")
def by_arguments(call: Call, x: Array) -> Array:
    """The range is in the file."""
    low, high = np.asarray([call.number("min", -6.0), call.number("max", 6.0)], F)
    return _fake(call, x, low, high)


@evaluates("tf.FakeQuantWithMinMaxVars", "tf.FakeQuantWithMinMaxVarsPerChannel")
def by_inputs(call: Call, x: Array, low: Array, high: Array) -> Array:
    """The range is an input, or one for each channel."""
    return _fake(call, x, low, high)
