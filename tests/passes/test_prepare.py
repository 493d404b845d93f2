"""TensorFlow graphs before lowering: ranks that the file does not give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rewriting import numbers

from regraft.frontends.tensorflow import TensorFlowFrontend
from regraft.ir import UNKNOWN, Builder, DType, Graph, TensorType, Value
from regraft.passes.tensorflow.input_ranks import infer_input_ranks
from regraft.sources import op_table

CASES: dict[str, tuple[Any, int | None]] = {
    "Conv2D": (lambda tf, x: tf("Conv2D", x, numbers(1, 1, 1, 1)), 4),
    "Conv3D": (lambda tf, x: tf("Conv3D", x, numbers(1, 1, 1, 1, 1)), 5),
    "a filter": (lambda tf, x: tf("Conv2D", numbers(1, 4, 4, 1), x), 4),
    "paddings": (lambda tf, x: tf("Pad", numbers(3, 3), x), 2),
    "a batch norm": (lambda tf, x: tf("FusedBatchNormV3", x, *[numbers(3)] * 4), 4),
    "a batch norm of volumes": (lambda tf, x: tf("FusedBatchNormV3", x, *[numbers(3)] * 4, data_format="NDHWC"), 5),
    "through ExpandDims": (lambda tf, x: tf("Conv2D", tf("ExpandDims", x, np.int32(1)), numbers(1, 1, 1, 1)), 3),
    "through elementwise ops": (lambda tf, x: tf("MaxPool", tf("Relu", tf("Identity", x))), 4),
    "through arithmetic": (lambda tf, x: tf("MaxPool", tf("Mul", np.float32(2), tf("Sub", x, numbers(3)))), 4),
    "through a constant behind Identity": (lambda tf, x: tf("MaxPool", tf("Sub", x, tf("Identity", numbers(3)))), 4),
    "not through Reshape": (lambda tf, x: tf("MaxPool", tf("Reshape", x, np.int32([1, 2, 3, 4]))), None),
    "not through two unknowns": (lambda tf, x: tf("MaxPool", tf("Add", x, x)), None),
    "nothing known": (lambda tf, x: tf("Relu", x), None),
}


@pytest.mark.parametrize("name", CASES)
def test_rank_of_an_input_without_a_shape(name: str) -> None:
    make, rank = CASES[name]
    graph = Graph(op_table(17, TensorFlowFrontend()), "test")
    x, build = graph.add_input("x", TensorType(DType.F32, None)), Builder(graph)

    def tf(kind: str, *operands: Value | Any, **attrs: Any) -> Value:
        made = (np.asarray(o) if not isinstance(o, Value) else o for o in operands)
        return build.many(f"tf.{kind}", *made, **attrs)[0]

    graph.add_output("y", make(tf, x))
    assert infer_input_ranks(graph) == (rank is not None)
    assert x.shape == (None if rank is None else (UNKNOWN,) * rank)


def test_a_declared_shape_stays() -> None:
    graph = Graph(op_table(17, TensorFlowFrontend()), "test")
    x = graph.add_input("x", TensorType(DType.F32, (1, 8, 8, 3)))
    graph.add_output("y", Builder(graph).many("tf.MaxPool", x)[0])
    assert infer_input_ranks(graph) == 0
    assert x.shape == (1, 8, 8, 3)
