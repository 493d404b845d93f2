"""ONNX files as a `Source`: run as they are, with outputs and input sizes changed where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from regraft.dnn.source import Array, LayerInfo, Runner, Shapes, Times, fitted
from regraft.errors import Diagnostic, ModelFileError, RunError
from regraft.ir import Shape
from regraft.loading import load
from regraft.profiling import from_trace

_NODE = "onnx_node!"
"""What OpenCV puts before the names of nodes."""
_OUTPUT = "onnx_node_output_0!"
"""What OpenCV puts before the first output of a node without a name."""


_COUNTED = ("kernel_shape", "size")
"""The attributes that costs depend on."""


class OnnxSource:
    """An ONNX file; layers are its nodes, named as in OpenCV."""

    def __init__(self, path: Path, folder: object = None) -> None:
        if not path.is_file():
            raise ModelFileError(Diagnostic("no-file", f"{path} does not exist", cures=("check the path",)))
        self._path, self._folder = path, folder
        try:
            self._proto = onnx.load(path)
        except Exception as error:  # protobuf's decoders raise errors of several kinds
            raise ModelFileError(Diagnostic("bad-onnx", f"{path.name} is not an ONNX file")) from error
        if not self._proto.graph.node:
            raise ModelFileError(Diagnostic("bad-onnx", f"{path.name} is not an ONNX file, or has no nodes"))
        graph = self._proto.graph
        self._weights = {i.name: i for i in graph.initializer}
        self._changed = False
        self.inputs: dict[str, Shape | None] = {i.name: _shape(i) for i in graph.input if i.name not in self._weights}
        self.layers = _layers(graph, {name: tuple(i.dims) for name, i in self._weights.items()})
        nodes = [name for name in self.layers if name.startswith(_NODE)]
        self.aliases: Mapping[str, str] = {name.removeprefix(_NODE): name for name in nodes}
        self._tensors = {pin: v for i in self.layers.values() for pin, v in zip(i.pins, i.outputs, strict=True)}
        self._made = set(self._tensors.values())
        self.outputs = tuple(o.name for o in graph.output)

    def knows(self, name: str) -> bool:
        """See `Source`."""
        return self._tensor(name) is not None

    def names(self) -> list[str]:
        """See `Source`."""
        return [*sorted(self._made), *self.layers]

    def blobs(self, layer: str) -> list[Array]:
        """See `Source`."""
        return [onnx.numpy_helper.to_array(self._weights[n]) for n in self._weight_names(layer)]

    def set_blobs(self, layer: str, arrays: Sequence[Array]) -> None:
        """See `Source`."""
        for name, array in zip(self._weight_names(layer), arrays, strict=False):
            old = self._weights[name]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(old.data_type)
            old.CopyFrom(onnx.numpy_helper.from_array(np.asarray(array, dtype).reshape(tuple(old.dims)), name))
        self._changed = True

    def runner(self, wanted: Sequence[str], shapes: Shapes, providers: Sequence[str]) -> Runner:
        """See `Source`."""
        return self._runner(wanted, shapes, {"providers": providers})

    def layer_times(self, wanted: Sequence[str], feeds: Mapping[str, Array], providers: Sequence[str]) -> Times:
        """See `Source`."""
        shapes = {name: array.shape for name, array in feeds.items()}
        runner = self._runner(wanted, shapes, {"providers": providers, "profile": True})
        for _ in range(2):  # the first sets up memory, and is not counted
            runner.run(feeds)
        times = from_trace(runner.session.trace(), self._proto.graph.node).microseconds()
        return {self.aliases[node]: spent for node, spent in times.items() if node in self.aliases}

    def _runner(self, wanted: Sequence[str], shapes: Shapes, how: Mapping[str, Any]) -> _Runner:
        tensors = {name: self._tensor(name) or name for name in wanted}
        foreign = [n for n, s in shapes.items() if not _fits(s, self.inputs.get(n))]
        if not foreign and not self._changed and set(tensors.values()) <= set(self.outputs):
            return _Runner(load(self._path).session(**how), tensors)
        with TemporaryDirectory(prefix="regraft-") as folder:  # the session has the weights in memory when it goes
            path = Path(folder, "net.onnx")
            onnx.save(self._edited(set(tensors.values()), {n: shapes[n] for n in foreign}), path)
            return _Runner(load(path).session(**how), tensors)

    def _edited(self, wanted: set[str], shapes: Shapes) -> Any:
        """The model with these outputs, and free or other sizes of inputs."""
        changed = onnx.ModelProto()
        changed.CopyFrom(self._proto)
        graph = changed.graph
        kept = {o.name: o for o in graph.output if o.name in wanted and not shapes}
        del graph.output[:], graph.value_info[:]
        graph.output.extend(kept.get(name) or onnx.ValueInfoProto(name=name) for name in sorted(wanted))
        for entry in graph.input:
            if entry.name in shapes:
                element = entry.type.tensor_type.elem_type
                entry.CopyFrom(onnx.helper.make_tensor_value_info(entry.name, element, shapes[entry.name]))
        return changed

    def _tensor(self, name: str) -> str | None:
        for known in (name, name.removeprefix(_NODE), name.removeprefix(_OUTPUT)):
            if known in self._made:
                return known
        return self._tensors.get(name) or self._tensors.get(_NODE + name)

    def _weight_names(self, layer: str) -> list[str]:
        if not self.layers[layer].blob_shapes:
            return []
        nodes = (n for n in self._proto.graph.node if set(n.output) & set(self.layers[layer].outputs))
        return [i for i in next(nodes).input if i in self._weights]


class _Runner:
    def __init__(self, session: Any, tensors: Mapping[str, str]) -> None:
        self.session, self._tensors = session, tensors

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See `Runner`."""
        arrays = {}
        for info in self.session.inputs:
            if info.name not in feeds:
                message = f"input {info.name!r} is not set"
                raise RunError(Diagnostic("missing-input", message, cures=(f"setInput(blob, {info.name!r})",)))
            arrays[info.name] = fitted(feeds[info.name], info.dtype)
        found = self.session.run(arrays, list(dict.fromkeys(self._tensors.values())))
        return {name: found[tensor] for name, tensor in self._tensors.items()}

    def shapes(self) -> dict[str, tuple[int, ...] | None]:
        """See `Runner`."""
        fixed = {
            o.name: o.shape if o.shape and all(isinstance(d, int) for d in o.shape) else None
            for o in self.session.outputs
        }
        return {name: fixed[tensor] for name, tensor in self._tensors.items()}


def _layers(graph: Any, weights: Mapping[str, tuple[int, ...]]) -> dict[str, LayerInfo]:
    made: dict[str, tuple[str, int]] = {}
    layers: dict[str, LayerInfo] = {}
    for node in graph.node:
        outputs = tuple(o for o in node.output if o)
        if node.op_type == "Constant" or not outputs:
            continue
        name = _NODE + node.name if node.name else _OUTPUT + outputs[0]
        inputs = tuple(made.get(i, ("", 0)) for i in node.input if i and i not in weights)
        blobs = tuple(weights[i] for i in node.input if i in weights)
        attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute if a.name in _COUNTED}
        layers[name] = LayerInfo(name, node.op_type, inputs, outputs, blobs, attrs)
        made.update({output: (name, index) for index, output in enumerate(outputs)})
    for output in graph.output:  # OpenCV adds a layer for each
        if output.name in made:
            layers[output.name] = LayerInfo(output.name, "Identity", (made[output.name],), (output.name,))
    return layers


def _shape(value: Any) -> Shape | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim)


def _fits(given: Shape, declared: Shape | None) -> bool:
    return declared is None or (
        len(given) == len(declared) and all(isinstance(d, str) or g == d for g, d in zip(given, declared, strict=True))
    )
