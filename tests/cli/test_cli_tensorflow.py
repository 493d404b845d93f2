"""What the command line says of TensorFlow models: tags, signatures, frozen placeholders, NCHW; the same in Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft

Call = Callable[..., Any]

SHAPED = 'attr {{ key: "dtype" value {{ type: {dtype} }} }} attr {{ key: "shape" value {{ shape {{ {dims} }} }} }}'
FLOATS = SHAPED.format(dtype="DT_FLOAT", dims="dim { size: 2 }")
X = np.asarray([-1.5, 2], np.float32)


def node(name: str, op: str, *inputs: str, attrs: str = "") -> str:
    read = " ".join(f'input: "{i}"' for i in inputs)
    return f'node {{ name: "{name}" op: "{op}" {read} {attrs} }}\n'


def signature(key: str, output: str) -> str:
    return (
        f'signature_def {{ key: "{key}" value {{ inputs {{ key: "image" value {{ name: "x:0" }} }} '
        f'outputs {{ key: "score" value {{ name: "{output}:0" }} }} method_name: "predict" }} }}'
    )


def meta(tag: str, sign: str) -> str:
    """A meta graph of two signatures: `serving_default` gives Abs (or Neg) of x, `other` its Relu."""
    nodes = node("x", "Placeholder", attrs=FLOATS) + node("a", sign, "x") + node("b", "Relu", "x")
    return (
        f'meta_graphs {{ meta_info_def {{ tags: "{tag}" }} graph_def {{ {nodes} }} '
        f"{signature('serving_default', 'a')} {signature('other', 'b')} }}"
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    text = "saved_model_schema_version: 1\n" + meta("serve", "Abs") + meta("gpu", "Neg")
    (folder / "saved_model.pbtxt").write_text(text)
    return folder


def scores(path: str | Path) -> np.ndarray:
    return regraft.load(path).session().run({"image": X})["score"]


def test_tags_and_signatures(call: Call, saved: Path) -> None:
    said = call("compile", saved, "--tag", "tpu")
    assert said.code == 1
    assert "--tag gpu" in said.err
    assert "--tag serve" in said.err
    for tag, wanted in (("serve", abs(X)), ("gpu", -X)):
        assert call("compile", saved, "--tag", tag, "-o", f"{tag}.onnx").code == 0
        np.testing.assert_array_equal(scores(f"{tag}.onnx"), wanted)
    assert call("compile", saved, "--tag", "serve", "--signature", "other", "-o", "other.onnx").code == 0
    np.testing.assert_array_equal(scores("other.onnx"), np.maximum(X, 0))
    session = regraft.compile(saved, tags=["gpu"], signature="other").session()
    np.testing.assert_array_equal(session.run({"image": X})["score"], np.maximum(X, 0))
    said = call("compile", saved, "--tag", "serve", "--signature", "othr")
    assert said.code == 1
    assert "other" in said.err


@pytest.fixture
def learning(tmp_path: Path) -> Path:
    """x * 2 in training, -x otherwise, as Keras of TensorFlow 1 writes it; `gain` is a placeholder too."""
    flag = SHAPED.format(dtype="DT_BOOL", dims="")
    text = (
        node("x", "Placeholder", attrs=FLOATS)
        + node("gain", "Placeholder", attrs=SHAPED.format(dtype="DT_FLOAT", dims=""))
        + node("keras_learning_phase", "Placeholder", attrs=flag)
        + node("switch", "Switch", "x", "keras_learning_phase")
        + node("trained", "Mul", "switch:1", "gain")
        + node("served", "Neg", "switch")
        + node("y", "Merge", "served", "trained", attrs='attr { key: "N" value { i: 2 } }')
    )
    path = tmp_path / "learning.pbtxt"
    path.write_text(text)
    return path


def test_frozen_placeholders(call: Call, learning: Path) -> None:
    assert call("compile", learning, "--outputs", "y", "-o", "served.onnx").code == 0
    np.testing.assert_array_equal(regraft.load("served.onnx").session().run({"x:0": X})["y"], -X)
    frozen = ("--freeze", "keras_learning_phase=true", "--freeze", "gain=3")
    assert call("compile", learning, "--outputs", "y", *frozen, "-o", "trained.onnx").code == 0
    np.testing.assert_array_equal(regraft.load("trained.onnx").session().run({"x:0": X})["y"], X * 3)
    values = {"keras_learning_phase": True, "gain": 0.5}
    session = regraft.compile(learning, outputs=["y"], freeze=values).session()
    np.testing.assert_array_equal(session.run({"x:0": X})["y"], X / 2)
    said = call("compile", learning, "--outputs", "y", "--freeze", "gian=3")
    assert said.code != 0
    assert "did you mean gain?" in said.err


def test_pictures_as_nchw(call: Call, tmp_path: Path) -> None:
    """Fed and given as NCHW; the network's own layout is NHWC."""
    image = np.random.default_rng(0).standard_normal((1, 4, 6, 3)).astype(np.float32)
    dims = "dim { size: 1 } dim { size: 4 } dim { size: 6 } dim { size: 3 }"
    pool = (
        'attr { key: "ksize" value { list { i: [1, 2, 2, 1] } } } '
        'attr { key: "strides" value { list { i: [1, 2, 2, 1] } } } attr { key: "padding" value { s: "VALID" } }'
    )
    text = node("x", "Placeholder", attrs=SHAPED.format(dtype="DT_FLOAT", dims=dims))
    (tmp_path / "pool.pbtxt").write_text(text + node("y", "MaxPool", "x", attrs=pool))
    wanted = image.reshape(1, 2, 2, 3, 2, 3).max((2, 4))
    assert (
        call("compile", "pool.pbtxt", "--inputs-as-nchw", "x:0", "--outputs-as-nchw", "y:0", "-o", "p.onnx").code == 0
    )
    model = regraft.load("p.onnx")
    found = model.session().run({"x:0": image.transpose(0, 3, 1, 2)})["y:0"]
    np.testing.assert_array_equal(found, wanted.transpose(0, 3, 1, 2))
    compiled = regraft.compile("pool.pbtxt", input_layouts="NCHW", output_layouts="NCHW")
    assert compiled.report.ops == {"MaxPool": 1}


def test_keras_files_say_what_to_do(call: Call, tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04" + bytes(64))
    for name in ("model.h5", "model.keras"):
        said = call("compile", name)
        assert said.code == 1
        assert "error[keras-file]" in said.err
        assert "regraft.compile(keras.models.load_model(...))" in said.err
        assert "model.export" in said.err
