"""`regraft inspect`, `regraft ops`, `regraft passes`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from regraft import api, inspection
from regraft.passes import BUILT_IN

Call = Callable[..., Any]


def _convolution(path: Path) -> Path:
    """One 3x3 convolution from 2 to 4 channels, with bias, on 8x8; result 6x6."""
    weights = [
        numpy_helper.from_array(np.ones((4, 2, 3, 3), np.float32), "w"),
        numpy_helper.from_array(np.ones(4, np.float32), "b"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 6, 6])
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w", "b"], ["y"])], "g", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_inspect_an_onnx_file(call: Call, tmp_path: Path) -> None:
    found = json.loads(call("inspect", _convolution(tmp_path / "c.onnx"), "--json").out)
    assert found["inputs"] == {"x": "1x2x8x8 f32"}
    assert found["outputs"] == {"y": "1x4x6x6 f32"}
    assert found["ops"] == {"Conv": 1}
    assert found["parameters"] == 4 * 2 * 9 + 4
    assert found["flops"] == 4 * 6 * 6 * (2 * 2 * 9) + 4 * 6 * 6  # a multiply-add is two, and the bias


def test_inspect_a_source_model(call: Call, graph: Path) -> None:
    said = call("inspect", graph)
    assert said.code == 0
    assert "1  tf.Relu" in said.out
    assert "FLOPs a run: 3" in said.out


def test_inspect_with_a_page_compiles_once(
    call: Call, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Path] = []

    def compile_with(path: Path, *rest: Any) -> Any:
        compiled.append(path)
        return api.compile_with(path, *rest)

    monkeypatch.setattr(inspection, "compile_with", compile_with)
    assert call("inspect", graph, "--report", tmp_path / "page.html").code == 0
    assert compiled == [graph]
    assert "<html" in (tmp_path / "page.html").read_text()


def test_inspect_shows_what_does_not_compile(call: Call, strange: Path) -> None:
    said = call("inspect", strange)
    assert said.code == 1
    assert "1  tf.Frobnicate" in said.out
    assert "error[unsupported-op]" in said.out


def test_inspect_something_else(call: Call, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_text("<!DOCTYPE html>")
    assert "is not an ONNX file" in call("inspect", "no.onnx").err
    assert call("inspect", "lost.onnx").code == 1


def test_ops_is_the_registry(call: Call) -> None:
    found = json.loads(call("ops", "tf", "--json").out)
    assert {line["name"] for line in found} == {kind.removeprefix("tf.") for kind in BUILT_IN.kinds("tf")}
    assert "TensorFlow ops:" in call("ops").out


def test_ops_lists_what_a_plugin_adds(tmp_path: Path) -> None:
    """In a process of its own: rules are registered for all that a process does."""
    (tmp_path / "mine.py").write_text(
        "from regraft.passes import rule\n\n\n"
        '@rule("caffe.FromMyPlugin")\n'
        'def mine(layer, build, x):\n    """Twice the input."""\n    return build.Add(x, x)\n'
    )
    command = [sys.executable, "-m", "regraft", "ops", "caffe", "--plugin", "mine.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "plugin mine.py: rule caffe.FromMyPlugin" in said.stderr
    assert "FromMyPlugin" in said.stdout
    assert "Twice the input" in said.stdout


def test_passes_are_in_their_order(call: Call) -> None:
    names = [line["name"] for line in json.loads(call("passes", "--json").out)]
    assert names[0] == "legalise"
    assert names[-1] == "separate-outputs"
    assert "first" in call("passes").out
