"""Fused recurrent cells: LSTMBlockCell, BlockLSTM, GRUBlockCell."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, evaluates, several
from regraft.reference.tensorflow.arithmetic import sigmoid

Step = tuple[Array, Array, Array, Array, Array, Array, Array]


def _lstm_step(call: Call, x: Array, c: Array, h: Array, rest: tuple[Array, ...], order: str) -> Step:
    """One step: input gate, c, forget gate, output gate, modulation, tanh of c, h."""
    weights, wci, wcf, wco, bias = rest
    peephole = call.flag("use_peephole", False)
    gates = dict(zip(order, np.split(np.concatenate([x, h], 1) @ weights + bias, 4, axis=1), strict=True))
    i = sigmoid(gates["i"] + (c * wci if peephole else 0))
    f = sigmoid(
        gates["f"]
        + x.dtype.type(call.number("forget_bias", 0.0 if call.op.type_name == "BlockLSTMV2" else 1.0))
        + (c * wcf if peephole else 0)
    )
    g = np.tanh(gates["c"])
    new = i * g + f * c
    clip = call.number("cell_clip", 0.0 if call.op.type_name == "BlockLSTMV2" else 3.0)
    if clip > 0:
        new = np.clip(new, -clip, clip)
    o = sigmoid(gates["o"] + (new * wco if peephole else 0))
    shaped = np.tanh(new)
    return i, new, f, o, g, shaped, o * shaped


@evaluates("tf.LSTMBlockCell")
def lstm_cell(call: Call, x: Array, c: Array, h: Array, *rest: Array) -> object:
    """One step. Inputs: x, c, h, weights, three peepholes, bias."""
    return several(_lstm_step(call, x, c, h, rest, "icfo")[: call.outputs])


@evaluates("tf.BlockLSTM", "tf.BlockLSTMV2")
def block_lstm(call: Call, most: Array, x: Array, c: Array, h: Array, *rest: Array) -> object:
    """Steps up to the longest sequence; the others are zeros. The second version orders gates otherwise."""
    second = call.op.type_name == "BlockLSTMV2"
    found: list[list[Array]] = [[] for _ in range(7)]
    for time in range(len(x)):
        if time < int(most):
            step = _lstm_step(call, x[time], c, h, rest, "ifco" if second else "icfo")
            c, h = step[1], step[6]
        else:
            step = tuple(np.zeros_like(c) for _ in range(7))  # type: ignore[assignment]
        for numbers, kept in zip(step, found, strict=True):
            kept.append(numbers)
    return several([np.stack(numbers) for numbers in found][: call.outputs])


@evaluates("tf.GRUBlockCell")
def gru_cell(call: Call, x: Array, h: Array, w_ru: Array, w_c: Array, b_ru: Array, b_c: Array) -> object:
    """One step: reset, update, candidate, state."""
    r, u = np.split(sigmoid(np.concatenate([x, h], 1) @ w_ru + b_ru), 2, axis=1)
    c = np.tanh(np.concatenate([x, r * h], 1) @ w_c + b_c)
    return several([r, u, c, u * h + (1 - u) * c][: call.outputs])
