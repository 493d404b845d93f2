"""LSTM, RNN and LSTMUnit, a step at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.reference.caffe.activation import sigmoid
from regraft.reference.registry import Array, Call, evaluates, several


class _Sequence:
    """The bottoms and blobs of a recurrent layer, sorted; the part of the sums that does not depend on the state."""

    def __init__(self, call: Call, states: int, own: int) -> None:
        bottoms, blobs = list(call.bottoms), list(call.blobs)
        self.states = bottoms[len(bottoms) - states :] if call.flag("expose_hidden") else []
        static = bottoms[2 : len(bottoms) - len(self.states)]
        x, self.cont = bottoms[:2]
        weights, bias, *rest = blobs
        self.own = rest[-own:]
        flat = x.reshape(*x.shape[:2], -1)
        self.given = flat @ weights.reshape(weights.shape[0], -1).T + bias.reshape(-1)
        if static:
            fixed = static[0].reshape(static[0].shape[0], -1)
            self.given = self.given + fixed @ rest[0].reshape(rest[0].shape[0], -1).T

    def state(self, index: int, width: int) -> Array:
        """A first state: zeros, or what is given."""
        if self.states:
            return self.states[index].reshape(-1, width)
        return np.zeros((self.given.shape[1], width), self.given.dtype)


def _exposed(call: Call, tops: Sequence[Array]) -> object:
    return several(tops[: call.outputs])


@evaluates("caffe.LSTM")
def lstm(call: Call, *inputs: Array) -> object:
    """Gates in the order input, forget, output, modulation; both states begin again where cont is 0."""
    sequence = _Sequence(call, 2, 1)
    width = call.integer("num_output")
    recurrent = sequence.own[0].reshape(4 * width, width)
    h, c = sequence.state(0, width), sequence.state(1, width)
    found = []
    for given, cont in zip(sequence.given, sequence.cont, strict=True):
        gates = given + (cont[:, None] * h) @ recurrent.T
        c, h = _step(c, gates, cont[:, None])
        found.append(h)
    return _exposed(call, [np.stack(found), h[None], c[None]])


def _step(c: Array, gates: Array, cont: Array) -> tuple[Array, Array]:
    i, f, o, g = np.split(gates, 4, axis=-1)
    c = cont * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return c, sigmoid(o) * np.tanh(c)


@evaluates("caffe.RNN")
def rnn(call: Call, *inputs: Array) -> object:
    """h = tanh(W_h h + W_x x + b), o = tanh(W_o h + b_o)."""
    sequence = _Sequence(call, 1, 3)
    width = call.integer("num_output")
    recurrent, out, bias = sequence.own[0].reshape(width, width), sequence.own[1].reshape(width, width), sequence.own[2]
    h = sequence.state(0, width)
    found = []
    for given, cont in zip(sequence.given, sequence.cont, strict=True):
        h = np.tanh(given + (cont[:, None] * h) @ recurrent.T)
        found.append(np.tanh(h @ out.T + bias.reshape(-1)))
    return _exposed(call, [np.stack(found), h[None]])


@evaluates("caffe.LSTMUnit")
def lstm_unit(call: Call, c: Array, gates: Array, cont: Array) -> object:
    """One step: (c, gates, cont) to (c, h)."""
    return several(_step(c, gates, cont[..., None]))
