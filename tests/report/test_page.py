"""The data of the page, against an independent reading of the prototxt; and its safety: no network, no injection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnx
import pytest
from page_reading import Block, blocks, long_network, page_data

import regraft
from regraft.inspection import flops, inspect
from regraft.options import CompileOptions


def compiled(folder: Path, **options: Any) -> tuple[regraft.Model, list[Block]]:
    """The network in a folder, and its prototxt read otherwise."""
    text = next(folder.glob("*.prototxt"))
    model = regraft.compile(text, next(folder.glob("*.caffemodel")), **options)
    return model, blocks(text.read_text())


def check_layers(data: dict[str, Any], expected: list[Block]) -> None:
    """Names, types, lines, texts and edges are those of the file."""
    layers = {(layer["name"], layer["line"]): layer for layer in data["layers"]}
    for block in expected:
        layer = layers[block.name, block.line]
        assert layer["kind"] == block.kind
        assert layer["text"] == block.text
        assert layer["fate"] in ("lowered", "custom", "folded", "removed", "input")
    makers: dict[str, str] = {}
    edges = {(data["layers"][a]["name"], data["layers"][b]["name"]) for a, b, *_ in data["layerEdges"]}
    drawn = {layer["name"] for layer in data["layers"] if layer["gives"]}
    for block in expected:
        if block.name not in drawn:
            continue
        for bottom in block.bottoms:
            if bottom in makers:
                assert (makers[bottom], block.name) in edges
        makers.update(dict.fromkeys(block.tops, block.name))


def check_nodes(data: dict[str, Any], model: regraft.Model) -> None:
    """The nodes are those of the ONNX file, with its provenance, and each is where its layer says."""
    proto = model.proto
    nodes = [node for node in data["nodes"] if node["op"] != "Input"]
    assert [(n["name"], n["op"]) for n in nodes] == [(n.name, n.op_type) for n in proto.graph.node]
    for node, given in zip(nodes, proto.graph.node, strict=True):
        entries = {p.key: p.value for p in given.metadata_props}
        assert ", ".join(node["rules"]) == entries.get("regraft.rules", "")
        if "regraft.layer" in entries:
            layer = data["layers"][node["layer"]]
            assert f"{layer['kind']} {layer['name']}" == entries["regraft.layer"]
            assert data["nodes"].index(node) in layer["nodes"]
    assert data["flops"] == flops(proto)


def test_a_golden_case(goldens_dir: Path) -> None:
    model, expected = compiled(goldens_dir / "caffe" / "bn_scale_relu_inplace")
    data = page_data(model.page())
    check_layers(data, expected)
    check_nodes(data, model)
    layers = {layer["name"]: layer for layer in data["layers"]}
    assert [layers[name]["fate"] for name in ("data", "conv", "op", "sc", "re")] == [
        *("input", "lowered", "folded", "folded", "lowered"),
    ]
    conv = layers["conv"]
    assert conv["takes"] == [["data", "2x6x9x11 f32"]]
    assert [layers[name]["gives"] for name in ("conv", "op", "sc", "re")] == [[["c", "2x4x7x9 f32"]]] * 4
    assert conv["parameters"] == 4 * 6 * 3 * 3
    assert conv["flops"] == 2 * (2 * 4 * 7 * 9) * 6 * 3 * 3 + 2 * 4 * 7 * 9  # the fold gave it a bias
    assert data["layers"][layers["sc"]["heir"]]["name"] == "conv"
    assert data["nodes"][conv["nodes"][0]]["op"] == "Conv"
    assert conv["attrs"]["num_output"] == "4"


def test_passes_files_and_borders(goldens_dir: Path) -> None:
    model, _ = compiled(goldens_dir / "caffe" / "relu")
    data = page_data(model.page())
    assert [f["name"] for f in data["files"]] == ["net.prototxt", "net.caffemodel"]
    assert all(len(f["sha256"]) == 64 for f in data["files"])
    assert data["inputs"] == model.report.inputs
    assert data["outputs"] == model.report.outputs
    assert data["passes"][0]["name"] == "legalise"
    assert data["passes"][0]["reason"]


@pytest.mark.models
@pytest.mark.parametrize("name", ["nsfw", "hed", "res10_face"])
def test_real_networks(models_dir: Path, name: str) -> None:
    model, expected = compiled(models_dir / name)
    data = page_data(model.page())
    check_layers(data, expected)
    check_nodes(data, model)
    read = [layer for layer in data["layers"] if layer["name"] != "input"]
    assert len(read) == len(expected)
    assert {(r.name, r.fate) for r in model.report.layers} == {(ly["name"], ly["fate"]) for ly in data["layers"]}
    for layer in data["layers"]:
        if layer["fate"] == "folded" and "constant" not in layer["detail"]:
            assert data["layers"][layer["heir"]]["nodes"]


@pytest.mark.models
@pytest.mark.parametrize("name", ["mtcnn_det1", "res10_face"])
def test_an_onnx_file_alone_shows_every_layer(models_dir: Path, tmp_path: Path, name: str) -> None:
    model, expected = compiled(models_dir / name)
    path = model.save(tmp_path / "net.onnx")
    data = page_data(inspect(path, None, CompileOptions()).page(None))
    assert data["facts"]["regraft.format"].startswith("Caffe")
    assert all("layers" not in key for key in data["facts"])
    full = page_data(model.page())
    assert _fates(data) == {row for row in _fates(full) if row[2] != "input"}
    assert {(b.name, b.line) for b in expected if b.kind != "Input"} == {(row[0], row[1]) for row in _fates(data)}
    assert data["flops"] == full["flops"]
    drawn = {(a, b) for a, b, *hangs in data["layerEdges"] if hangs}
    assert drawn == {(ly["heir"], i) for i, ly in enumerate(data["layers"]) if ly["heir"] >= 0 and not ly["nodes"]}


def _fates(data: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Of every layer its name, its line, what became of it, and the layer that it went into."""
    layers = [
        {**layer, "heir": data["layers"][layer["heir"]]["name"]} for layer in data["layers"] if layer["heir"] >= 0
    ]
    layers += [{**layer, "heir": ""} for layer in data["layers"] if layer["heir"] < 0]
    return {(ly["name"], ly["line"], ly["fate"], ly["detail"], _heir(ly)) for ly in layers}


