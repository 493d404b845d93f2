"""Everything that the page shows, as plain lists and dicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onnx import ModelProto

from regraft.profiling import Profile
from regraft.report import WITHOUT_NODES, Report
from regraft.report_page.layers import Layer, gathered_layers, read_layers
from regraft.report_page.layout import Layout, layered
from regraft.report_page.nodes import OnnxNode, onnx_nodes
from regraft.report_page.trace import Trace

CUSTOM = ("regraft", "regraft.layers")


@dataclass
class PageInput:
    """What a page is made of; every part but the title may be missing.

    `report` is what the compilation said, `trace` what was noted of the source, `proto` the model without its large
    weights, `problems` why there is none, `reasons` why each pass is there, `facts` a model's metadata.
    """

    title: str
    report: Report = field(default_factory=Report)
    trace: Trace | None = None
    proto: ModelProto | None = None
    profile: Profile | None = None
    problems: Sequence[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def page_data(given: PageInput) -> dict[str, Any]:
    """The data of the page."""
    nodes = onnx_nodes(given.proto) if given.proto is not None else []
    if given.trace is not None:
        layers = read_layers(given.trace, given.report.layers)
    else:
        layers = gathered_layers(nodes, given.facts)
    of_node = _joined(layers, nodes)
    times = _times(given.profile, nodes)
    report = given.report
    plain = {
        key: getattr(report, key)
        for key in ("format", "opset", "inputs", "outputs", "ops", "rules", "warnings", "notes", "parameters")
    }
    known = [node.flops for node in nodes]
    return {
        "title": given.title,
        **plain,
        "files": [vars(f) for f in report.files],
        "bytes": report.weight_bytes,
        "seconds": report.seconds,
        "passes": [{**each, "reason": given.reasons.get(each["name"], "")} for each in report.passes],
        "problems": list(given.problems),
        "facts": {key: fact for key, fact in given.facts.items() if key != WITHOUT_NODES},
        "flops": None if None in known or not nodes else sum(n for n in known if n is not None),
        "profile": _summary(given.profile, times),
        "layers": _layer_rows(layers, nodes, times),
        "layerEdges": _edges([layer.producers for layer in layers], _anchors(layers)),
        "nodes": _node_rows(nodes, of_node, times, set(report.outputs)),
        "nodeEdges": _edges([node.producers for node in nodes], [node.parent for node in nodes]),
        **_drawn(layers, nodes),
    }


def _joined(layers: Sequence[Layer], nodes: Sequence[OnnxNode]) -> list[int]:
    """Give each layer its nodes, and each node its layer (-1: none)."""
    places = {layer.key: index for index, layer in reversed(list(enumerate(layers)))}
    inputs = {name: index for index, layer in enumerate(layers) if layer.fate == "input" for name, _ in layer.gives}
    of_node = []
    for index, node in enumerate(nodes):
        place = inputs.get(node.name, -1) if node.op == "Input" else places.get(node.key, -1)
        of_node.append(place)
        if place >= 0:
            layers[place].nodes.append(index)
    return of_node


def _times(profile: Profile | None, nodes: Sequence[OnnxNode]) -> dict[int, float]:
    """Microseconds of nodes, by index."""
    by_name = profile.microseconds() if profile else {}
    return {index: by_name[node.name] for index, node in enumerate(nodes) if node.name in by_name}


def _layer_rows(layers: Sequence[Layer], nodes: Sequence[OnnxNode], times: Mapping[int, float]) -> list[dict[str, Any]]:
    rows = []
    for layer in layers:
        row = {k: v for k, v in vars(layer).items() if k not in ("key", "producers", "beside")}
        counts = [nodes[i].flops for i in layer.nodes]
        row["flops"] = None if None in counts else sum(c for c in counts if c is not None)
        row["parameters"] = layer.parameters or sum(nodes[i].parameters for i in layer.nodes)
        known = [times[i] for i in layer.nodes if i in times]
        row["time"] = sum(known) if known else None
        rows.append(row)
    return rows


def _node_rows(
    nodes: Sequence[OnnxNode], of_node: Sequence[int], times: Mapping[int, float], outputs: set[str]
) -> list[dict[str, Any]]:
    rows = []
    for index, node in enumerate(nodes):
        row = {k: v for k, v in vars(node).items() if k not in ("key", "producers", "absorbed")}
        row["layer"] = of_node[index]
        row["time"] = times.get(index)
        row["output"] = any(name in outputs for name, _ in node.gives)
        row["fate"] = "input" if node.op == "Input" else "custom" if node.domain in CUSTOM else "lowered"
        rows.append(row)
    return rows


def _edges(producers: Sequence[Sequence[int]], parents: Sequence[int]) -> list[list[int]]:
    """Pairs of producer and user; the first ops of a body hang on the op that it is in (a third number: 1).

    So do layers of which nothing is known but what they were folded into.
    """
    edges = [[p, user] for user, before in enumerate(producers) for p in before]
    for index, parent in enumerate(parents):
        if parent >= 0 and not any(parents[p] == parent for p in producers[index]):
            edges.append([parent, index, 1])
    return edges


def _drawn(layers: Sequence[Layer], nodes: Sequence[OnnxNode]) -> dict[str, Any]:
    """The places of both drawings."""
    drawn = {}
    sides = (("layer", layers, _anchors(layers)), ("node", nodes, [node.parent for node in nodes]))
    for name, things, anchors in sides:
        edges = _edges([t.producers for t in things], anchors)
        drawn[f"{name}Layout"] = _plain(layered(len(things), ((e[0], e[1]) for e in edges)))
    return drawn


def _anchors(layers: Sequence[Layer]) -> list[int]:
    return [max(layer.parent, layer.beside) for layer in layers]


def _plain(layout: Layout) -> dict[str, Any]:
    bends: dict[str, list[float]] = defaultdict(list)
    for (a, b), points in layout.bends.items():
        bends[f"{a}-{b}"] = [round(number, 1) for point in points for number in point]
    return {"places": [[round(x, 1), round(y, 1)] for x, y in layout.places], "bends": bends}


def _summary(profile: Profile | None, times: Mapping[int, float]) -> dict[str, Any] | None:
    """How long the run took, and the share that belongs to the nodes of this model."""
    if profile is None:
        return None
    total = sum(node.microseconds for node in profile.nodes)
    return {
        "runs": profile.runs,
        "seconds": profile.seconds,
        "nodes": total,
        "mapped": sum(times.values()),
        "providers": sorted({node.provider for node in profile.nodes}),
    }
