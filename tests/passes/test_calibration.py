"""Calibration inputs: what can be given, and what is said of what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import regraft
from regraft.errors import RegraftError

RANDOM = np.random.default_rng(0)
NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "c" top: "prob" }
"""
TWO = """
layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "b" type: "Input" top: "b" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
"""


def int8(folder: Path, calibration: Path, text: str = NET, **options: Any) -> regraft.Model:
    (folder / "net.prototxt").write_text(text)
    options = {"precision": "int8", "calibration": calibration, "random_weights": 0, **options}
    return regraft.compile(folder / "net.prototxt", **options)


def refusal(folder: Path, calibration: Path, **options: Any) -> str:
    with pytest.raises(RegraftError) as caught:
        int8(folder, calibration, **options)
    return str(caught.value)


def counted(model: regraft.Model, session: Any, samples: list[np.ndarray]) -> None:
    """The report's largest difference is that over all samples."""
    (said,) = model.report.precision["outputs"]
    low = model.session()
    worst = max(np.abs(low.run({"data": s})["prob"] - session.run({"data": s})["prob"]).max() for s in samples)
    assert said["absolute"] == pytest.approx(worst)


@pytest.mark.parametrize("form", ["npz", "npy", "stacked", "prefixed", "doubles"])
def test_forms_of_arrays(tmp_path: Path, form: str) -> None:
    samples = [RANDOM.random((1, 3, 8, 8), np.float32) for _ in range(3)]
    (tmp_path / "inputs").mkdir()
    for i, sample in enumerate(samples):
        path = tmp_path / "inputs" / str(i)
        if form == "npz":
            np.savez(path, data=sample)
        elif form == "npy":
            np.save(path, sample)
        elif form == "prefixed":
            np.savez(path, **{"in:data": sample, "out:prob": np.zeros(3)})
        elif form == "doubles":
            np.save(path, sample.astype(np.float64))
    if form == "stacked":
        np.save(tmp_path / "inputs" / "all", np.concatenate(samples))
    model = int8(tmp_path, tmp_path / "inputs")
    plain = regraft.compile(tmp_path / "net.prototxt", random_weights=0).session()
    counted(model, plain, samples)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.proto.graph.node}


def test_weights_are_quantised_by_channel(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RANDOM.random((1, 3, 8, 8), np.float32))
    proto = int8(tmp_path, tmp_path / "x.npy").proto
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}
    (conv,) = [node for node in proto.graph.node if node.op_type == "Conv"]
    (dequantise,) = [node for node in proto.graph.node if conv.input[1] in node.output]
    assert arrays[dequantise.input[0]].dtype == np.int8
    assert arrays[dequantise.input[1]].shape == (4,)


def test_pictures_in_the_order_of_the_networks_channels(tmp_path: Path) -> None:
    """Red is fed as the third channel to a network of Caffe's, and as the first when its channels are reversed."""
    image = pytest.importorskip("PIL.Image")
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    image.fromarray(red).save(tmp_path / "red.png")
    text = NET.partition('layer { name: "c"')[0] + 'layer { name: "prob" type: "Power" bottom: "data" top: "prob" }\n'
    for options, channel in (({}, 2), ({"reverse_input_channels": True}, 0)):
        (tmp_path / "net.prototxt").write_text(text)
        found = regraft.precision.inputs.load_samples(
            tmp_path / "red.png",
            regraft.compile(tmp_path / "net.prototxt", **options).session().inputs,
            "rgb" if options else "bgr",
        )
        (feeds,) = found
        assert feeds["data"][0, :, 0, 0].argmax() == channel


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "readme.txt").write_text("nothing")
    assert "none holds no pictures and no arrays" in refusal(tmp_path, tmp_path / "none")


def test_no_folder(tmp_path: Path) -> None:
    assert "nowhere does not exist" in refusal(tmp_path, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"data": np.zeros((1, 3, 9, 8), "f4")}, "data is 1x3x9x8, and must be data: 1x3x8x8 float32"),
        ({"image": np.zeros((1, 3, 8, 8), "f4")}, "has no array 'data'"),
        ({"data": np.zeros((1, 3, 8, 8), "c8")}, "data is complex64, and must be float32"),
        ({"data": np.float32(1)}, "data is scalar"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    assert says in refusal(tmp_path, tmp_path / "bad.npz")


@pytest.mark.parametrize("name", ["broken.png", "broken.npz", "broken.npy"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not what it says")
    assert name in refusal(tmp_path, tmp_path / name)


def test_a_picture_for_two_inputs(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    assert "does not say which of a, b it is" in refusal(tmp_path, tmp_path / "p.png", text=TWO)


def test_two_inputs_from_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", a=np.ones((1, 3, 8, 8), "f4"), b=RANDOM.random((1, 3, 8, 8), np.float32))
    (said,) = int8(tmp_path, tmp_path / "both.npz", text=TWO).report.precision["outputs"]
    assert said["absolute"] < 0.02
    np.savez(tmp_path / "both.npz", a=np.ones((2, 3, 8, 8), "f4"), b=np.ones((3, 3, 8, 8), "f4"))
    assert "different numbers of samples" in refusal(tmp_path, tmp_path / "both.npz", text=TWO)


def test_a_layer_of_ones_own_is_run_while_calibrating(tmp_path: Path) -> None:
    class Twice:
        def __init__(self, params: Any, blobs: Any) -> None:
            pass

        def getMemoryShapes(self, inputs: Any) -> Any:  # noqa: N802
            return [inputs[0]]

        def forward(self, inputs: Any) -> Any:
            return [2 * inputs[0]]

    text = NET + 'layer { name: "t" type: "Twice" bottom: "prob" top: "t" }\n'
    np.save(tmp_path / "x.npy", RANDOM.random((1, 3, 8, 8), np.float32))
    regraft.register_layer("Twice", Twice)
    try:
        model = int8(tmp_path, tmp_path / "x.npy", text=text)
        assert ("regraft.layers", 1) in {(o.domain, o.version) for o in model.proto.opset_import}
        (said,) = model.report.precision["outputs"]
        assert said["name"] == "t" and said["absolute"] < 0.05
    finally:
        regraft.unregister_layer("Twice")
