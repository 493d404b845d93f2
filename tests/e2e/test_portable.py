"""`--portable`: standard operators only, on all golden cases and real networks; what has no such form is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import regraft
from regraft.errors import UnsupportedError

GOLDENS = sorted(p.name for p in (Path(__file__).resolve().parent.parent / "goldens" / "caffe").iterdir())
PYTHON_LAYERS = ("python_layer", "python_layer_two_tops")
MODELS = (
    *("aizoo_facemask", "aizoo_facemask_tf", "basic_pitch", "cifar10_full", "cifar10_quick", "cifar_saved_model"),
    *("fsrcnn_x2", "hed", "mtcnn_det1", "mtcnn_det2", "mtcnn_det3", "mtcnn_tf", "nsfw", "res10_face", "tf_pose"),
)
TOLERANCE = 1e-4
"""Of the largest value: ONNX Runtime's Resize computes its coordinates otherwise than regraft's kernel."""


def recorded(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.load(path) as arrays:
        inputs = {n[3:]: arrays[n] for n in arrays.files if n.startswith("in:")}
        return inputs, {n[4:]: arrays[n] for n in arrays.files if n.startswith("out:")}


def compiled(folder: Path, inputs: dict[str, Any], outputs: dict[str, Any]) -> regraft.Model:
    options: dict[str, Any] = {"input_shapes": {n: a.shape for n, a in inputs.items()}, "portable": True}
    if (folder / "saved_model").exists():
        return regraft.compile(folder / "saved_model", **options)
    options["outputs"] = list(outputs)
    if (folder / "graph.pb").exists():
        return regraft.compile(folder / "graph.pb", inputs=list(inputs), **options)
    text, weights = next(folder.glob("*.prototxt")), next(folder.glob("*.caffemodel"), None)
    return regraft.compile(text, weights, allow_python_layers=True, **options)


def check(model: regraft.Model, inputs: dict[str, Any], expected: dict[str, Any], folder: Path) -> None:
    """It holds ONNX's own operators only, at every depth, and plain ONNX Runtime gives the numbers."""
    proto = onnx.load(model.save(folder / "net.onnx"))
    assert not proto.functions and {each.domain for each in proto.opset_import} <= {"", "ai.onnx.ml"}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(folder / "net.onnx"), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {i.name: inputs[i.name] for i in session.get_inputs()}), strict=True))
    for name, value in expected.items():
        assert found[name].shape == value.shape
        worst = np.abs(found[name].astype(np.float64) - value).max(initial=0)
        assert worst <= TOLERANCE * max(1.0, np.abs(value).max(initial=0)), f"{name} is off by {worst:.3g}"


@pytest.mark.parametrize("name", [name for name in GOLDENS if name not in PYTHON_LAYERS])
def test_golden_cases(goldens_dir: Path, name: str, tmp_path: Path) -> None:
    folder = goldens_dir / "caffe" / name
    inputs, expected = recorded(folder / "io.npz")
    check(compiled(folder, inputs, expected), inputs, expected, tmp_path)


@pytest.mark.parametrize("name", PYTHON_LAYERS)
def test_a_layer_without_a_body_is_named(goldens_dir: Path, name: str) -> None:
    folder = goldens_dir / "caffe" / name
    with pytest.raises(UnsupportedError, match=r"layers\.Python   op/Python   net\.prototxt:3"):
        compiled(folder, *recorded(folder / "io.npz"))


@pytest.mark.models
@pytest.mark.parametrize("name", MODELS)
def test_real_networks(models_dir: Path, name: str, tmp_path: Path) -> None:
    inputs, expected = recorded(models_dir / name / "io.npz")
    check(compiled(models_dir / name, inputs, expected), inputs, expected, tmp_path)
