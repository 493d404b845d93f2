"""The ONNX dialect of the graph: op definitions from ONNX's own schemas, types from ONNX's own shape inference."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import onnx
from onnx import TypeProto, helper, shape_inference

from regraft.emit.protos import node_proto, schema, tensor_proto, tensor_type, type_proto
from regraft.ir import Array, InferenceError, Op, OpDef, TensorType, subgraphs

DEFAULT_OPSET = 17
"""The lowest opset that expresses nearly all models: other runtimes lag behind the newest."""
NEWEST_OPSET = onnx.defs.onnx_opset_version()
"""The newest that the installed onnx knows."""
IR_VERSION = 10
ML_OPSET = 3
_MANY = 1 << 20
_SMALL = 4096
"""Constants up to this many elements are shown to shape inference: shapes, axes and the like."""
_REMEMBERED = 4096
"""How many inferred types a dialect keeps: networks repeat their blocks, and passes build what they find again."""


def _key(op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]) -> Hashable | None:
    """All that the types of the outputs depend on; None when it cannot be looked up."""
    data = tuple(None if a is None else (a.dtype.str, a.tobytes()) for a in arrays)
    key = (op.kind, len(op.outputs), tuple(op.attrs.items()), tuple(types), data)
    try:
        hash(key)
    except TypeError:  # attributes that are arrays or lists
        return None
    return key


class OnnxDialect:
    """Resolves op names at one opset; an instance belongs to one compilation's `OpTable`."""

    def __init__(self, opset: int = DEFAULT_OPSET, domain: str = "", dialect: str = "onnx") -> None:
        self.opset = opset
        self.domain = domain
        self.dialect = dialect
        self._inferred: dict[Hashable, list[TensorType | None]] = {}
        self._opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]

    def __call__(self, name: str) -> OpDef | None:
        """The definition of an ONNX operator, None when there is none of that name.

        Raises:
            OpsetError: only a newer opset has it.
        """
        found = schema(name, self.domain, self.opset if not self.domain else ML_OPSET)
        if found is None:
            return None
        return OpDef(
            kind=f"{self.dialect}.{name}",
            min_inputs=found.min_input,
            max_inputs=None if found.max_input > _MANY else found.max_input,
            min_outputs=found.min_output,
            max_outputs=None if found.max_output > _MANY else found.max_output,
            optional=True,
            omissible=frozenset(i for i, formal in enumerate(found.inputs) if formal.option.name == "Optional"),
            attrs=frozenset(found.attributes),
            required=frozenset(n for n, a in found.attributes.items() if a.required),
            infer=self._infer,
        )

    def _infer(
        self, op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]
    ) -> list[TensorType | None]:
        if subgraphs(op):
            return [None] * len(op.outputs)
        if any((t is None or t.dtype is None) for t, v in zip(types, op.inputs, strict=True) if v is not None):
            return [None] * len(op.outputs)
        shown = [a if a is not None and a.size <= _SMALL and a.dtype.kind in "iubf" else None for a in arrays]
        key = _key(op, types, shown)
        if key is None:
            return self._ask_onnx(op, types, shown)
        if key not in self._inferred:
            if len(self._inferred) >= _REMEMBERED:
                self._inferred.clear()
            self._inferred[key] = self._ask_onnx(op, types, shown)
        return self._inferred[key]

    def _ask_onnx(
        self, op: Op, types: Sequence[TensorType | None], arrays: Sequence[Array | None]
    ) -> list[TensorType | None]:
        names = ["" if value is None else f"i{i}" for i, value in enumerate(op.inputs)]
        outputs = [f"o{i}" for i in range(len(op.outputs))]
        node = node_proto(op, names, outputs, self.opset, {})
        protos = {name: type_proto(t) for name, t in zip(names, types, strict=True) if name}
        data = {n: tensor_proto(a, n) for n, a in zip(names, arrays, strict=True) if n and a is not None}
        found = self._run(op, node, protos, data)
        return [tensor_type(found[name]) if name in found else None for name in outputs]

    def _run(
        self, op: Op, node: onnx.NodeProto, types: dict[str, TypeProto], data: dict[str, onnx.TensorProto]
    ) -> dict[str, TypeProto]:
        definition = schema(op.type_name, self.domain, self.opset if not self.domain else ML_OPSET)
        try:
            return dict(
                shape_inference.infer_node_outputs(
                    definition, node, types, data, opset_imports=self._opsets, ir_version=IR_VERSION
                )
            )
        except (
            shape_inference.InferenceError,
            onnx.checker.ValidationError,
            onnx.defs.SchemaError,
            RuntimeError,
        ) as error:
            shapes = ", ".join(str(v.type) for v in op.inputs if v is not None)
            raise InferenceError(f"{op.type_name}({shapes}): {str(error).strip().splitlines()[0]}") from error
