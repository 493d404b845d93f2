"""regraft diff: equal where it is, and where it is not the first layer that differs is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import onnx
import pytest

import regraft
from regraft.cli import main
from regraft.diff import Inputs, diff
from regraft.diff.run import AGAINST
from regraft.errors import RunError, UsageError
from regraft.images import Preparation, write_png
from regraft.options import CompileOptions
from regraft.passes import RewriteRule, register_rewrite, unregister_rewrite
from regraft.runtime.compare import difference

NET = """
input: "data" input_shape { dim: 1 dim: 3 dim: 6 dim: 8 }
layer { name: "abs" type: "AbsVal" bottom: "data" top: "a" }
layer { name: "neg" type: "Power" bottom: "a" top: "b" power_param { scale: -1 shift: 2 } }
layer { name: "relu" type: "ReLU" bottom: "b" top: "b" }
layer { name: "tanh" type: "TanH" bottom: "b" top: "c" }
layer { name: "sig" type: "Sigmoid" bottom: "c" top: "d" }
layer { name: "side" type: "ELU" bottom: "a" top: "e" }
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


@pytest.fixture
def lenet(goldens_dir: Path) -> tuple[Path, Path]:
    case = goldens_dir / "caffe" / "net_lenet"
    return case / "net.prototxt", case / "net.caffemodel"


def reference(model: Path, weights: Path | None = None, **given: Any) -> Any:
    """Against the reference; `given` are options and `inputs`."""
    inputs = given.pop("inputs", None)
    return diff(model, weights, CompileOptions(**given), "reference", inputs=inputs)


def test_the_reference_agrees_on_a_golden_net(lenet: tuple[Path, Path]) -> None:
    report = reference(*lenet)
    assert report.first is None
    assert [d.name for d in report.differences] == ["c1", "p1", "c2", "p2", "ip1", "ip2", "prob"]
    assert report.in_place["ip1"] == ("ip1", "relu1", "drop")
    assert "7 tensors compared with reference, 0 beyond 0.0001" in str(report)
    assert "written by several layers in turn" in str(report)


class WrongTanh(RewriteRule):
    """Tanh(x)   =>   Sigmoid(x), which is wrong"""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Tanh(x)

    def rewrite(self, op: Any, x: Any) -> Any:
        return op.Sigmoid(x)


@pytest.fixture
def wrong_rewrite() -> Iterator[str]:
    register_rewrite(WrongTanh)
    yield "wrong-tanh"
    unregister_rewrite("wrong-tanh")


