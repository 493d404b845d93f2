"""The ONNX side of the page: the nodes of a model, those of bodies too, with types, costs and where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from onnx import AttributeProto, ModelProto, TensorProto, helper

from regraft.costs import infer, node_flops, static_shape, types
from regraft.emit import EmittedModel
from regraft.emit.protos import tensor_header, tensor_type

Key = tuple[str, str]
"""What names a layer in a model's metadata: its kind and name, and its place."""
_MOST_TEXT = 160
_NO_PARAMETERS = (TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING)


@dataclass
class OnnxNode:
    """One node: `takes` and `gives` are (name, type); `producers` are indices of other nodes.

    `absorbed` are the keys of further layers that went into it.
    """

    name: str
    op: str
    domain: str = ""
    key: Key = ("", "")
    rules: list[str] = field(default_factory=list)
    absorbed: list[Key] = field(default_factory=list)
    takes: list[tuple[str, str]] = field(default_factory=list)
    gives: list[tuple[str, str]] = field(default_factory=list)
    weights: list[tuple[str, str]] = field(default_factory=list)
    attrs: dict[str, str] = field(default_factory=dict)
    parameters: int = 0
    flops: int | None = 0
    producers: list[int] = field(default_factory=list)
    parent: int = -1


@dataclass
class _Scope:
    """What is known inside a graph: by name, the node that makes a value, and how many parameters a constant has."""

    kinds: Mapping[str, Any]
    makers: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


def onnx_nodes(proto: ModelProto) -> list[OnnxNode]:
    """The inputs and nodes of a model; the numbers of its large weights are not needed."""
    typed = infer(proto) or proto
    scope = _Scope(types(typed), sizes=_sizes(typed.graph))
    found: list[OnnxNode] = []
    for value in typed.graph.input:
        if value.name not in scope.sizes:
            scope.makers[value.name] = len(found)
            found.append(OnnxNode(value.name, "Input", gives=[(value.name, _text(value.type))]))
    _collect(typed.graph, scope, found, -1)
    return found


def skeleton(emitted: EmittedModel) -> ModelProto:
    """A copy of the proto in which the large weights have names, types and sizes, and no numbers."""
    proto = ModelProto()
    proto.CopyFrom(emitted.proto)
    proto.graph.initializer.extend(tensor_header(array, name) for name, array in emitted.weights.items())
    return proto


def _collect(graph: Any, scope: _Scope, found: list[OnnxNode], parent: int) -> None:
    shapes = {name: static_shape(kind) for name, kind in scope.kinds.items()}
    for proto in graph.node:
        index = len(found)
        node = _node(proto, scope, shapes, parent)
        found.append(node)
        scope.makers.update({name: index for name in proto.output if name})
        for body in bodies(proto):
            _collect(body, _inner(body, scope), found, index)


def _inner(body: Any, scope: _Scope) -> _Scope:
    kinds = {v.name: v.type for v in (*body.input, *body.value_info, *body.output)}
    kinds |= {t.name: helper.make_tensor_type_proto(t.data_type, t.dims) for t in body.initializer}
    hidden = {v.name for v in body.input}
    makers = {name: index for name, index in scope.makers.items() if name not in hidden}
    return _Scope({**scope.kinds, **kinds}, makers, {**scope.sizes, **_sizes(body)})


def _sizes(graph: Any) -> dict[str, int]:
    """The parameters in each constant; whole numbers of 64 bits are shapes and axes, and count for none."""
    return {t.name: 0 if t.data_type in _NO_PARAMETERS else prod(t.dims) for t in graph.initializer}


def _node(proto: Any, scope: _Scope, shapes: Mapping[str, Any], parent: int) -> OnnxNode:
    entries = {p.key: p.value for p in proto.metadata_props}
    node = OnnxNode(proto.name or next(iter(proto.output), proto.op_type), proto.op_type, proto.domain, parent=parent)
    node.key = (entries.get("regraft.layer", ""), entries.get("regraft.source", ""))
    node.rules = [rule for rule in entries.get("regraft.rules", "").split(", ") if rule]
    node.absorbed = [(layer, place) for layer, place in json_list(entries.get("regraft.absorbed", ""), 2)]
    for name in filter(None, proto.input):
        weight = name in scope.sizes
        (node.weights if weight else node.takes).append((name, _text(scope.kinds.get(name))))
        node.parameters += scope.sizes.get(name, 0)
    node.gives = [(name, _text(scope.kinds.get(name))) for name in filter(None, proto.output)]
    node.producers = list(dict.fromkeys(scope.makers[name] for name in proto.input if name in scope.makers))
    node.attrs = {a.name: _attribute(a) for a in proto.attribute}
    node.flops = node_flops(proto, shapes)
    return node


def json_list(text: str, width: int) -> list[list[str]]:
    """A metadata entry that lists rows of `width` texts; nothing when it is something else."""
    try:
        rows = json.loads(text or "[]")
    except ValueError:
        return []
    found = rows if isinstance(rows, list) else []
    return [r for r in found if isinstance(r, list) and len(r) == width and all(isinstance(each, str) for each in r)]


def walk_nodes(graph: Any) -> Iterator[Any]:
    """The NodeProtos of a graph, those of bodies too."""
    for node in graph.node:
        yield node
        for body in bodies(node):
            yield from walk_nodes(body)


def bodies(proto: Any) -> Iterator[Any]:
    """The graphs inside a node."""
    for attribute in proto.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _attribute(attribute: Any) -> str:
    if attribute.type == AttributeProto.GRAPH:
        return f"a graph of {len(attribute.g.node)} nodes"
    if attribute.type == AttributeProto.TENSOR:
        return f"tensor {'x'.join(map(str, attribute.t.dims)) or 'scalar'}"
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    elif not isinstance(value, (str, int, float)):
        value = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
    return shortened(f"{value:g}" if isinstance(value, float) else str(value))


def shortened(text: str) -> str:
    """The text, or its beginning."""
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _text(kind: Any) -> str:
    known = tensor_type(kind) if kind is not None else None
    return str(known) if known is not None else ""
