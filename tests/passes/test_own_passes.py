"""Passes and rewrites of a user's own: places, choice, explanation, clear errors, and the numbers after each pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft import cli
from regraft.passes import (
    Pass,
    RewriteRule,
    optimisations,
    register_pass,
    register_rewrite,
    registered_passes,
    registered_rewrites,
    rewrite,
    unregister_pass,
    unregister_rewrite,
)

NET = """
input: "data" input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }
layer { name: "neg" type: "AbsVal" bottom: "data" top: "abs" }
layer { name: "relu" type: "ReLU" bottom: "abs" top: "relu" }
layer { name: "cut" type: "Slice" bottom: "relu" top: "a" top: "b" slice_param { slice_point: 1 } }
layer { name: "sig" type: "Sigmoid" bottom: "a" top: "sig" }
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for name in registered_passes():
        unregister_pass(name)
    for name in registered_rewrites():
        unregister_rewrite(name)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


class DropReluOfAbs(RewriteRule):
    """Relu(Abs(x))   =>   Abs(x)"""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Relu(op.Abs(x))

    def rewrite(self, op: Any, x: Any) -> Any:
        return op.Abs(x)


def names(*arguments: Any) -> list[str]:
    return [each.name for each in optimisations(*arguments)[0]]


def test_a_rewrite_of_ones_own_fires(net: Path) -> None:
    register_rewrite(DropReluOfAbs)
    model = regraft.compile(net, verify_passes=True)
    assert "Relu" not in model.report.ops
    assert model.report.rules["drop-relu-of-abs"] == 1
    assert "Relu" in regraft.compile(net, without_passes="drop-relu-of-abs").report.ops
    assert "Relu" in regraft.compile(net, without_passes=["own-rewrites"]).report.ops


def test_places_of_passes() -> None:
    ours = names()
    register_pass(Pass("mine", lambda graph, context: 0), before="fold-constants")
    register_pass(Pass("other", lambda graph, context: 0), after="mine")
    register_rewrite(DropReluOfAbs())
    assert names() == ["mine", "other", *ours[: ours.index("fuse")], "own-rewrites", *ours[ours.index("fuse") :]]
    assert names(["fuse", "mine"]) == ["fuse", "mine"]
    assert names(None, ["mine", "own-rewrites", "fuse"]) == ["other", *(n for n in ours if n != "fuse")]


@pytest.mark.parametrize(
    ("place", "code"),
    [({"before": "fus"}, "unknown-pass"), ({"before": "fuse", "after": "fuse"}, "bad-pass")],
)
def test_places_that_cannot_be(net: Path, place: dict[str, str], code: str) -> None:
    with pytest.raises(regraft.UsageError) as caught:
        register_pass(Pass("mine", lambda graph, context: 0), **place)
        regraft.compile(net)
    assert caught.value.diagnostics[0].code == code


def test_names_are_unique() -> None:
    register_rewrite(DropReluOfAbs)
    with pytest.raises(regraft.UsageError, match="duplicate-rewrite"):
        register_rewrite(DropReluOfAbs)
    register_rewrite(DropReluOfAbs, replace=True)
    register_pass(Pass("fuse", lambda graph, context: 0))
    with pytest.raises(regraft.UsageError, match="regraft has a pass 'fuse'"):
        optimisations()


def test_unknown_names_are_told(net: Path) -> None:
    with pytest.raises(regraft.UsageError, match="did you mean fuse"):
        regraft.compile(net, passes=["fues"])
    with pytest.raises(regraft.UsageError, match="unknown-pass"):
        regraft.compile(net, without_passes=["nothing"])
    with pytest.raises(regraft.UsageError, match="did you mean fold-batch-norm"):
        regraft.compile(net, explain=["fold-batchnorm"])


