"""Float16 and int8 on real networks: the files run anywhere, and the report tells the loss as numpy measures it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from test_preparing import compiled

import regraft

pytestmark = pytest.mark.models
RANDOM = np.random.default_rng(0)
MEANS = {"nsfw": (104, 117, 123), "res10_face": (104, 177, 123)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    for i in range(4):
        coarse = image.fromarray(RANDOM.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        coarse.resize((320, 240)).save(folder / ("more" if i % 2 else "") / f"{i}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def recorded(models_dir: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.load(models_dir / name / "io.npz") as arrays:
        inputs = {n[3:]: arrays[n] for n in arrays.files if n.startswith("in:")}
        return inputs, {n[4:]: arrays[n] for n in arrays.files if n.startswith("out:")}


def plain_run(path: Path, feeds: dict[str, Any]) -> dict[str, Any]:
    """In ONNX Runtime as it comes, without regraft's kernels."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


@pytest.mark.parametrize(
    ("name", "tolerance"), [("nsfw", 5e-3), ("mtcnn_det3", 5e-3), ("cifar10_full", 1e-2), ("fsrcnn_x2", 5e-3)]
)
def test_float16_runs_and_is_near(models_dir: Path, name: str, tolerance: float, tmp_path: Path) -> None:
    """Tolerances: float16 has 11 bits, 5e-4 a number, and errors add up along the layers."""
    inputs, expected = recorded(models_dir, name)
    shapes = {n: array.shape for n, array in inputs.items()}
    where = models_dir / name / "io.npz"
    model = compiled(models_dir, name, precision="fp16", outputs=list(expected), input_shapes=shapes, calibration=where)
    path = model.save(tmp_path / "net.onnx")
    proto = onnx.load(path)
    halves = sum(t.data_type == onnx.TensorProto.FLOAT16 for t in proto.graph.initializer)
    assert halves > len(proto.graph.initializer) / 2
    assert all(
        i.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for i in (*proto.graph.input, *proto.graph.output)
    )
    found = plain_run(path, inputs)
    for output, value in expected.items():
        assert np.abs(found[output] - value).max() <= tolerance * max(1.0, np.abs(value).max()), output
    assert {row["name"] for row in model.report.precision["outputs"]} == set(expected)


def test_float16_at_the_borders(models_dir: Path) -> None:
    inputs, expected = recorded(models_dir, "cifar10_quick")
    model = compiled(models_dir, "cifar10_quick", precision="fp16", fp16_io=True)
    session = model.session()
    halves = {info.name: array.astype(np.float16) for info, array in zip(session.inputs, inputs.values(), strict=True)}
    (found,) = session.run(halves).values()
    (value,) = expected.values()
    assert found.dtype == np.float16
    assert np.abs(found - value).max() < 1e-2


def test_custom_ops_boxes_and_sums_of_squares_stay_float32(models_dir: Path) -> None:
    model = compiled(models_dir, "res10_face", precision="fp16")
    kept = {op.partition(" ")[0]: reason for reason, ops in model.report.precision["kept"].items() for op in ops}
    assert kept["DetectionOutput"] == "regraft's or your own operator"
    assert kept["ReduceSumSquare"] == kept["Sqrt"] == "adds up squares"
    types = {
        v.name: v.type.tensor_type.elem_type for v in onnx.shape_inference.infer_shapes(model.proto).graph.value_info
    }
    (node,) = [node for node in model.proto.graph.node if node.op_type == "DetectionOutput"]
    assert {types.get(name, onnx.TensorProto.FLOAT) for name in node.input if name} == {onnx.TensorProto.FLOAT}


def test_what_is_inside_loops_and_conditionals_stays_float32(models_dir: Path) -> None:
    inputs, expected = recorded(models_dir, "mtcnn_tf")
    names = {"inputs": list(inputs), "outputs": list(expected)}
    model = compiled(models_dir, "mtcnn_tf", precision="fp16", **names, calibration=models_dir / "mtcnn_tf" / "io.npz")
    kept = [op.partition(" ")[0] for op in model.report.precision["kept"]["has graphs inside"]]
    assert set(kept) == {"Loop", "If"}
    found = model.session().run(inputs)
    assert found["prob:0"].shape == expected["prob:0"].shape
    assert np.abs(found["prob:0"] - expected["prob:0"]).max() < 5e-3


