"""Conversions between element types, with the results of TensorFlow's CPU kernels."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import dtype_of_value
from regraft.passes.tensorflow.complex_numbers import PARTS, cast_complex
from regraft.passes.tensorflow.control import truth
from regraft.passes.tensorflow.node import TensorFlowNode


@rule("tf.Cast")
def cast(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """x in the element type `DstT`: floats are cut towards zero, all but zero is true, integers wrap.

    Source: cast_op.h. A float outside the range of an integer type has no defined result in TensorFlow.
    """
    wanted, source = node.dtype("DstT"), node.get("SrcT")
    if wanted in PARTS or source in PARTS:
        return cast_complex(build, x, wanted, given=source)
    given = dtype_of_value(node, x)
    if given is wanted:
        return build.Identity(x)
    if DType.STRING in (given, wanted):
        raise node.refuse(f"a cast from {given.value} to {wanted.value}", field="DstT")
    if node.flag("Truncate", False) and given.is_float and wanted.is_float and wanted.size < given.size:
        raise node.refuse("Truncate rounds towards zero, and ONNX to nearest", field="Truncate")
    return build.Cast(x, to=wanted)


@rule("tf.Bitcast")
def bitcast(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The bytes of x as another element type: constants, and integers that differ in their sign only.

    Source: bitcast_op.cc.
    """
    wanted, given = node.dtype("type"), dtype_of_value(node, x)
    if given is wanted:
        return build.Identity(x)
    if x.array is not None and given.size >= wanted.size:
        data = np.ascontiguousarray(x.array)
        more = () if given.size == wanted.size else (given.size // wanted.size,)
        return build.constant(np.frombuffer(data.tobytes(), wanted.numpy).reshape((*data.shape, *more)))
    if given.is_integer and wanted.is_integer and given.size == wanted.size:
        return build.Cast(x, to=wanted)
    raise node.refuse(f"bits of {given.value} cannot be read as {wanted.value} in ONNX", field="type")


@rule("tf.ToBool")
def to_bool(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """A bool scalar: whether a scalar is not zero (empty text), another tensor has elements. Source: tobool_op.cc."""
    return truth(node, build, x)
