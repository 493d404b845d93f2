"""Float16: what is converted, what stays and why, on small networks; ranges, sizes, loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import regraft
from regraft.emit import OnnxDialect
from regraft.errors import RegraftError, UsageError
from regraft.ir import Builder, DType, Graph, Op, OpTable, TensorType, verify
from regraft.passes.io import computes_sizes, to_float16

RANDOM = np.random.default_rng(0)
SCALED = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 3 dim: 6 dim: 6 }} }} }}
layer {{ name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param {{ kernel_size: 2 stride: 2 }} }}
layer {{ name: "big" type: "Power" bottom: "p" top: "big" power_param {{ scale: {scale} power: {power} }} }}
layer {{ name: "small" type: "Power" bottom: "big" top: "small" power_param {{ scale: {back} }} }}
layer {{ name: "prob" type: "Sigmoid" bottom: "small" top: "prob" }}
"""


def scaled(folder: Path, scale: float, back: float, power: float = 1, **options: Any) -> regraft.Model:
    path = folder / "net.prototxt"
    path.write_text(SCALED.format(scale=scale, back=back, power=power))
    return regraft.compile(path, precision="fp16", **options)


def element_types(model: regraft.Model) -> dict[str, int]:
    proto = onnx.shape_inference.infer_shapes(model.proto)
    return {v.name: v.type.tensor_type.elem_type for v in (*proto.graph.value_info, *proto.graph.output)}


def test_constants_beyond_float16_stay_and_are_named(tmp_path: Path) -> None:
    model = scaled(tmp_path, 1e6, 1e-6)
    kept = model.report.precision["kept"]["its constants are beyond float16"]
    assert kept == ["Mul big", "Mul small"]
    said = "\n".join(model.report.warnings)
    assert "big (net.prototxt:4): stays float32: a constant of it holds 1e+06" in said
    assert "holds nothing larger than 1e-06" in said
    picture = RANDOM.random((1, 3, 6, 6), np.float32)
    pooled = picture.reshape(1, 3, 3, 2, 3, 2).max((3, 5))
    found = model.session().run({"data": picture})["prob"]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-pooled)), atol=1e-3)


def test_numbers_that_reach_the_end_of_float16_are_seen_in_the_samples(tmp_path: Path) -> None:
    """The constants are harmless, 300 ** 2 is not: only running the network shows it."""
    np.savez(tmp_path / "loud.npz", data=RANDOM.uniform(200, 300, (2, 3, 6, 6)).astype(np.float32))
    model = scaled(tmp_path, 2, 1e-3, power=2, calibration=tmp_path / "loud.npz", outputs="small")
    assert model.report.precision["kept"]["its numbers are near the end of float16"] == ["Mul big", "Mul small"]
    found = model.session().run({"data": np.full((1, 3, 6, 6), 300, np.float32)})["small"]
    np.testing.assert_allclose(found, 360, rtol=2e-3)
    quiet = scaled(tmp_path, 2, 1e-3, power=2)
    assert "its numbers are near the end of float16" not in quiet.report.precision["kept"]


def test_borders_are_float32_unless_asked(tmp_path: Path) -> None:
    picture = RANDOM.random((1, 3, 6, 6), np.float32)
    model, half = scaled(tmp_path, 2, 0.5), scaled(tmp_path, 2, 0.5, fp16_io=True)
    assert element_types(model)["prob"] == onnx.TensorProto.FLOAT
    assert {i.dtype for i in half.session().inputs} == {np.dtype(np.float16)}
    found = half.session().run({"data": picture.astype(np.float16)})["prob"]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, model.session().run({"data": picture})["prob"], atol=2e-3)


def test_bytes_become_float16_at_once(tmp_path: Path) -> None:
    model = scaled(tmp_path, 2, 0.5, input_types="u8")
    casts = [node for node in model.proto.graph.node if node.op_type == "Cast" and "data" in node.input]
    assert [attribute.i for node in casts for attribute in node.attribute] == [onnx.TensorProto.FLOAT16]


def graph_of_sizes() -> tuple[Graph, OpTable]:
    """y = x resized to sizes that are computed in floats from its own."""
    table = OpTable({"onnx": OnnxDialect(17)})
    graph = Graph(table)
    x = graph.add_input("x", TensorType(DType.F32, (1, 3, "H", "W")))
    build = Builder(graph)
    shape = build.Cast(build.Shape(x), to=DType.F32)
    doubled = build.Mul(shape, build.constant(np.array([1, 1, 2, 2], np.float32)))
    sizes = build.Cast(build.Floor(doubled), to=DType.I64)
    none = build.constant(np.zeros(0, np.float32))
    resized = build.Resize(build.Relu(x), None, none, sizes, mode="nearest")
    graph.add_output("y", resized)
    return graph, table


def takes(op: Op, index: int) -> bool:
    return not (op.kind == "onnx.Resize" and index in (2, 3))


def test_sizes_are_computed_in_float32() -> None:
    graph, _ = graph_of_sizes()
    sizes = computes_sizes(graph)
    assert {op.type_name for op in sizes} == {"Shape", "Cast", "Mul", "Floor"}
    to_float16(graph, sizes, takes)
    verify(graph)
    types = {op.type_name: op.outputs[0].dtype for op in graph.topological() if op.dialect == "onnx" and op in sizes}
    assert (types["Mul"], types["Floor"]) == (DType.F32, DType.F32)
    (resize,) = [op for op in graph.topological() if op.kind == "onnx.Resize"]
    assert resize.output.dtype is DType.F16
    assert resize.inputs[2] is not None and resize.inputs[2].dtype is DType.F32


def test_open_sizes_are_said_to_be_unmeasured(tmp_path: Path) -> None:
    model = scaled(tmp_path, 2, 0.5, input_shapes={"data": (1, 3, "H", "W")})
    assert "the accuracy is not measured, for sizes are open: --calibration inputs.npz" in model.report.warnings
    assert "outputs" not in model.report.precision
    found = model.session().run({"data": np.ones((1, 3, 4, 8), np.float32)})["prob"]
    np.testing.assert_allclose(found, np.full((1, 3, 2, 4), 1 / (1 + np.exp(-1))), atol=1e-3)


def test_unknown_names_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no layer or op is called 'bigg'(.|\n)*did you mean big"):
        scaled(tmp_path, 2, 0.5, keep_fp32=["bigg"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "fp61"}, "precision is 'fp61'"),
        ({"precision": "int8"}, "int8 needs inputs"),
        ({"precision": "fp32", "keep_fp32": ["big"]}, "keep_fp32 says nothing"),
        ({"precision": "fp32", "fp16_io": True}, "fp16_io goes with precision fp16"),
        ({"target": "opencv4"}, "target is 'opencv4'"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    (tmp_path / "net.prototxt").write_text(SCALED.format(scale=2, back=0.5, power=1))
    with pytest.raises(RegraftError) as caught:
        regraft.compile(tmp_path / "net.prototxt", **options)
    assert says in str(caught.value)
