"""From a graph of ONNX and custom ops to a model: a small proto, and the weights beside it, still uncopied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from onnx import FunctionProto, GraphProto, ModelProto, StringStringEntryProto, ValueInfoProto, helper

from regraft.emit.dialect import IR_VERSION, ML_OPSET
from regraft.emit.names import Names
from regraft.emit.protos import DOMAINS, node_proto, tensor_proto, type_proto
from regraft.ir import Array, Graph, GraphError, Op, TensorType, capture_count, subgraphs

INLINE_BYTES = 1024
"""Tensors up to this size are part of the proto (shape inference looks into them); larger ones stay outside."""

BODY_BYTES = 1 << 26
"""Weights of convolutions inside loops and branches are part of the proto too, up to this size all together: ONNX
Runtime takes its fast kernels only for weights that lie in the same graph as the convolution."""


@dataclass
class EmittedModel:
    """`proto` lacks the tensors in `weights`, which are written beside it or into it when the model is saved."""

    proto: ModelProto
    weights: dict[str, Array] = field(default_factory=dict)

    @property
    def weight_bytes(self) -> int:
        """The size of all weights that are not in the proto."""
        return sum(array.nbytes for array in self.weights.values())

    def complete(self) -> ModelProto:
        """A proto of its own that holds all weights. Copies them: for models of moderate size."""
        whole = ModelProto()
        whole.CopyFrom(self.proto)
        whole.graph.initializer.extend(tensor_proto(array, name) for name, array in self.weights.items())
        return whole


def emit(
    graph: Graph,
    *,
    opset: int,
    functions: Mapping[str, Graph] | None = None,
    metadata: Mapping[str, str] | None = None,
    producer_version: str = "",
) -> EmittedModel:
    """The ONNX model of a graph in which only `onnx`, `ml`, `regraft` and `layers` ops are left.

    `functions` maps kinds of custom ops to their bodies, which become model-local functions.

    Raises:
        GraphError: an op of another dialect is left.
    """
    emitter = _Emitter(opset)
    proto = ModelProto(ir_version=IR_VERSION, producer_name="regraft", producer_version=producer_version)
    proto.graph.CopyFrom(emitter.graph(graph, Names(graph)))
    proto.graph.name = graph.name or "regraft"
    for kind, body in (functions or {}).items():
        proto.functions.append(emitter.function(kind, body))
    domains = {"": opset} | {DOMAINS[d]: ML_OPSET if d == "ml" else 1 for d in sorted(emitter.dialects) if d != "onnx"}
    proto.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in domains.items())
    proto.metadata_props.extend(_entry(key, value) for key, value in (metadata or {}).items())
    return EmittedModel(proto, emitter.weights)


class _Emitter:
    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.weights: dict[str, Array] = {}
        self.places: dict[int, str] = {}
        self.dialects: set[str] = set()
        self.body_bytes = BODY_BYTES

    def graph(self, graph: Graph, names: Names, *, nested: bool = False) -> GraphProto:
        proto = GraphProto(name=graph.name or "body")
        proto.input.extend(value_info(names[op.output], op.output.type) for op in graph.inputs)
        for op in graph.topological():
            if op.dialect == "core":
                self._constant(proto, op, names, nested)
            else:
                self._node(proto, op, names)
        for op in graph.outputs:
            value = op.inputs[0]
            if value is None:
                raise GraphError(f"output {op.name!r} reads nothing")
            proto.output.append(value_info(names[value], value.type))
        return proto

    def function(self, kind: str, body: Graph) -> FunctionProto:
        names = Names(body)
        inner = _Emitter(self.opset)
        graph = GraphProto()
        for op in body.topological():
            if op.kind == "core.Constant":
                tensor = tensor_proto(op.attrs["value"], "")
                graph.node.append(helper.make_node("Constant", [], [names[op.output]], value=tensor))
            elif op.dialect != "core":
                inner._node(graph, op, names)
        dialect, _, name = kind.partition(".")
        outputs = [names[v] for op in body.outputs for v in op.inputs if v is not None]
        definition = body.table.find(kind)
        attributes = definition.attrs if definition and definition.attrs else frozenset()
        function = FunctionProto(name=name, domain=DOMAINS[dialect], output=outputs, node=graph.node)
        function.input.extend(names[op.output] for op in body.inputs)
        function.attribute.extend(sorted(attributes))
        function.opset_import.append(helper.make_opsetid("", self.opset))
        return function

    def _constant(self, proto: GraphProto, op: Op, names: Names, nested: bool) -> None:
        if op.kind != "core.Constant":
            return
        array: Array = op.attrs["value"]
        if array.nbytes <= INLINE_BYTES or array.dtype.kind in "OUS":
            proto.initializer.append(tensor_proto(array, names[op.output]))
        elif nested and array.nbytes <= self.body_bytes and any(use.op.kind == "onnx.Conv" for use in op.output.uses):
            self.body_bytes -= array.nbytes
            proto.initializer.append(tensor_proto(array, names[op.output]))
        elif id(array) in self.places:
            names.bind(op.output, self.places[id(array)])
        else:
            self.weights[names[op.output]] = array
            self.places[id(array)] = names[op.output]

    def _node(self, proto: GraphProto, op: Op, names: Names) -> None:
        if op.dialect not in DOMAINS:
            raise GraphError(f"{op!r} has reached the emitter: only ONNX and custom ops may")
        self.dialects.add(op.dialect)
        graphs = {key: self._body(op, body, names) for key, body in subgraphs(op).items()}
        captured = capture_count(op)
        inputs = ["" if v is None else names[v] for v in op.inputs[: len(op.inputs) - captured]]
        outputs = [names[v] for v in op.outputs]
        node = node_proto(op, inputs, outputs, self.opset, graphs)
        node.name = names.node(op, outputs[0] if outputs else "")
        node.metadata_props.extend(_provenance(op))
        proto.node.append(node)
        if op.dialect in ("regraft", "layers"):
            proto.value_info.extend(value_info(names[v], v.type) for v in op.outputs)

    def _body(self, op: Op, body: Graph, names: Names) -> GraphProto:
        inner = Names(body, names)
        first = len(op.inputs) - capture_count(op)
        for capture in (o for o in body if o.kind == "core.Capture"):
            outer = op.inputs[first + capture.integer("index")]
            if outer is None:
                raise GraphError(f"{op!r} captures nothing at {capture.integer('index')}")
            inner.bind(capture.output, names[outer])
        return self.graph(body, inner, nested=True)


def without_domain(model: EmittedModel, domain: str) -> None:
    """Let the nodes of a domain have none: a reader that is not ONNX knows them by their type."""
    for node in model.proto.graph.node:
        if node.domain == domain:
            node.domain = ""
    kept = [each for each in model.proto.opset_import if each.domain != domain]
    del model.proto.opset_import[:]
    model.proto.opset_import.extend(kept)


def value_info(name: str, type: TensorType | None) -> ValueInfoProto:
    """Name and type of a value."""
    return ValueInfoProto(name=name, type=type_proto(type))


def _provenance(op: Op) -> list[StringStringEntryProto]:
    entries = []
    if op.source.layer:
        entries.append(_entry("regraft.layer", f"{op.source.kind} {op.source.layer}".strip()))
    if op.source.file:
        entries.append(
            _entry("regraft.source", f"{op.source.file}:{op.source.line}" if op.source.line else op.source.file)
        )
    if op.provenance:
        entries.append(_entry("regraft.rules", ", ".join(op.provenance)))
    if op.absorbed:
        absorbed = [(f"{source.kind} {source.layer}".strip(), source.place) for source in op.absorbed]
        entries.append(_entry("regraft.absorbed", json.dumps(absorbed)))
    return entries


def _entry(key: str, value: str) -> StringStringEntryProto:
    return StringStringEntryProto(key=key, value=value)
