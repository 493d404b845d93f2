"""`regraft compile` and `regraft check`: files, messages, exit codes, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

Call = Callable[..., Any]


UNSUPPORTED = "error[unsupported-op]: 1 op has no lowering"


def test_it_writes_beside_you_and_says_where(call: Call, graph: Path, tmp_path: Path) -> None:
    said = call("compile", graph)
    assert (said.code, said.err) == (0, "")
    assert "TensorFlow GraphDef: graph.pbtxt" in said.out
    assert said.out.splitlines()[-1].startswith("wrote graph.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "graph.onnx"))


def test_out_is_a_file_or_a_folder(call: Call, graph: Path, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    assert call("compile", graph, "-o", "named.onnx").code == 0
    assert call("compile", graph, "--out", "into").code == 0
    assert (tmp_path / "named.onnx").is_file()
    assert (tmp_path / "into" / "graph.onnx").is_file()


def test_an_old_file_is_replaced(call: Call, graph: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_text("old")
    assert call("compile", graph).code == 0
    assert onnx.load(tmp_path / "graph.onnx").producer_name == "regraft"
    assert not list(tmp_path.glob(".*.part"))


def test_the_input_is_never_overwritten(call: Call, graph: Path) -> None:
    before = graph.read_bytes()
    said = call("compile", graph, "-o", graph)
    assert said.code == 2
    assert "graph.pbtxt is the file that is read" in said.err
    assert graph.read_bytes() == before


def test_json(call: Call, graph: Path) -> None:
    said = call("compile", graph, "--json")
    report = json.loads(said.out)
    assert report["ok"] is True
    assert report["written"] == ["graph.onnx"]
    assert report["ops"] == {"Relu": 1}
    assert [layer["fate"] for layer in report["layers"]] == ["input", "lowered"]


def test_quiet_says_nothing(call: Call, graph: Path) -> None:
    said = call("compile", graph, "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_reports_as_text_and_json(call: Call, graph: Path, tmp_path: Path) -> None:
    assert call("compile", graph, "--report", "r.json", "--quiet").code == 0
    assert call("compile", graph, "--report", "r.txt", "--quiet").code == 0
    assert json.loads((tmp_path / "r.json").read_text())["opset"] == 17
    assert "ONNX opset 17" in (tmp_path / "r.txt").read_text()


def test_an_unsupported_op_is_1_and_no_file_is_written(call: Call, strange: Path, tmp_path: Path) -> None:
    said = call("compile", strange)
    assert said.code == 1
    assert UNSUPPORTED in said.err
    assert "tf.Frobnicate   y   strange.pbtxt:4" in said.err
    assert "fix one of:" in said.err
    assert said.err.splitlines()[-1] == "no file written."
    assert not list(tmp_path.glob("*.onnx"))


def test_errors_as_json(call: Call, strange: Path) -> None:
    said = call("compile", strange, "--json")
    found = json.loads(said.out)
    assert (said.code, said.err, found["ok"]) == (1, "", False)
    assert found["errors"][0]["code"] == "unsupported-op"


def test_a_missing_file_is_1(call: Call) -> None:
    said = call("compile", "nowhere.pb")
    assert said.code == 1
    assert "nowhere.pb" in said.err


def test_names_and_shapes_reach_the_compiler(call: Call, graph: Path, tmp_path: Path) -> None:
    assert call("compile", graph, "--input-shape", "x=N,7", "--output", "y", "--opset", "18").code == 0
    model = onnx.load(tmp_path / "graph.onnx")
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert (dims[0].dim_param, dims[1].dim_value) == ("N", 7)
    assert model.graph.output[0].name == "y"
    assert model.opset_import[0].version == 18


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--input-shape", "x"], "--input-shape 'x' is not NAME=VALUE"),
        (["--input-shape", "x=1,-3"], "input shape of 'x' has -3"),
        (["--alias", "A"], "--alias 'A' is not NAME=VALUE"),
        (["--opset", "3"], "opset 3 cannot be"),
        (["--outputs", "nothing"], "is called 'nothing"),
        (["--plugin", "lost.py"], "plugin lost.py does not exist"),
        (["a.caffemodel", "--weights", "b.caffemodel"], "the weights are given twice"),
    ],
)
def test_bad_options_are_2(call: Call, graph: Path, flags: list[str], message: str) -> None:
    said = call("compile", graph, *flags)
    assert said.code == 2
    assert message in said.err


def test_a_folder_that_is_not_there(call: Call, graph: Path) -> None:
    said = call("compile", graph, "-o", "no/such/folder/net.onnx")
    assert said.code == 1
    assert "cannot be written" in said.err


def test_check_says_what_would_fail_and_writes_nothing(call: Call, graph: Path, strange: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    good, bad = call("check", graph), call("check", strange)
    assert good.code == 0
    assert good.out.startswith("graph.pbtxt compiles")
    assert bad.code == 1
    assert UNSUPPORTED in bad.err
    assert sorted(tmp_path.iterdir()) == before


def test_check_as_json(call: Call, graph: Path, strange: Path) -> None:
    assert json.loads(call("check", graph, "--json").out) == {"ok": True, "errors": [], "warnings": []}
    bad = call("check", strange, "--json")
    assert bad.code == 1
    assert json.loads(bad.out)["errors"][0]["code"] == "unsupported-op"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rename", "x"], "--rename 'x' is not NAME=VALUE"),
        (["--rename", "nobody=a"], "no input or output is called 'nobody'"),
        (["--input-type", "x=i64"], "input type is 'i64'"),
        (["--input-layout", "x=NWHC"], "'NWHC' is no layout"),
        (["--output-layout", "z=NCHW"], "no output is called 'z'"),
        (["--precision", "int8"], "int8 needs inputs to measure ranges on"),
        (["--keep-fp32", "Relu"], "keep_fp32 says nothing without another precision"),
        (["--for", "opencv", "--precision", "fp16"], "a file for OpenCV is float32"),
    ],
)
def test_flags_that_prepare_a_model_are_checked(call: Call, graph: Path, flags: list[str], message: str) -> None:
    said = call("compile", graph, *flags)
    assert said.code == 2
    assert message in said.err


def test_names_precision_and_accuracy(call: Call, graph: Path, tmp_path: Path) -> None:
    shape = ["--input-shape", "x=2,7"]
    said = call("compile", graph, *shape, "--rename", "x=data", "--rename", "y=result", "--precision", "fp16", "--json")
    report = json.loads(said.out)
    assert (list(report["inputs"]), list(report["outputs"])) == (["data"], ["result"])
    assert report["precision"]["type"] == "fp16"
    assert report["precision"]["outputs"][0]["name"] == "result"
    assert "beside float32, on 2 random inputs" in call("compile", graph, *shape, "--precision", "fp16").out