def test_a_wrong_rewrite_is_named(net: Path, wrong_rewrite: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = reference(net)
    assert report.first is not None
    assert (report.first.name, report.first.layer) == ("c", "TanH tanh")
    assert wrong_rewrite in report.first.rules
    assert [d.name for d in report.beyond] == ["c", "d"]
    assert main(["diff", str(net), "--against", "reference"]) == 1
    said = capsys.readouterr().out
    assert "first that differs:\n  c  TanH tanh  1x3x6x8" in said
    assert "made by: caffe.tan_h, wrong-tanh" in said or "wrong-tanh" in said.partition("made by:")[2].splitlines()[0]
    assert "its layer differs by itself, given the same inputs" in said


def test_a_wrong_rewrite_where_names_are_lost(
    wrong_rewrite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TensorFlow network in the other layout: the compiled tensors have names of their own."""
    path = tmp_path / "net.pbtxt"
    path.write_text(_tensorflow_net())
    report = diff(path, None, CompileOptions(outputs=("y:0",)), "reference")
    assert report.first is not None
    assert report.first.layer == "Tanh t" and wrong_rewrite in report.first.rules
    unregister_rewrite(wrong_rewrite)
    try:
        fine = diff(path, None, CompileOptions(outputs=("y:0",)), "reference")
    finally:
        register_rewrite(WrongTanh)
    assert fine.first is None
    assert {"c:0", "t:0", "d:0", "y:0"} <= {d.name for d in fine.differences}


def _tensorflow_net() -> str:
    weights = np.random.default_rng(0).standard_normal((3, 3, 2, 2)).astype(np.float32)
    data = "".join(f"\\{byte:03o}" for byte in weights.tobytes())
    strides = (
        'attr { key: "strides" value { list { i: 1 i: 1 i: 1 i: 1 } } } attr { key: "padding" value { s: "SAME" } }'
    )
    kind = 'attr { key: "T" value { type: DT_FLOAT } }'
    return f"""
node {{ name: "x" op: "Placeholder" attr {{ key: "dtype" value {{ type: DT_FLOAT }} }}
       attr {{ key: "shape" value {{ shape {{
       dim {{ size: 1 }} dim {{ size: 5 }} dim {{ size: 6 }} dim {{ size: 2 }} }} }} }} }}
node {{ name: "w" op: "Const" attr {{ key: "dtype" value {{ type: DT_FLOAT }} }} attr {{ key: "value" value {{ tensor {{
       dtype: DT_FLOAT tensor_shape {{ dim {{ size: 3 }} dim {{ size: 3 }} dim {{ size: 2 }} dim {{ size: 2 }} }}
       tensor_content: "{data}" }} }} }} }}
node {{ name: "c" op: "Conv2D" input: "x" input: "w" {kind} {strides} }}
node {{ name: "t" op: "Tanh" input: "c" {kind} }}
node {{ name: "d" op: "Conv2D" input: "t" input: "w" {kind} {strides} }}
node {{ name: "y" op: "Relu" input: "d" {kind} }}
versions {{ producer: 1000 }}
"""


def test_the_first_layer_that_differs_from_another_file(
    lenet: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = regraft.compile(*lenet).proto
    changed = next(i for i in other.graph.initializer if len(i.dims) == 2)
    weights = onnx.numpy_helper.to_array(changed) * 1.5
    changed.CopyFrom(onnx.numpy_helper.from_array(weights, changed.name))
    path = tmp_path / "other.onnx"
    path.write_bytes(other.SerializeToString())
    page = tmp_path / "diff.html"
    arguments = [*lenet, "--against", "onnx", path, "--html", page, "--json"]
    code = main(["diff", *map(str, arguments)])
    found = json.loads(capsys.readouterr().out)
    assert code == 1 and found["ok"] is False
    first = next(node for node in other.graph.node if changed.name in node.input)
    assert found["first"] == first.output[0]
    text = page.read_text()
    assert "<polyline" in text and found["first"] in text and 'class="bad"' in text
    assert "http://" not in text and "https://" not in text


def test_what_is_before_the_network_is_judged_too(net: Path) -> None:
    report = reference(net, mean_values={"": (0.1, 0.2, 0.3)}, scale_values={"": (2.0,)}, reverse_input_channels=True)
    assert report.first is None and len(report.differences) >= 5
    with pytest.raises(UsageError, match="opencv runs the file as it is"):
        diff(net, None, CompileOptions(mean_values={"": (1.0,)}), "opencv")


def test_several_inputs_integers_and_open_sizes(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text("""
        layer { name: "in" type: "Input" top: "x" top: "y" input_param {
            shape { dim: 1 dim: 2 dim: 5 dim: 5 } shape { dim: 1 dim: 2 dim: 5 dim: 5 } } }
        layer { name: "sum" type: "Eltwise" bottom: "x" bottom: "y" top: "z" }
        layer { name: "pool" type: "Pooling" bottom: "z" top: "p" pooling_param { kernel_size: 2 stride: 2 } }
    """)
    shapes = {"x": (1, 2, "H", "W"), "y": (1, 2, "H", "W")}
    with pytest.raises(UsageError, match="has no fixed size"):
        reference(path, input_shapes=shapes)
    sizes = {"x": (1, 2, 9, 7), "y": (1, 2, 9, 7)}
    report = reference(path, input_shapes=shapes, inputs=Inputs(shapes=sizes))
    assert report.first is None
    assert {d.name: d.shape for d in report.differences} == {"z": (1, 2, 9, 7), "p": (1, 2, 5, 4)}
    x = np.ones((1, 2, 4, 4), np.float32)
    with pytest.raises(UsageError, match="no input is called 'data'"):
        reference(path, input_shapes=shapes, inputs=Inputs({"data": x}))
    assert reference(path, input_shapes=shapes, inputs=Inputs({"x": x, "y": 2 * x})).first is None


def test_integer_inputs(tmp_path: Path) -> None:
    path = tmp_path / "net.pbtxt"
    path.write_text(
        dedent("""\
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_INT32 } }
               attr { key: "shape" value { shape { dim { size: 2 } dim { size: 3 } } } } }
        node { name: "y" op: "Mul" input: "x" input: "x" attr { key: "T" value { type: DT_INT32 } } }
        node { name: "z" op: "Add" input: "y" input: "x" attr { key: "T" value { type: DT_INT32 } } }
        versions { producer: 1000 }
    """)
    )
    report = reference(path)
    assert report.first is None and {d.name for d in report.differences} == {"y:0", "z:0"}
    assert reference(path, inputs=Inputs({"x:0": np.arange(6, dtype=np.int32).reshape(2, 3)})).first is None


def _photos(folder: Path) -> list[Path]:
    random = np.random.default_rng(0)
    paths = [folder / f"{name}.png" for name in ("one", "two")]
    for path in paths:
        write_png(path, random.integers(0, 256, (6, 8, 3)).astype(np.uint8))
    return paths


def test_photos(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("PIL")
    folder = tmp_path / "photos"
    folder.mkdir()
    first, _ = _photos(folder)
    code = main(["diff", str(net), "--against", "reference", "--images", str(folder), "--image-mean", "9", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0 and found["samples"] == ["one.png", "two.png"]
    assert {t["sample"] for t in found["tensors"]} <= {"one.png", "two.png"}
    fed = next(Inputs(images=(first,), photo=Preparation("rgb", None, (1.0,), (2.0,))).samples(_infos(net)))
    assert fed[0] == "one.png" and fed[1]["data"].shape == (1, 3, 6, 8)
    assert float(fed[1]["data"].max()) <= 127
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="holds no pictures"):
        list(Inputs(images=(tmp_path / "empty",)).samples(_infos(net)))
    assert main(["diff", str(net), "--against", "reference", "--image-size", "8x6"]) == 2


def _infos(net: Path) -> Any:
    return regraft.compile(net).session().inputs


def test_users_layers_run_as_they_are(goldens_dir: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The layer behind the Python layer is compared, the Python layer is not, and that is said."""
    case = goldens_dir / "caffe" / "python_layer"
    text = (case / "net.prototxt").read_text()
    for file in case.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    top = text.rpartition('top: "')[2].partition('"')[0]
    behind = f'layer {{ name: "behind" type: "TanH" bottom: "{top}" top: "behind" }}'
    path = tmp_path / "net.prototxt"
    path.write_text(text + behind)
    assert main(["diff", str(path), "--against", "reference", "--allow-python-layers"]) == 0
    said = capsys.readouterr().out
    assert "1 tensors compared with reference" in said and "behind  TanH behind" in said
    assert "caffe.Python" in said and "computed by its own rule" in said
    assert main(["diff", str(path), "--against", "reference"]) == 1, "without consent nothing runs"
    assert "runs Python code" in capsys.readouterr().err


