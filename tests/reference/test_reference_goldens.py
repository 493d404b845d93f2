"""The numpy reference against the real Caffe and against recorded outputs of real networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from regraft.diff.by_rule import OwnRule
from regraft.options import CompileOptions
from regraft.reference import evaluate
from regraft.sources import read_source

Array = npt.NDArray[Any]
FOLDER = Path(__file__).resolve().parents[1] / "goldens" / "caffe"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/io.npz"))
RTOL = 1e-4
"""Of the largest value: Caffe and TensorFlow sum float32 in the order of their own kernels."""


def recorded(path: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    with np.load(path) as file:
        inputs = {name[3:]: file[name] for name in file.files if name.startswith("in:")}
        return inputs, {name[4:]: file[name] for name in file.files if name.startswith("out:")}


def near(found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    for name, want in expected.items():
        assert found[name].shape == want.shape, name
        worst = float(np.abs(found[name].astype(np.float64) - want).max(initial=0))
        assert worst <= RTOL * max(1.0, float(np.abs(want).max(initial=0))), f"{name} is off by {worst:.3g}"


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str) -> None:
    """Python layers are the user's: they are run as they are; all others must be the reference's own."""
    folder = FOLDER / name
    inputs, expected = recorded(folder / "io.npz")
    shapes = {key: value.shape for key, value in inputs.items()}
    options = CompileOptions(input_shapes=shapes, outputs=tuple(expected), allow_python_layers=True)
    path = folder / "net.prototxt"
    graph = read_source(path, folder / "net.caffemodel", options).graph
    found = evaluate(graph, inputs, substitute=OwnRule(path, options, {}))
    near(found.values, expected)
    assert not found.missing
    assert bool(found.substituted) == name.startswith("python_layer")
    assert all(found.values[key].dtype == np.float32 for key in expected)


CAFFE = ("aizoo_facemask", "cifar10_full", "cifar10_quick", "hed", "mtcnn_det1", "mtcnn_det2", "mtcnn_det3", "nsfw")
TENSORFLOW = ("aizoo_facemask_tf", "fsrcnn_x2", "mtcnn_tf", "tf_pose")
SAVED = ("basic_pitch", "cifar_saved_model")


@pytest.mark.models
@pytest.mark.parametrize("name", [*CAFFE, "res10_face", *TENSORFLOW, *SAVED])
def test_real_networks(models_dir: Path, name: str) -> None:
    folder = models_dir / name
    inputs, expected = recorded(folder / "io.npz")
    if name in SAVED:
        graph = read_source(folder / "saved_model", None, CompileOptions()).graph
    elif name in TENSORFLOW:
        options = CompileOptions(inputs=tuple(inputs), outputs=tuple(expected))
        graph = read_source(folder / "graph.pb", None, options).graph
    else:
        shapes = {key: value.shape for key, value in inputs.items()}
        options = CompileOptions(input_shapes=shapes, outputs=tuple(expected))
        graph = read_source(folder / "deploy.prototxt", folder / "weights.caffemodel", options).graph
    found = evaluate(graph, inputs)
    near(found.values, expected)
    assert not found.missing and not found.substituted
