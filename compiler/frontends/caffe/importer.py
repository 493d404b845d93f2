"""From a net and its weights to a graph of `caffe.*` ops: in-place layers become chains of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import Diagnostic, ModelFileError
from regraft.frontends.base import Imported, ReadNote, Request
from regraft.frontends.caffe import params, weights
from regraft.frontends.caffe.caffemodel import Caffemodel
from regraft.frontends.caffe.layers import InputShape, Layer
from regraft.frontends.caffe.net import Net
from regraft.frontends.caffe.weights import Weights
from regraft.ir import UNKNOWN, Array, DType, Graph, OpTable, Source, TensorType, Value

LARGEST_DIM = (1 << 31) - 1
"""Caffe counts sizes in 32 bits."""


def import_net(net: Net, caffemodel: Caffemodel | None, request: Request, table: OpTable) -> Imported:
    """The net as a graph. A blob's name is that of the last value written to it; an input's type is float32.

    Raises:
        ModelFileError: a parameter has a value that cannot be, or the weights do not belong to the net.
    """
    importer = _Importer(net, table, weights.match(net, caffemodel) if caffemodel else None)
    importer.strict = request.strict
    for index, layer in enumerate(net.layers):
        importer.add(index, layer)
    for name in net.outputs:
        importer.graph.add_output(name, importer.values[name])
    imported = Imported(importer.graph, [Path(net.path)], f"Caffe {net.generation}", importer.notes, found=False)
    imported.dropped = importer.dropped
    return imported


class _Importer:
    def __init__(self, net: Net, table: OpTable, found: Weights | None) -> None:
        self.graph = Graph(table, net.name or Path(net.path).stem)
        self.file = Path(net.path).name
        self.values: dict[str, Value] = {}
        self.found = found
        self.strict = False
        self.blobs: dict[int, Value] = {}
        kept = {(layer.name, layer.line) for layer in net.layers}
        said = {Source(self.file, n.line, n.layer, n.type): n.reason for n in net.notes}
        self.dropped = {source: reason for source, reason in said.items() if (source.layer, source.line) not in kept}
        self.notes = [ReadNote("note", reason, s) for s, reason in said.items() if s not in self.dropped]
        for warning in found.warnings if found else ():
            self.notes.append(ReadNote("warning", warning))

    def add(self, index: int, layer: Layer) -> None:
        if layer.type == "Input":
            for top, shape in zip(layer.tops, layer.shapes, strict=True):
                source = Source(self.file, layer.line, layer.name, layer.type)
                if any(d is not None and not 0 <= d <= LARGEST_DIM for d in shape or ()):
                    message = f"input {top!r} has the shape {shape}, which cannot be"
                    raise ModelFileError(Diagnostic("bad-shape", message, layer.place))
                self.values[top] = self.graph.add_input(top, TensorType(DType.F32, _dims(shape)), source=source)
            return
        bound = params.bind(layer)
        source = Source(self.file, layer.line, layer.name, layer.type, bound.lines)
        self._unknown(layer, bound)
        blobs = [self._blob(array, f"{layer.name}.{i}", source) for i, array in enumerate(self._arrays(index))]
        attrs: dict[str, Any] = {
            **bound.values,
            "num_bottoms": len(layer.bottoms),
            "extras": bound.extras,
            "blocks": bound.blocks,
            "blob_names": layer.param_names,
            "weights_hint": self.found.hints.get(index, "") if self.found else "",
        }
        inputs = [*(self.values[b] for b in layer.bottoms), *blobs]
        op = self.graph.add(f"caffe.{layer.type}", inputs, attrs, outputs=layer.tops, name=layer.name, source=source)
        self.values.update(zip(layer.tops, op.outputs, strict=True))

    def _unknown(self, layer: Layer, bound: params.Bound) -> None:
        """Warn of parameters that no rule will look at; strict compilations refuse them."""
        for name, line in bound.unknown:
            message = f"{name} is not a parameter of {layer.type} that regraft knows: it is ignored"
            if self.strict:
                place = f"{self.file}:{line}"
                raise ModelFileError(
                    Diagnostic("unknown-parameter", f"{layer.type} {layer.name!r}: {name} is unknown", place)
                )
            self.notes.append(ReadNote("warning", message, Source(self.file, line, layer.name, layer.type)))

    def _arrays(self, index: int) -> list[Array]:
        return self.found.of_layer(index) if self.found else []

    def _blob(self, array: Array, name: str, source: Source) -> Value:
        """One constant a blob, also where layers share it."""
        if id(array) not in self.blobs:
            numbers = array.astype(np.float32, copy=False)  # Caffe holds all blobs so, whatever the file has
            self.blobs[id(array)] = self.graph.add_constant(numbers, name, source=source)
        return self.blobs[id(array)]


def _dims(shape: InputShape) -> tuple[int | str, ...] | None:
    return None if shape is None else tuple(UNKNOWN if d is None else d for d in shape)