def test_rules_of_the_users_own_are_gone_on_from(tmp_path: Path) -> None:
    path, plugin = tmp_path / "net.prototxt", tmp_path / "rules.py"
    path.write_text(NET.replace('type: "ELU"', 'type: "MyOwnELU"') + _LAYER)
    plugin.write_text(
        "from regraft.passes import rule\n\n\n"
        '@rule("caffe.MyOwnELU", override=True)\n'
        'def mine(layer, build, x):\n    """Doubled."""\n    return build.Add(x, x)\n'
    )
    report = reference(path, plugins=(plugin,))
    assert report.first is None
    assert "e" not in {d.name for d in report.differences} and "f" in {d.name for d in report.differences}
    assert list(report.substituted) == ["caffe.MyOwnELU side"]


_LAYER = 'layer { name: "after" type: "AbsVal" bottom: "e" top: "f" }\n'


def test_layers_that_are_dropped_and_outputs_that_nobody_reads(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        NET
        + 'layer { name: "drop" type: "Dropout" bottom: "e" top: "g" }\n'
        + 'layer { name: "quiet" type: "Silence" bottom: "d" }\n'
        + 'layer { name: "cut" type: "Slice" bottom: "a" top: "h" top: "i" slice_param { slice_point: 1 } }\n'
    )
    report = reference(path)
    assert report.first is None
    assert {"g", "h", "i"} <= {d.name for d in report.differences}


