"""Small ONNX graphs, a pass over them, and a comparison of the numbers before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from regraft import emit
from regraft.custom_ops.schema import OPS
from regraft.ir import Builder, DType, Graph, Shape, TensorType, Value, verify
from regraft.passes import RuleContext
from regraft.sources import op_table

Array = npt.NDArray[Any]
Make = Callable[..., Value | Sequence[Value]]
"""(build, *inputs) -> outputs, in the notation of rules"""


def numbers(*shape: int, seed: int = 0) -> Array:
    """Reproducible float32 numbers around zero."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def graph_of(make: Make, shapes: Sequence[Shape], opset: int = 17) -> Graph:
    """A graph of float32 inputs of these shapes; strings in a shape are symbols."""
    graph = Graph(op_table(opset), "test")
    inputs = [graph.add_input(f"x{i}", TensorType(DType.F32, tuple(shape))) for i, shape in enumerate(shapes)]
    made = make(Builder(graph), *inputs)
    for index, value in enumerate([made] if isinstance(made, Value) else made):
        graph.add_output(f"y{index}", value)
    return graph


def run(graph: Graph, feeds: Sequence[Array], opset: int = 17) -> list[Array]:
    """The outputs by ONNX Runtime with its own optimisations off."""
    kinds = {op.kind for op in graph if op.dialect == "regraft"}
    bodies = {kind: OPS.find(kind.partition(".")[2]) for kind in kinds}
    functions = {kind: op.body_graph(graph.table) for kind, op in bodies.items() if op is not None}
    emitted = emit.emit(graph, opset=opset, functions={k: v for k, v in functions.items() if v is not None})
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(emit.serialize(emitted), options, providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{i}": array for i, array in enumerate(feeds)})


def ops(graph: Graph) -> dict[str, int]:
    """How many ops of each kind there are, constants aside; what no output needs does not count."""
    graph.erase_unused()
    return dict(Counter(op.kind.removeprefix("onnx.") for op in graph if op.dialect != "core"))


def rewritten(
    make: Make,
    *shapes: Shape,
    by: Callable[[Graph, RuleContext], int],
    feeds: Sequence[Array] | None = None,
    rtol: float = 0,
    opset: int = 17,
) -> Graph:
    """The graph after the pass, whose numbers must be those before: to the last bit, unless `rtol` is given.

    A second run of the pass must find nothing more to do.
    """
    arrays = feeds or [numbers(*(d if isinstance(d, int) else 2 for d in s), seed=i) for i, s in enumerate(shapes)]
    expected = run(graph_of(make, shapes, opset), arrays, opset)
    graph = graph_of(make, shapes, opset)
    types = [op.inputs[0].type for op in graph.outputs if op.inputs[0] is not None]
    by(graph, RuleContext())
    verify(graph)
    assert by(graph, RuleContext()) == 0
    for want, actual in zip(expected, run(graph, arrays, opset), strict=True):
        np.testing.assert_allclose(actual, want, rtol=rtol, atol=rtol * np.abs(want).max() if rtol else 0)
    for old, op in zip(types, graph.outputs, strict=True):
        value = op.inputs[0]
        assert value is not None and value.type is not None and old is not None
        assert value.type.dtype == old.dtype and value.type.rank == old.rank
    return graph
