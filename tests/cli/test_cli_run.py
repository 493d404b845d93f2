"""`regraft run`: arrays and photos in, arrays and pictures out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

Call = Callable[..., Any]


Image = pytest.importorskip("PIL.Image")


def _identity(path: Path, shape: list[int | str], *, format: str = "Caffe V2") -> Path:
    """A model that gives its input back, as regraft would have written it."""
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("data", "same")]
    graph = helper.make_graph([helper.make_node("Identity", ["data"], ["same"])], "g", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"regraft.format": format})
    onnx.save(model, path)
    return path


@pytest.fixture
def compiled(call: Call, graph: Path, tmp_path: Path) -> Path:
    assert call("compile", graph, "--quiet").code == 0
    return tmp_path / "graph.onnx"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """4 wide, 2 high: red, green, blue and grey columns."""
    pixels = np.array([[[200, 0, 0], [0, 150, 0], [0, 0, 100], [50, 50, 50]]] * 2, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_arrays_in_arrays_out(call: Call, compiled: Path, arrays: Path, tmp_path: Path) -> None:
    said = call("run", compiled, arrays, "-o", "out.npz")
    assert said.code == 0
    assert np.array_equal(np.load(tmp_path / "out.npz")["y:0"], np.array([[1, 0, 3]], np.float32))
    assert "y:0: 1x3 float32" in said.out
    assert "runs on cpu" in said.out


def test_json(call: Call, compiled: Path, arrays: Path) -> None:
    found = json.loads(call("run", compiled, arrays, "--json").out)
    assert found["outputs"]["y:0"]["shape"] == [1, 3]
    assert found["outputs"]["y:0"]["max"] == 3.0
    assert found["providers"] == {"requested": ["cpu"], "used": ["cpu"]}


def test_a_provider_that_is_not_there_is_said(call: Call, compiled: Path, arrays: Path) -> None:
    said = call("run", compiled, arrays, "--provider", "qnn", "--provider", "cpu")
    assert said.code == 0
    assert "runs on cpu; asked for but not available: qnn" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["graph.pbtxt", "inputs.npz"], 2, "fix: regraft compile"),
        (["graph.onnx"], 2, "nothing to run on is given"),
        (["graph.onnx", "inputs.npz", "--image", "photo.png"], 2, "both a photo and arrays are given"),
        (["graph.onnx", "inputs.npz", "-o", "out.csv"], 2, "neither .npz nor .png"),
        (["graph.onnx", "lost.npz"], 1, "lost.npz does not exist"),
        (["graph.onnx", "graph.onnx"], 1, "not an .npz file of plain arrays"),
        (["lost.onnx", "inputs.npz"], 1, "lost.onnx"),
        (["graph.onnx", "inputs.npz", "-o", "map.png", "--output", "z"], 2, "no output is called 'z'"),
        (["graph.onnx", "inputs.npz", "--provider", "gpu9"], 1, "no provider is called 'gpu9'"),
        (["graph.onnx", "--image", "photo.png"], 2, "takes no picture: its rank is not 4"),
    ],
)
def test_what_is_wrong_is_said(
    call: Call, compiled: Path, arrays: Path, photo: Path, arguments: list[str], code: int, message: str
) -> None:
    said = call("run", *arguments)
    assert message in said.err
    assert said.code == code


def _blob(call: Call, tmp_path: Path, *flags: object) -> np.ndarray:
    said = call("run", tmp_path / "m.onnx", "--image", tmp_path / "photo.png", "-o", "o.npz", *flags)
    assert said.code == 0, said.err
    array: np.ndarray = np.load(tmp_path / "o.npz")["same"]
    return array


def test_a_photo_becomes_a_caffe_blob(call: Call, photo: Path, tmp_path: Path) -> None:
    """Blue first, channels first, mean subtracted, then divided."""
    _identity(tmp_path / "m.onnx", [1, 3, "H", "W"])
    blob = _blob(call, tmp_path, "--mean-values", "10,20,30", "--scale-values", "2")
    assert blob.shape == (1, 3, 2, 4)
    assert blob[0, :, 0, 0].tolist() == [-5.0, -10.0, 85.0]
    assert blob[0, :, 0, 2].tolist() == [45.0, -10.0, -15.0]


def test_other_models_take_red_first_and_channels_last(call: Call, photo: Path, tmp_path: Path) -> None:
    _identity(tmp_path / "m.onnx", [1, "H", "W", 3], format="TensorFlow GraphDef")
    assert _blob(call, tmp_path)[0, 0].tolist() == [[200, 0, 0], [0, 150, 0], [0, 0, 100], [50, 50, 50]]


def test_grey_and_sizes(call: Call, photo: Path, tmp_path: Path) -> None:
    _identity(tmp_path / "m.onnx", [1, 1, 6, 8])
    assert _blob(call, tmp_path, "--channel-order", "grey").shape == (1, 1, 6, 8)
    _identity(tmp_path / "m.onnx", [1, 3, "H", "W"])
    assert _blob(call, tmp_path, "--size", "10x6").shape == (1, 3, 6, 10)


def test_a_picture_comes_out(call: Call, photo: Path, tmp_path: Path) -> None:
    """Our PNG is read back by Pillow: what came in as a photo is what comes out."""
    _identity(tmp_path / "m.onnx", [1, 3, "H", "W"])
    said = call("run", "m.onnx", "--image", photo, "--scale-values", "255", "-o", "same.png")
    assert "wrote same.png (same)" in said.out
    assert np.array_equal(np.asarray(Image.open(tmp_path / "same.png")), np.asarray(Image.open(photo)))


def test_a_file_that_is_no_picture(call: Call, arrays: Path, tmp_path: Path) -> None:
    _identity(tmp_path / "m.onnx", [1, 3, "H", "W"])
    said = call("run", "m.onnx", "--image", arrays)
    assert said.code == 1
    assert "is not a picture that Pillow reads" in said.err


def test_without_pillow_the_cure_is_named(
    call: Call, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    _identity(tmp_path / "m.onnx", [1, 3, "H", "W"])
    said = call("run", "m.onnx", "--image", photo)
    assert said.code == 1
    assert "pip install 'regraft[image]'" in said.err


BYTES = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 5 } } }
layer { name: "same" type: "Power" bottom: "data" top: "same" }
"""


def test_a_photo_for_a_model_that_takes_bytes(call: Call, tmp_path: Path) -> None:
    """In the order that the file wants: RGB, because it reverses the channels itself; its mean is built in."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "net.prototxt").write_text(BYTES)
    flags = ["--input-type", "u8", "--input-layout", "NHWC", "--reverse-input-channels", "--mean-values", "1,2,3"]
    assert call("compile", "net.prototxt", "--quiet", *flags).code == 0
    assert call("run", "net.onnx", "--image", "photo.png", "-o", "out.npz").code == 0
    expected = pixels[None, :, :, ::-1].astype(np.float32) - np.float32([1, 2, 3])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["same"], expected.transpose(0, 3, 1, 2))
    said = call("run", "net.onnx", "--image", "photo.png", "--mean-values", "104")
    assert said.code == 2 and "data is uint8" in said.err