def test_explain_says_why_not_and_how_often(net: Path) -> None:
    class Wanted(DropReluOfAbs):
        def check(self, match: Any) -> str | None:
            return "the moon is not full"

    register_rewrite(Wanted)
    register_rewrite(DropReluOfAbs)
    notes = regraft.compile(net, explain=["wanted", "drop-relu-of-abs", "fold-batch-norm"]).report.notes
    assert notes[0].startswith("rewrite wanted: never fired; nearest miss: onnx.Relu 'relu")
    assert notes[0].endswith("(net.prototxt:4), but the moon is not full")
    assert "rewrite drop-relu-of-abs: fired 1 time" in notes[1]
    assert notes[2] == "rewrite fold-batch-norm: never fired: no op of the root's kind"


def wrong_pattern(kind: str, **attrs: Any) -> type[RewriteRule]:
    class Wrong(RewriteRule):
        def pattern(self, op: Any, x: Any) -> Any:
            return getattr(op, kind)(x, **attrs)

        def rewrite(self, op: Any, x: Any) -> Any:
            return op.Abs(x)

    return Wrong


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (wrong_pattern("Reluu"), "there is no op 'Reluu' in onnx"),
        (wrong_pattern("LeakyRelu", slope=1), "LeakyRelu has no attribute 'slope'"),
        (rewrite("caffe.Crop")(lambda op, rewriter: None), "no caffe.* op is left when rewrites run"),
        (rewrite("Relu")(lambda op, rewriter: None), "'Relu' has no dialect"),
    ],
)
def test_a_pattern_that_can_never_match(net: Path, rule: Any, message: str) -> None:
    register_rewrite(rule)
    with pytest.raises(regraft.UsageError) as caught:
        regraft.compile(net)
    assert caught.value.diagnostics[0].code == "pattern-never-matches"
    assert message in str(caught.value)


def test_too_many_inputs_in_a_pattern(net: Path) -> None:
    class Wrong(RewriteRule):
        def pattern(self, op: Any, x: Any, y: Any) -> Any:
            return op.Relu(x, y)

    register_rewrite(Wrong)
    with pytest.raises(regraft.UsageError, match="Relu has at most 1 inputs, the pattern gives it 2"):
        regraft.compile(net)


def test_a_pattern_that_is_none() -> None:
    class Wrong(RewriteRule):
        def pattern(self, op: Any, x: Any) -> Any:
            return x

    with pytest.raises(regraft.UsageError, match="bad-pattern"):
        register_rewrite(Wrong)
    with pytest.raises(regraft.UsageError, match="is no rewrite"):
        register_rewrite(3)  # type: ignore[type-var]


@rewrite("onnx.Abs")
def again(op: Any, rewriter: Any) -> Any:
    return rewriter.build.Abs(op.inputs[0])


@rewrite("onnx.Relu")
def to_double(op: Any, rewriter: Any) -> Any:
    return rewriter.build.Cast(op.inputs[0], to=11)


@rewrite("onnx.Split")
def half(op: Any, rewriter: Any) -> Any:
    return rewriter.build.many("onnx.Split", *op.inputs, outputs=2, **op.attrs)[:1]


@rewrite("onnx.Sigmoid")
def broken(op: Any, rewriter: Any) -> Any:
    return rewriter.build.Frobnicate(op.inputs[0])


@rewrite("onnx.Sigmoid")
def nonsense(op: Any, rewriter: Any) -> Any:
    return 7


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        (again, "rewrite-loops", "rewriting does not end: again fired"),
        (to_double, "rewrite-changes-type", "rule to-double turned"),
        (half, "rewrite-drops-output", "rule half gives 1 values for the 2 outputs of onnx.Split"),
        (broken, "pass-failed", "rewrite broken at onnx.Sigmoid 'sig"),
        (nonsense, "bad-rewrite", "rule nonsense returned 7"),
    ],
)
def test_faults_of_rewrites_are_the_users_and_named(net: Path, rule: Any, code: str, message: str) -> None:
    register_rewrite(rule)
    with pytest.raises(regraft.CompileError) as caught:
        regraft.compile(net)
    assert caught.value.diagnostics[0].code == code
    assert message in str(caught.value)


def test_a_pass_that_raises(net: Path) -> None:
    def run(graph: Any, context: Any) -> int:
        raise KeyError("lost")

    register_pass(Pass("mine", run))
    with pytest.raises(regraft.CompileError, match="pass mine failed: KeyError: 'lost'"):
        regraft.compile(net)


