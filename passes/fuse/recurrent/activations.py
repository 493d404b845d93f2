"""The functions that ONNX's recurrent operators apply to their gates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regraft.ir import Op, Value
from regraft.passes.fuse.recurrent.affine import Affine, AffineReader, Numbers
from regraft.passes.tracing import plain

_PLAIN = frozenset({"Relu", "Sigmoid", "Softplus", "Softsign", "Tanh"})
_ALPHA = {"Elu": 1.0, "LeakyRelu": 0.01}


@dataclass(frozen=True)
class Activation:
    """A function by ONNX's name for it in LSTM, GRU and RNN; `alpha` and `beta` only where it has them."""

    name: str
    alpha: float | None = None
    beta: float | None = None


IDENTITY = Activation("Affine", 1.0, 0.0)
SIGMOID, TANH = Activation("Sigmoid"), Activation("Tanh")


def applied(reader: AffineReader, value: Value) -> tuple[Activation, Value]:
    """The function that a value is made by, and what it is applied to; the identity where it is none of ONNX's."""
    value = plain(value)
    op, argument = value.op, value.op.inputs[0] if value.op.inputs else None
    if argument is None or op.dialect != "onnx":
        return IDENTITY, value
    if op.type_name in _PLAIN:
        return Activation(op.type_name), plain(argument)
    if op.type_name in _ALPHA:
        return Activation(op.type_name, op.number("alpha", _ALPHA[op.type_name])), plain(argument)
    if op.type_name == "HardSigmoid":
        return Activation("HardSigmoid", op.number("alpha", 0.2), op.number("beta", 0.5)), plain(argument)
    return _clipped(reader, op) or (IDENTITY, value)


def gate(reader: AffineReader, value: Value) -> tuple[Activation, Affine] | None:
    """A function of a sum: several gates may be made at once and split afterwards."""
    value = plain(value)
    activation, argument = applied(reader, value)
    if activation != IDENTITY:
        return activation, reader.read(argument)
    joined = value.op.inputs[0] if value.op.kind in ("onnx.Split", "onnx.Slice") else None
    several = IDENTITY if joined is None else applied(reader, joined)[0]
    if joined is None or several == IDENTITY:
        return IDENTITY, reader.read(value)
    columns = reader.columns(value.op, value.index)
    part = reader.read(applied(reader, joined)[1]).part(*columns) if columns else None
    return None if part is None else (several, part)


def _clipped(reader: AffineReader, op: Op) -> tuple[Activation, Value] | None:
    """clip(x, 0, n) / n, which is the HardSigmoid of alpha 1 / n and beta 0."""
    factor: Numbers | None = np.asarray(1.0)
    clip: Value | None = op.outputs[0]
    if op.kind == "onnx.Mul":
        left, right = op.inputs
        clip, factor = (left, reader.constant(right)) if reader.constant(right) is not None else (right, None)
        factor = reader.constant(left) if factor is None else factor
    elif op.kind == "onnx.Div":
        clip, divisor = op.inputs[0], reader.constant(op.inputs[1])
        factor = None if divisor is None or not divisor.all() else 1 / divisor
    bounds = None if clip is None else _bounds(reader, plain(clip).op)
    if factor is None or factor.ndim or bounds is None or bounds[1] != 0:
        return None
    whole = np.float32(bounds[2]) * np.float32(factor) == 1
    return (Activation("HardSigmoid", float(factor), 0.0), plain(bounds[0])) if whole else None


def _bounds(reader: AffineReader, op: Op) -> tuple[Value, float, float] | None:
    """What is clipped, and between which numbers: by Clip, or by Max and Min."""
    if op.kind == "onnx.Clip" and len(op.inputs) == 3:
        limits = [reader.constant(v) for v in op.inputs[1:]]
        x = op.inputs[0]
    else:
        outer = _with_number(reader, op)
        inner = None if outer is None else _with_number(reader, plain(outer[0]).op)
        if outer is None or inner is None or {op.kind, plain(outer[0]).op.kind} != {"onnx.Max", "onnx.Min"}:
            return None
        x, limits = inner[0], [outer[1], inner[1]] if op.kind == "onnx.Max" else [inner[1], outer[1]]
    if x is None or any(limit is None or limit.ndim for limit in limits):
        return None
    low, high = (float(limit) for limit in limits if limit is not None)
    return (x, low, high) if low <= high else None


def _with_number(reader: AffineReader, op: Op) -> tuple[Value, Numbers] | None:
    """The input of an op of two that is no constant, and the other one."""
    if len(op.inputs) == 2:
        left, right = op.inputs
        for x, number in ((left, reader.constant(right)), (right, reader.constant(left))):
            if x is not None and number is not None:
                return x, number
    return None