def test_renamed_outputs(net: Path) -> None:
    report = reference(net, rename={"d": "probability"})
    assert report.first is None
    assert {"probability", "c"} <= {d.name for d in report.differences}


def test_random_numbers_of_the_graph_are_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "net.pbtxt"
    path.write_text(
        dedent("""\
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: 2 } dim { size: 3 } } } } }
        node { name: "s" op: "Shape" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
        node { name: "r" op: "RandomUniform" input: "s" attr { key: "T" value { type: DT_INT32 } }
               attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "seed" value { i: 7 } } }
        node { name: "y" op: "Add" input: "r" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
        versions { producer: 1000 }
    """)
    )
    report = reference(path)
    assert report.first is None
    assert "y:0" in {d.name for d in report.differences}
    assert "the compiled model's numbers are taken" in str(report)


def test_a_layer_that_only_amplifies_is_told_from_one_that_differs(tmp_path: Path) -> None:
    """exp(20 x) makes much of little: alone it agrees."""
    from dataclasses import replace

    from regraft.diff import DiffReport

    tiny = difference("x", np.float32([1]), np.float32([1 + 1e-5]), "Sum s", "tf.sum")
    grown = replace(difference("y", np.float32([1]), np.float32([1.01]), "Exp e", "tf.exp"), alone=1e-7)
    wrong = replace(difference("z", np.float32([1]), np.float32([2]), "Log l", "tf.log"), alone=0.5)
    report = DiffReport("net", "reference", 1e-4, [tiny, grown, wrong])
    assert report.first is wrong and "given the same inputs (alone 0.5)" in str(report)
    report = DiffReport("net", "reference", 1e-4, [tiny, grown])
    assert report.first is grown and "makes more of small differences before it" in str(report)


def test_fewer_bits_differ(net: Path) -> None:
    assert diff(net, None, CompileOptions(precision="fp16"), "reference", tolerance=1e-2).first is None
    assert diff(net, None, CompileOptions(precision="fp16"), "reference", tolerance=1e-7).first is not None


@pytest.mark.judge
def test_opencv_agrees_layer_by_layer(lenet: tuple[Path, Path]) -> None:
    pytest.importorskip("cv2")
    report = diff(*lenet, CompileOptions(), "opencv")
    assert report.first is None and len(report.differences) >= 5


@pytest.mark.judge
def test_tensorflow_agrees_layer_by_layer(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    path = tmp_path / "net.pbtxt"
    path.write_text(_tensorflow_net())
    report = diff(path, None, CompileOptions(outputs=("y:0",)), "tensorflow")
    assert report.first is None
    assert {"c:0", "t:0", "d:0", "y:0"} <= {d.name for d in report.differences}


@pytest.mark.models
@pytest.mark.judge
def test_tensorflow_runs_a_saved_model(models_dir: Path) -> None:
    pytest.importorskip("tensorflow")
    folder = models_dir / "cifar_saved_model" / "saved_model"
    report = diff(folder, None, CompileOptions(), "tensorflow")
    assert report.first is None and "Output" in {d.name for d in report.differences}


@pytest.mark.models
def test_hed_against_the_reference(models_dir: Path) -> None:
    files = models_dir / "hed" / "deploy.prototxt", models_dir / "hed" / "weights.caffemodel"
    report = diff(*files, CompileOptions(crop_offset="auto"), "reference")
    assert report.first is None and len(report.differences) == 39


def test_a_judge_that_is_not_known(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(net), "--against", "nobody"]) == 2
    said = capsys.readouterr().err
    assert "'nobody' is no judge" in said and all(judge in said for judge in AGAINST)


def test_differences_of_all_kinds() -> None:
    one = np.array([1.0, np.nan, np.inf], np.float32)
    assert difference("a", one, one).absolute == 0
    assert difference("a", one, np.array([1.0, 2.0, np.inf], np.float32)).problem == "not finite in other places"
    assert difference("a", one, one[:2]).problem.startswith("shape (3,)")
    large = difference("a", np.array([1000.0]), np.array([1001.0]))
    assert large.absolute == 1 and large.relative == pytest.approx(1 / 1001)
    assert difference("s", np.array(["a"], object), np.array(["b"], object)).problem == "strings differ"