@rewrite("onnx.Sigmoid")
def wrong_sigmoid(op: Any, rewriter: Any) -> Any:
    return rewriter.build.HardSigmoid(op.inputs[0])


def test_the_rewrite_that_changes_the_numbers_is_named(net: Path) -> None:
    register_rewrite(DropReluOfAbs)
    register_rewrite(wrong_sigmoid)
    assert "HardSigmoid" in regraft.compile(net).report.ops
    with pytest.raises(regraft.CompileError) as caught:
        regraft.compile(net, verify_passes=True)
    (said,) = caught.value.diagnostics
    assert said.code == "numbers-changed"
    assert said.message.startswith("rewrite wrong-sigmoid changed the numbers: output 'sig' by up to")
    assert said.cures == ("--without-pass wrong-sigmoid",)


def test_the_pass_that_changes_the_numbers_is_named(net: Path) -> None:
    def run(graph: Any, context: Any) -> int:
        for op in graph.ops:
            if op.kind == "onnx.Sigmoid":
                op.kind = "onnx.HardSigmoid"
                return 1
        return 0

    register_pass(Pass("mine", run))
    with pytest.raises(regraft.CompileError, match="pass mine changed the numbers"):
        regraft.compile(net, verify_passes=True)


def test_verifying_needs_known_ranks(tmp_path: Path) -> None:
    (tmp_path / "g.pbtxt").write_text(
        'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }\n'
        'node { name: "y" op: "Relu" input: "x" }\n'
    )
    with pytest.raises(regraft.UsageError, match="cannot-verify"):
        regraft.compile(tmp_path / "g.pbtxt", verify_passes=True)
    regraft.compile(tmp_path / "g.pbtxt", verify_passes=True, input_shapes={"x": ("N", 3)})


def test_our_own_passes_keep_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(
        'input: "data" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c"\n'
        "  convolution_param { num_output: 4 kernel_size: 3 } }\n"
        'layer { name: "b" type: "BatchNorm" bottom: "c" top: "b" }\n'
        'layer { name: "s" type: "Scale" bottom: "b" top: "s" scale_param { bias_term: true } }\n'
    )
    model = regraft.compile(tmp_path / "net.prototxt", random_weights=1, verify_passes=True)
    assert model.report.ops == {"Conv": 1}
    plain = regraft.compile(tmp_path / "net.prototxt", random_weights=1, passes=[])
    assert len(plain.report.ops) > 1
    x = np.random.default_rng(0).standard_normal((1, 3, 9, 9)).astype(np.float32)
    one, two = (m.session().run({"data": x})["s"] for m in (model, plain))
    np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.models
@pytest.mark.parametrize("name", ["mtcnn_det3", "cifar10_full", "aizoo_facemask"])
def test_our_own_passes_keep_the_numbers_of_real_networks(models_dir: Path, name: str) -> None:
    folder = models_dir / name
    regraft.compile(folder / "deploy.prototxt", folder / "weights.caffemodel", verify_passes=True)


def test_a_plugin_with_rewrites_on_the_command_line(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from regraft.passes import RewriteRule, register_rewrite\n\n\n"
        "@register_rewrite\nclass Shorter(RewriteRule):\n"
        "    def pattern(self, op, x):\n        return op.Relu(op.Abs(x))\n\n"
        "    def rewrite(self, op, x):\n        return op.Abs(x)\n"
    )
    assert cli.main(["passes", "--rewrites", "--plugin", str(plugin)]) == 0
    said = capsys.readouterr()
    assert "plugin mine.py: rewrite shorter" in said.err
    assert "repeated      own-rewrites" in said.out
    assert "\n              shorter\n" in said.out
    arguments = ["compile", str(net), "-o", str(tmp_path / "net.onnx"), "--explain", "shorter", "--verify-passes"]
    assert cli.main([*arguments, "-p", "own-rewrites,erase-dead"]) == 0
    assert "note: rewrite shorter: fired 1 time" in capsys.readouterr().out
    assert cli.main(["passes", "-p", "fuse", "--without-pass", "fuse"]) == 0
    assert "repeated" not in capsys.readouterr().out
