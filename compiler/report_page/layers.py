"""The source side of the page: layers as the file has them, with their lines, types and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from regraft.ir import DType, Source
from regraft.report import WITHOUT_NODES, LayerRecord
from regraft.report_page.nodes import Key, OnnxNode, json_list, shortened
from regraft.report_page.trace import SourceLayer, SourceValue, Trace

_MOST_LINES = 120
_INTERNAL = ("type", "num_bottoms", "num_tops")
_NOTHING: tuple[Any, ...] = ({}, [], (), None, "")


@dataclass
class Layer:
    """One layer of the page: `nodes` are indices of ONNX nodes, `heir` the layer that it was folded into.

    `beside` is the layer that it is drawn at when its own place in the network is not known.
    """

    name: str
    kind: str
    key: Key
    place: str = ""
    fate: str = ""
    detail: str = ""
    takes: list[tuple[str, str]] = field(default_factory=list)
    gives: list[tuple[str, str]] = field(default_factory=list)
    weights: list[tuple[str, str]] = field(default_factory=list)
    parameters: int = 0
    attrs: dict[str, str] = field(default_factory=dict)
    producers: list[int] = field(default_factory=list)
    parent: int = -1
    nodes: list[int] = field(default_factory=list)
    heir: int = -1
    beside: int = -1
    text: str = ""
    line: int = 0


def key_of(source: Source) -> Key:
    """The layer's name as nodes carry it in their metadata."""
    return f"{source.kind} {source.layer}".strip(), source.place


def read_layers(trace: Trace, records: Sequence[LayerRecord]) -> list[Layer]:
    """The layers that were read, then those of the file that were left out; texts come from the files."""
    known = {(f"{r.kind} {r.name}".strip(), r.place): r for r in records}
    texts = _Texts(trace.files)
    found = [_layer(trace, layer, known) for layer in trace.layers]
    here = {layer.key for layer in found}
    found += [Layer(r.name, r.kind, key, r.place, r.fate, r.detail) for key, r in known.items() if key not in here]
    places = {layer.key: index for index, layer in reversed(list(enumerate(found)))}
    for source, heir in trace.heirs.items():
        index, to = places.get(key_of(source), -1), places.get(key_of(heir), -1)
        if index >= 0 and to != index:
            found[index].heir = to
    for layer in found:
        file, _, line = layer.place.rpartition(":")
        if file and line.isdigit():
            layer.line, layer.text = int(line), texts.excerpt(file, int(line))
    return found


def _layer(trace: Trace, read: SourceLayer, records: Mapping[Key, LayerRecord]) -> Layer:
    key = key_of(read.source)
    record = records.get(key)
    layer = Layer(read.name, read.source.kind or read.kind, key, read.source.place, parent=read.parent)
    if record is not None:
        layer.fate, layer.detail = record.fate, record.detail
    elif records:
        layer.fate, layer.detail = "added", "by regraft, as the options say"
    layer.gives = [(v.name, _type(trace, v)) for v in read.gives]
    layer.takes = [(v.name, _type(trace, v)) for v in read.takes]
    layer.weights = [(v.name, _type(trace, v)) for v in read.weights]
    shapes = [v.type.static_shape for v in read.weights if v.type is not None]
    layer.parameters = sum(prod(shape) for shape in shapes if shape is not None)
    layer.attrs = {k: shortened(_said(v)) for k, v in read.attrs.items() if k not in _INTERNAL and v not in _NOTHING}
    layer.producers = list(dict.fromkeys(v.layer for v in read.takes if v.layer >= 0))
    return layer


def _type(trace: Trace, value: SourceValue) -> str:
    """The type that lowering found; a layer that lowered to nothing hands on what it was given."""
    for _ in range(64):
        if value.layer < 0:
            break
        maker = trace.layers[value.layer]
        found = trace.types.get((maker.source, value.name))
        if found is not None:
            return str(found)
        if (value.type is not None and value.type.shape is not None) or len(maker.takes) != 1:
            break
        value = maker.takes[0]
    return str(value.type) if value.type is not None else ""


def _said(value: Any) -> str:
    if isinstance(value, DType):
        return value.value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_said, value))
    return str(value)


def gathered_layers(nodes: Sequence[OnnxNode], facts: Mapping[str, str]) -> list[Layer]:
    """The layers that a model's metadata names, where nothing else is known of them.

    First those that have nodes; then those that went into others or were removed, as the nodes and `facts` say.
    """
    layers = _layers_with_nodes(nodes)
    places = {layer.key: index for index, layer in enumerate(layers)}
    gone = {(label, place): (fate, detail) for label, place, fate, detail in json_list(facts.get(WITHOUT_NODES, ""), 4)}
    heirs = {key: places[node.key] for node in reversed(nodes) if node.key in places for key in node.absorbed}
    for key in (*gone, *heirs):
        if key not in places:
            places[key] = len(layers)
            fate, detail = gone.get(key, ("folded", ""))
            layers.append(_named(key, fate))
            layers[-1].detail = detail
            layers[-1].heir = layers[-1].beside = heirs.get(key, -1)
    return layers


def _named(key: Key, fate: str) -> Layer:
    kind, _, name = key[0].partition(" ")
    line = key[1].rpartition(":")[2]
    return Layer(name or kind, kind, key, key[1], fate, line=int(line) if line.isdigit() else 0)


def _layers_with_nodes(nodes: Sequence[OnnxNode]) -> list[Layer]:
    found: dict[Key, Layer] = {}
    places: dict[Key, int] = {}
    owner: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if not node.key[0]:
            continue
        if node.key not in found:
            found[node.key] = _named(node.key, "lowered")
            places[node.key] = len(places)
        layer = found[node.key]
        owner[index] = places[node.key]
        if node.domain.startswith("regraft"):
            layer.fate = "custom"
        layer.gives = list(node.gives)
    for index, place in owner.items():
        before = {owner[p] for p in nodes[index].producers if p in owner}
        layer = found[nodes[index].key]
        layer.producers = sorted({*layer.producers, *(p for p in before if p != place)})
    return list(found.values())


class _Texts:
    """Pieces of the text files that were read."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._paths = {path.name: path for path in files}
        self._lines: dict[str, list[str]] = {}

    def excerpt(self, file: str, line: int) -> str:
        """The block that begins at a line, up to the brace that closes it; nothing when the file is gone."""
        if file not in self._lines:
            try:
                self._lines[file] = self._paths[file].read_text(encoding="utf-8", errors="replace").splitlines()
            except (KeyError, OSError):
                self._lines[file] = []
        return block(self._lines[file], line)


def block(lines: Sequence[str], line: int) -> str:
    """The lines of the block that begins at `line`, counted from 1."""
    depth, opened, quote = 0, False, ""
    taken: list[str] = []
    for text in lines[line - 1 : line - 1 + _MOST_LINES]:
        taken.append(text)
        escaped = False
        for char in text:
            if quote:
                if char == quote and not escaped:
                    quote = ""
                escaped = char == "\\" and not escaped
            elif char == "#":
                break
            elif char in "\"'":
                quote = char
            else:
                depth += (char in "{<") - (char in "}>")
        opened = opened or depth > 0
        quote = ""
        if depth <= 0 and (opened or ":" in text):
            return "\n".join(taken)
    return "\n".join([*taken, "…"]) if taken else ""