def _heir(layer: dict[str, Any]) -> str:
    """The layer that it went into; constants, which are no nodes, are named by the detail alone."""
    heir: str = layer["heir"]
    return "" if layer["nodes"] or "constant" in layer["detail"] else heir


def test_strange_metadata_does_no_harm(tmp_path: Path) -> None:
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    texts = ("no json", "[1, 2]", '{"a": 1}', '[["one"]]', '[[["deep"], 2]]')
    for text in texts:
        node.metadata_props.add(key="regraft.absorbed", value=text)
        graph = onnx.helper.make_graph([node], "strange", [info("x", 1, [2])], [info("y", 1, [2])])
        model = onnx.helper.make_model(graph)
        model.metadata_props.add(key="regraft.layers_without_nodes", value=text)
        onnx.save(model, tmp_path / "net.onnx")
        assert page_data(inspect(tmp_path / "net.onnx", None, CompileOptions()).page(None))["layers"] == []


def test_an_onnx_file_of_others(tmp_path: Path) -> None:
    info = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"]), onnx.helper.make_node("Neg", ["y"], ["z"])]
    borders = [info("x", 1, [2, 3])], [info("z", 1, [2, 3])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", *borders)), tmp_path / "other.onnx")
    data = page_data(inspect(tmp_path / "other.onnx", None, CompileOptions()).page(None))
    assert data["layers"] == []
    assert [n["op"] for n in data["nodes"]] == ["Input", "Relu", "Neg"]
    assert data["nodeEdges"] == [[0, 1], [1, 2]]
    assert data["nodes"][2]["output"]


def test_a_model_that_does_not_compile_is_shown_with_the_reason(tmp_path: Path) -> None:
    text = tmp_path / "net.prototxt"
    text.write_text(
        'input: "x" input_shape { dim: 1 dim: 2 }\nlayer { name: "odd" type: "Frobnicate" bottom: "x" top: "y" }\n'
    )
    data = page_data(inspect(text, None, CompileOptions()).page(None))
    assert "Frobnicate" in data["problems"][0]
    assert [layer["name"] for layer in data["layers"]] == ["input", "odd"]
    assert data["nodes"] == []


HOSTILE = "</script><script>window.stolen=1</script><img src=x onerror=window.stolen=1>&quot;\u2028"


def hostile(folder: Path) -> Path:
    """A network in which names try to leave their place."""
    path = folder / "<b>net&.prototxt"
    path.write_text(
        'input: "x" input_shape { dim: 1 dim: 2 }\n'
        f'layer {{ name: "{HOSTILE}" type: "ReLU" bottom: "x" top: "{HOSTILE}2" }}\n'
        f'layer {{ name: "b" type: "AbsVal" bottom: "{HOSTILE}2" top: "<!--" }}\n',
        encoding="utf-8",
    )
    return path


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    text = regraft.compile(hostile(tmp_path)).page()
    assert page_data(text)["layers"][1]["name"] == HOSTILE
    assert "window.stolen" in text and "<img src=x" not in text and "<b>net" not in text
    assert text.count("<script") == text.count("</script>") == 3


def test_nothing_outside_is_referred_to(goldens_dir: Path) -> None:
    model, _ = compiled(goldens_dir / "caffe" / "relu")
    text = model.page()
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?(?!#)[\w/.]", text.partition("<script>")[0])
    assert not re.search(r"@import|url\(", text.partition("</style>")[0])
    assert len(text) < 700_000


def test_three_thousand_layers(tmp_path: Path) -> None:
    path = tmp_path / "long.prototxt"
    path.write_text(long_network(3000))
    data = page_data(regraft.compile(path, random_weights=1).page())
    check_layers(data, blocks(path.read_text()))
    assert len(data["layers"]) == 3001
    places = data["layerLayout"]["places"]
    assert len({tuple(place) for place in places}) == len(places)
    assert all(places[a][1] < places[b][1] for a, b in data["layerEdges"])


def test_a_body_of_a_loop_hangs_on_its_op(tmp_path: Path) -> None:
    info = onnx.helper.make_tensor_value_info
    then = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["a"])], "then", [], [info("a", 1, [2])])
    other = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["b"])], "else", [], [info("b", 1, [2])])
    node = onnx.helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    graph = onnx.helper.make_graph([node], "g", [info("c", 9, []), info("x", 1, [2])], [info("y", 1, [2])])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "if.onnx")
    data = page_data(inspect(tmp_path / "if.onnx", None, CompileOptions()).page(None))
    assert [(n["op"], n["parent"]) for n in data["nodes"][2:]] == [("If", -1), ("Relu", 2), ("Neg", 2)]
    assert [2, 3, 1] in data["nodeEdges"] and [2, 4, 1] in data["nodeEdges"]
