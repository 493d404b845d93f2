"""Tensors of the compiled model that have lost their names, found by the layer that their last node is from.

Passes that turn a network's layout leave values whose names the source does not know: the result of a layer in the
other layout. Where the numbers go wrong among them, this tells at which layer. It is a guess, for a pass may as well
have left a part of a layer's sum to the next one: so it is asked only when the outputs are known to be wrong.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx

from regraft.diff.inputs import Feeds
from regraft.ir import Graph
from regraft.runtime.compare import Difference, difference

STAGE = "by its layer"


def by_layers(proto: onnx.ModelProto, graph: Graph, actual: Feeds, expected: Feeds) -> list[Difference]:
    """The results of layers whose names are lost, against those of the source."""
    results = {op.source.layer or op.name: op.outputs[0].name for op in graph.topological() if len(op.outputs) == 1}
    order = {name: i for i, name in enumerate(results)}
    last: dict[str, tuple[str, str, str]] = {}
    for node in proto.graph.node:
        said = {entry.key: entry.value for entry in node.metadata_props}
        layers = [said.get("regraft.layer", ""), *(name for name, _ in json.loads(said.get("regraft.absorbed", "[]")))]
        known = [name for text in layers if (name := text.partition(" ")[2]) in order]
        if known:
            layer = max(known, key=lambda name: order[name])
            last[layer] = (node.output[0], layers[0], said.get("regraft.rules", ""))
    found = []
    for layer, (tensor, shown, rules) in last.items():
        name = results[layer]
        if tensor in expected or name in actual or name not in expected or tensor not in actual:
            continue
        turned = _fitted(expected[name], actual[tensor].shape)
        if turned is not None:
            made = difference(name, actual[tensor], turned, shown, rules)
            found.append(replace(made, stage=STAGE))
    return found


def _fitted(value: npt.NDArray[np.generic], shape: tuple[int, ...]) -> npt.NDArray[np.generic] | None:
    """The value with its channels where the shape has them, None when it fits neither way."""
    for turned in (value, np.moveaxis(value, -1, 1) if value.ndim > 2 else value):
        if turned.shape == shape:
            return turned
    return None
