"""One op by its own rule, alone: what the reference does not know is computed so, and the rest can be compared.

Users' layers run this way, too: as the compiled model runs them, with the same consent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft import emit
from regraft.errors import OpsetError, RegraftError
from regraft.frontends import sniff
from regraft.ir import DType, Graph, Op, TensorType, Value, dtype_of
from regraft.layers import UserLayers
from regraft.lowering import function_bodies, lower
from regraft.options import CompileOptions
from regraft.passes import RuleContext
from regraft.reference import NotEvaluated
from regraft.report_page import Trace
from regraft.runtime import Session
from regraft.sources import op_table

Array = npt.NDArray[Any]

RANDOM = frozenset(
    (
        *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal", "RandomShuffle"),
        *("Multinomial", "ParameterizedTruncatedNormal"),
    )
)
"""Ops that draw other numbers every time: only those of the compiled model can be gone on with."""


class OwnRule:
    """Computes an op of `path`'s graph by the rule that compiles it; `compiled` are the compiled model's tensors."""

    def __init__(self, path: Path, options: CompileOptions, compiled: Mapping[str, Array]) -> None:
        self.path = path
        self.compiled = compiled
        self.options = replace(
            options, optimise=False, dump_ir=None, explain=(), verify_passes=False, precision="fp32", portable=False
        )
        self._sessions: dict[Any, tuple[Session, list[str]]] = {}

    def __call__(self, op: Op, inputs: Sequence[Any]) -> tuple[Sequence[Any], str]:
        """The results of `op` on these inputs, and whose they are.

        Raises:
            NotEvaluated: the op cannot be compiled alone, or reads something else than arrays.
        """
        if op.type_name in RANDOM:
            return self._drawn(op), "the compiled model's numbers are taken"
        if not all(value is None or isinstance(value, np.ndarray) for value in inputs):
            raise NotEvaluated("the reference does not know it, and it reads lists")
        try:
            return self._computed(op, inputs), "computed by its own rule"
        except RegraftError as error:
            message = error.diagnostics[0].message
            raise NotEvaluated(f"the reference does not know it, and alone it cannot be compiled: {message}") from error

    def _drawn(self, op: Op) -> list[Array]:
        if not all(value.name in self.compiled for value in op.outputs):
            raise NotEvaluated("it draws at random, and its numbers are not in the compiled model")
        return [self.compiled[value.name] for value in op.outputs]

    def _computed(self, op: Op, inputs: Sequence[Any]) -> list[Array]:
        key = (id(op), *(_identity(v, a) for v, a in zip(op.inputs, inputs, strict=True)))
        if key not in self._sessions:
            self._sessions[key] = self._compiled(op, inputs, self.options.opset or emit.DEFAULT_OPSET)
        session, names = self._sessions[key]
        given = {f"in.{i}": array for i, array in enumerate(inputs)}
        found = session.run({info.name: given[info.name] for info in session.inputs})
        return [found[name] for name in names]

    def _compiled(self, op: Op, inputs: Sequence[Any], opset: int) -> tuple[Session, list[str]]:
        users = UserLayers(allow_python=self.options.allow_python_layers, search=[self.path.resolve().parent])
        graph = Graph(op_table(opset, sniff(self.path), users), op.name)
        values = [_input(graph, i, v, a) for i, (v, a) in enumerate(zip(op.inputs, inputs, strict=True))]
        outputs = [value.name for value in op.outputs]
        alone = graph.add(op.kind, values, op.attrs, outputs=outputs, name=op.name, source=op.source)
        names = [graph.add_output(f"out.{i}", value).name for i, value in enumerate(alone.outputs)]
        context = RuleContext({**self.options.settings, "expand_layer": users.expand, "place_layer": users.place})
        try:
            lower(graph, self.options, context, users, Trace(graph, []))
        except OpsetError as error:
            return self._compiled(op, inputs, error.needed)
        functions = {**function_bodies(graph, graph.table), **users.functions}
        made = emit.emit(graph, opset=opset, functions=functions)
        needed = users.needed()
        source = emit.serialize(made)
        return Session(source, optimise=False, layers=needed.layers, libraries=needed.libraries), names


def _is_constant(value: Value, array: Array) -> bool:
    """Constants stay constants; integers become them, for they may be sizes that a rule wants to know."""
    return value.array is not None or (array.dtype.kind in "iub" and array.size <= 64)


def _identity(value: Value | None, array: Array | None) -> Any:
    """What a compiled op depends on: types and shapes, and the numbers of constants."""
    if value is None or array is None:
        return None
    if value.array is not None:
        return id(value.array)
    return (array.dtype.str, array.shape, array.tobytes() if _is_constant(value, array) else b"")


def _input(graph: Graph, index: int, value: Value | None, array: Array | None) -> Value | None:
    if value is None or array is None:
        return None
    if _is_constant(value, array):
        return graph.add_constant(array, value.name)
    dtype = dtype_of(array)
    made = graph.add_input(f"in.{index}", TensorType(dtype if isinstance(dtype, DType) else None, array.shape))
    made.name = value.name
    return made