def test_what_is_kept_by_name_and_type(models_dir: Path) -> None:
    model = compiled(models_dir, "nsfw", precision="fp16", keep_fp32=["conv_1", "Softmax"])
    assert model.report.precision["kept"]["asked for"] == ["Conv conv_1", "Relu relu_1", "Softmax prob"]
    with pytest.raises(regraft.errors.UsageError, match="did you mean conv_1"):
        compiled(models_dir, "nsfw", precision="fp16", keep_fp32=["conv_11"])


@pytest.mark.parametrize("name", ["nsfw", "res10_face"])
def test_int8_from_a_folder_of_pictures(models_dir: Path, pictures: Path, name: str, tmp_path: Path) -> None:
    stages: list[str] = []
    options = {"mean_values": MEANS[name], "input_types": "u8"}
    model = compiled(models_dir, name, precision="int8", calibration=pictures, progress=stages.append, **options)
    path = model.save(tmp_path / "net.onnx")
    plain = compiled(models_dir, name, **options)
    assert path.stat().st_size < plain.save(tmp_path / "plain.onnx").stat().st_size / 3
    assert [s for s in stages if s.startswith("calibrating")][-1] == "calibrating: sample 4"
    proto = onnx.load(path)
    assert all({"regraft.source", "regraft.layer"} <= {p.key for p in node.metadata_props} for node in proto.graph.node)
    if name == "res10_face":
        assert {(o.domain, o.version) for o in proto.opset_import} >= {("regraft", 1)} and len(proto.functions) == 1
    size = plain.session().inputs[0].shape
    fed = {"data": RANDOM.integers(0, 256, size).astype(np.uint8)}
    (expected,), (found,) = plain.session().run(fed).values(), plain_run(path, fed).values()
    if name == "nsfw":
        assert np.abs(found - expected).max() < 0.1


def test_the_loss_is_what_numpy_measures(models_dir: Path, tmp_path: Path) -> None:
    """On cifar10_quick: top-1, cosine, signal to noise and largest differences from both models' outputs."""
    pictures = RANDOM.normal(size=(12, 3, 32, 32), scale=60).astype(np.float32)
    np.savez(tmp_path / "some.npz", data=pictures)
    options = {"input_shapes": {"data": (1, 3, 32, 32)}}
    reduced = compiled(models_dir, "cifar10_quick", precision="int8", calibration=tmp_path, **options)
    plain = compiled(models_dir, "cifar10_quick", **options).session()
    low = reduced.session()
    e, a = (np.concatenate([s.run({"data": p[None]})["prob"] for p in pictures]).astype(float) for s in (plain, low))
    (said,) = reduced.report.precision["outputs"]
    assert said["top1"] == pytest.approx((e.argmax(1) == a.argmax(1)).mean())
    assert said["absolute"] == pytest.approx(np.abs(a - e).max())
    assert said["cosine"] == pytest.approx((a * e).sum() / np.sqrt((a * a).sum() * (e * e).sum()))
    assert said["snr"] == pytest.approx(10 * np.log10((e * e).sum() / ((a - e) ** 2).sum()))
    assert f"same first place {said['top1']:.1%}" in str(reduced.report)


def test_kept_layers_are_not_quantised(models_dir: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", RANDOM.normal(size=(1, 3, 32, 32), scale=60).astype(np.float32))
    options = {"precision": "int8", "calibration": tmp_path / "one.npy"}
    proto = compiled(models_dir, "cifar10_quick", keep_fp32=["conv1", "Gemm"], **options).proto
    dequantised = {name for node in proto.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    by_layer = {
        p.value.rpartition(" ")[2]: node
        for node in proto.graph.node
        if node.op_type in ("Conv", "Gemm")
        for p in node.metadata_props
        if p.key == "regraft.layer"
    }
    assert by_layer["conv1"].input[1] not in dequantised and by_layer["ip1"].input[1] not in dequantised
    assert by_layer["conv2"].input[1] in dequantised
