"""Nets of one Caffe layer: written as prototxt and caffemodel, compiled, run, and compared.

    case("to given size", "interp_param { height: 9 width: 8 }", numbers(2, 3, 4, 5))
    check("Interp", c, expected, tmp_path)

Every comparison runs the model with ONNX Runtime's own optimisations off and on.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from agreement import reference_agrees

import regraft

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A layer's parameter block, its bottoms, its blobs and the number of its tops."""

    name: str
    params: str
    bottoms: tuple[Array, ...]
    blobs: tuple[Array, ...] = ()
    tops: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def case(name: str, params: str, *bottoms: Array, blobs: Sequence[Array] = (), tops: int = 1, **extra: Any) -> Case:
    """A case; `extra` goes to the reference as keyword arguments."""
    return Case(name, params, bottoms, tuple(blobs), tops, extra=extra)


def numbers(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    """Reproducible float32 numbers around zero."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def positive(*shape: int, seed: int = 0) -> Array:
    """Reproducible float32 numbers between 0.5 and 2."""
    return np.random.default_rng(seed).uniform(0.5, 2, shape).astype(np.float32)


def prototxt(layer_type: str, c: Case) -> str:
    """The net: an Input for each bottom, then the layer `op` with tops y0, y1, ..."""
    lines = []
    for index, array in enumerate(c.bottoms):
        dims = " ".join(f"dim: {d}" for d in array.shape)
        lines.append(f'layer {{ name: "x{index}" type: "Input" top: "x{index}" input_param {{ shape {{ {dims} }} }} }}')
    bottoms = " ".join(f'bottom: "x{i}"' for i in range(len(c.bottoms)))
    written = " ".join(f'top: "{name}"' for name in tops(c))
    lines.append(f'layer {{ name: "op" type: "{layer_type}" {bottoms} {written} {c.params} }}')
    return "\n".join(lines) + "\n"


def compile_text(
    text: str, folder: Path, blobs: Mapping[str, Sequence[Array]] | None = None, **options: Any
) -> regraft.Model:
    """The compiled net; `blobs` are the weights by layer name."""
    path = folder / "net.prototxt"
    path.write_text(text)
    weights = None
    if blobs:
        weights = folder / "net.caffemodel"
        weights.write_bytes(caffemodel(blobs))
    return regraft.compile(path, weights, **options)


def compile_case(layer_type: str, c: Case, folder: Path) -> regraft.Model:
    """The compiled case."""
    return compile_text(
        prototxt(layer_type, c), folder, {"op": c.blobs} if c.blobs else None, outputs=tops(c), **c.options
    )


def tops(c: Case) -> list[str]:
    """The names of the layer's tops."""
    return [f"y{i}" for i in range(c.tops)]


def check(
    layer_type: str, c: Case, expected: Array | Sequence[Array], folder: Path, *, rtol: float = 1e-5
) -> regraft.Model:
    """Compile, run with optimisations off and on, and compare shapes and numbers; the reference as well.

    A number matches within `rtol` of itself or of the largest number: sums round by the size of their terms.
    """
    wanted = [expected] if isinstance(expected, np.ndarray) else list(expected)
    model = compile_case(layer_type, c, folder)
    files = folder / "net.prototxt", folder / "net.caffemodel" if c.blobs else None
    feeds = {f"x{i}": bottom for i, bottom in enumerate(c.bottoms)}
    reference_agrees(files, feeds, {f"y{i}": w for i, w in enumerate(wanted)}, c.options, rtol=rtol)
    for optimise in (False, True):
        session = model.session(optimise=optimise)
        given = session.run({i.name: c.bottoms[int(i.name[1:])] for i in session.inputs})
        for index, want in enumerate(wanted):
            close(given[f"y{index}"], want, rtol, f"top {index}, optimisations {'on' if optimise else 'off'}")
    return model


def anywhere(
    layer_type: str, c: Case, expected: Array | Sequence[Array], folder: Path, rtol: float = 1e-5
) -> regraft.Model:
    """As `check`; then the body as a function in an ONNX Runtime without regraft's kernels, then inlined."""
    wanted = [expected] if isinstance(expected, np.ndarray) else list(expected)
    model = check(layer_type, c, wanted, folder, rtol=rtol)
    for portable in (False, True):
        written = compile_case(layer_type, replace(c, options={**c.options, "portable": portable}), folder)
        for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
            session = bare_session(written, level)
            feed = {i.name: c.bottoms[int(i.name[1:])] for i in session.get_inputs()}
            for name, given, want in zip(names := tops(c), session.run(names, feed), wanted, strict=True):
                close(given, want, rtol, f"{name} of the body, portable {portable}, {level}")
    return model


def bare_session(model: regraft.Model, level: str = "ORT_ENABLE_ALL") -> onnxruntime.InferenceSession:
    """The model in an ONNX Runtime that knows none of regraft's kernels."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    return onnxruntime.InferenceSession(model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def close(actual: Array, wanted: Array, rtol: float, message: str = "") -> None:
    """Equal shapes, and numbers within `rtol` of themselves or of the largest."""
    assert actual.dtype == np.float32, f"{message}: {actual.dtype}"
    assert actual.shape == wanted.shape, f"{message}: {actual.shape}, not {wanted.shape}"
    finite = np.abs(wanted[np.isfinite(wanted)])
    slack = rtol * float(finite[finite < 1e30].max(initial=0))
    np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=slack, err_msg=message)


def refused(layer_type: str, c: Case, says: str, folder: Path) -> None:
    """The compilation must fail, and say so, naming the layer."""
    with pytest.raises(regraft.CompileError) as error:
        compile_case(layer_type, c, folder)
    assert says in str(error.value)
    assert "'op'" in str(error.value) or '"op"' in str(error.value)


# A caffemodel, written by hand --------------------------------------------------------------------------------------


def caffemodel(blobs: Mapping[str, Sequence[Array]]) -> bytes:
    """A V2 caffemodel with these layers."""
    return b"".join(_field(100, _layer(name, arrays)) for name, arrays in blobs.items())


def _layer(name: str, arrays: Sequence[Array]) -> bytes:
    return _field(1, name.encode()) + b"".join(_field(7, _blob(a)) for a in arrays)


def _blob(array: Array) -> bytes:
    dims = b"".join(_varint(d) for d in array.shape)
    data = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return _field(7, _field(1, dims)) + _field(5, data)


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)
