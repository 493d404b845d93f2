"""Who regraft diff compares with: what is said where they are not installed, and how they are asked."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.cli import main
from regraft.diff import Inputs, diff
from regraft.errors import UsageError
from regraft.options import CompileOptions

NET = """
input: "data" input_shape { dim: 1 dim: 2 dim: 3 dim: 4 }
layer { name: "abs" type: "AbsVal" bottom: "data" top: "a" }
layer { name: "tanh" type: "TanH" bottom: "a" top: "b" }
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return path


@pytest.mark.parametrize(
    ("judge", "module", "cure"),
    [
        ("caffe", "caffe", "build Caffe with its Python interface"),
        ("tensorflow", "tensorflow", "pip install tensorflow"),
        ("opencv", "cv2", "pip install 'opencv-python-headless<5'"),
    ],
)
def test_a_judge_that_is_not_installed(
    judge: str, module: str, cure: str, net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["diff", str(net), "--against", judge]) == 2
    said = capsys.readouterr().err
    assert f"error[no-judge]: {module} is not installed here" in said
    assert cure in said and "--against reference, which needs nothing installed" in said


def test_an_opencv_that_reads_no_caffe(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(__version__="5.0.0", dnn=SimpleNamespace()))
    with pytest.raises(UsageError, match=r"OpenCV 5.0.0 reads no Caffe files"):
        diff(net, None, CompileOptions(), "opencv")


class FakeNet:
    """Caffe's Net as pycaffe has it, for the two layers of the test."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.blobs = {name: FakeBlob() for name in ("data", "a", "b")}

    def forward(self) -> None:
        self.blobs["a"].data = np.abs(self.blobs["data"].data)
        self.blobs["b"].data = np.tanh(self.blobs["a"].data) + np.float32(0.5)


class FakeBlob:
    """A blob."""

    data = np.zeros(0, np.float32)

    def reshape(self, *shape: int) -> None:
        self.data = np.zeros(shape, np.float32)


def test_how_caffe_is_asked(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for pycaffe: what is fed arrives, and every blob is looked at."""
    module = ModuleType("caffe")
    module.__dict__.update(Net=FakeNet, TEST=1)
    monkeypatch.setitem(sys.modules, "caffe", module)
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 4)).astype(np.float32)
    report = diff(net, None, CompileOptions(), "caffe", inputs=Inputs({"data": x}))
    assert [d.name for d in report.differences] == ["a", "b"]
    assert report.first is not None and report.first.name == "b"
    assert report.first.absolute == pytest.approx(0.5, abs=1e-6)


def test_another_onnx_file(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = regraft.compile(net).save(tmp_path / "other.onnx")
    assert main(["diff", str(net), "--against", "onnx", str(other)]) == 0
    assert "2 tensors compared with onnx, 0 beyond" in capsys.readouterr().out
    renamed = regraft.compile(net, rename={"data": "picture"}).save(tmp_path / "renamed.onnx")
    for file, says in (
        (renamed, "has an input that the model has not: picture"),
        (tmp_path / "nowhere.onnx", "does not exist"),
        (net, "is no ONNX model"),
    ):
        assert main(["diff", str(net), "--against", "onnx", str(file)]) == 2
        assert says in capsys.readouterr().err
    assert main(["diff", str(net), "--against", "onnx"]) == 2
    assert main(["diff", str(net), "--against", "reference", str(other)]) == 2


def test_a_folder_that_tensorflow_does_not_load(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from regraft.judges import by_tensorflow

    with pytest.raises(UsageError, match="does not load"):
        by_tensorflow(tmp_path, None, {}, {})
