"""Loops over time steps that are an LSTM, a GRU or a plain recurrent layer become that ONNX operator.

Recurrent layers of every origin (dynamic_rnn, Keras layers, cells in a loop of one's own) are ONNX Loops when they are
lowered. What the loop's body computes is compared with the formulas of the three operators, not with the names of ops
or the order of gates in some framework. `loops` reads the loop, `affine` what goes into a gate, `cells` the formulas,
`masks` which steps count, and `layers` puts the operator in the loop's place. What is anything else stays a Loop.
"""

from __future__ import annotations

from regraft.passes.fuse.recurrent.layers import recurrent_layer

__all__ = ["recurrent_layer"]
