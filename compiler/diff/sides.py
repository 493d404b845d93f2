"""The compiled model and its lowering before any optimisation: between them they have every tensor of the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx

from regraft.api import compile_with
from regraft.diff.inputs import Feeds
from regraft.model import Model
from regraft.options import CompileOptions
from regraft.runtime import Session
from regraft.runtime.compare import Difference, compare, session_of_all


class Sides:
    """The compiled model, and its lowering before any optimisation, which still has every tensor of the source."""

    def __init__(self, model: Path, weights: Path | None, options: CompileOptions) -> None:
        compiled = compile_with(model, weights, options)
        self.proto = compiled.proto
        self.session = session_of_all(self.proto, **compiled.session_arguments)
        self._plain: Model | None = None
        self._order: dict[str, int] = {}
        self._runs: dict[frozenset[str], Session] = {}
        self._last: Feeds = {}
        if options.optimise:
            plain = replace(
                options, optimise=False, precision="fp32", portable=False, dump_ir=None, verify_passes=False
            )
            self._plain = compile_with(model, weights, plain)
            nodes = self._plain.proto.graph.node
            self._order = {name: i for i, node in enumerate(nodes) for name in node.output}

    def before_optimisation(self, feeds: Feeds, expected: Feeds, compared: set[str]) -> list[Difference]:
        """The tensors that the compiled model has no longer."""
        wanted = frozenset(name for name in expected if name in self._order and name not in compared)
        if not wanted or self._plain is None:
            return []
        proto = self._plain.proto
        if wanted not in self._runs:
            self._runs[wanted] = session_of_all(proto, wanted, **self._plain.session_arguments)
        self._last = self._runs[wanted].run(feeds, sorted(wanted))
        found = compare(proto, self._last, expected)
        return [replace(d, stage="before optimisation") for d in found]

    @property
    def results(self) -> dict[str, str]:
        """Every tensor with the name of the layer it belongs to; of several of one layer, the last comes last."""
        plain = {} if self._plain is None else results_of_layers(self._plain.proto)
        return {**plain, **results_of_layers(self.proto)}

    def values(self, actual: Feeds) -> Feeds:
        """All tensors of the last run by name, those before optimisation too."""
        return {**self._last, **actual}

    def in_order(self, found: list[Difference]) -> list[Difference]:
        """In the order of the source; a tensor that only the compiled model has stands behind the one before it."""
        place, places = -1, {}
        for d in found:
            place = self._order.get(d.name, place)
            places[d.name] = place
        return sorted(found, key=lambda d: places[d.name])


def results_of_layers(proto: onnx.ModelProto) -> dict[str, str]:
    """Every tensor with the name of the layer it belongs to; of several of one layer, the last comes last."""
    layers = {}
    for node in proto.graph.node:
        said = {entry.key: entry.value for entry in node.metadata_props}
        layers.update(dict.fromkeys(node.output, said.get("regraft.layer", "").partition(" ")[2]))
    return layers
