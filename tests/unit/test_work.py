"""The multiplications of a network, counted by hand, and the threads that it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.ir import Builder, DType, Graph, Shape, TensorType, Value
from regraft.sources import op_table
from regraft.work import KEY, WORTH_THREADS, entry, worthwhile_threads


def weights(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


COUNTED: dict[str, tuple[Shape, Any, int]] = {
    "conv": ((1, 4, 8, 8), lambda b, x: b.Conv(x, weights(6, 4, 3, 3)), 6 * 6 * 6 * 4 * 9),
    "grouped conv": ((2, 4, 8, 8), lambda b, x: b.Conv(x, weights(4, 1, 3, 3), group=4), 2 * 4 * 36 * 9),
    "transposed": ((1, 4, 5, 5), lambda b, x: b.ConvTranspose(x, weights(4, 6, 2, 2)), 4 * 25 * 6 * 4),
    "gemm": ((3, 10), lambda b, x: b.Gemm(x, weights(10, 7)), 3 * 7 * 10),
    "gemm of the transposed": ((10, 3), lambda b, x: b.Gemm(x, weights(10, 7), transA=1), 3 * 7 * 10),
    "matmul": ((2, 3, 10), lambda b, x: b.MatMul(x, weights(10, 7)), 2 * 3 * 7 * 10),
    "elements": ((2, 3, 10), lambda b, x: b.Relu(x), 60),
}


def graph_of(shape: Shape, make: Any) -> Graph:
    graph = Graph(op_table(17), "test")
    made: Value = make(Builder(graph), graph.add_input("x", TensorType(DType.F32, shape)))
    graph.add_output("y", made)
    return graph


@pytest.mark.parametrize("name", COUNTED)
def test_multiplications(name: str) -> None:
    shape, make, count = COUNTED[name]
    assert entry(graph_of(shape, make)) == {KEY: str(count)}


def test_unknown_sizes_are_not_counted() -> None:
    assert entry(graph_of(("N", 3), lambda b, x: b.Relu(x))) == {}


@pytest.mark.parametrize(
    ("count", "asked", "given"),
    [
        (str(WORTH_THREADS - 1), None, 1),
        (str(WORTH_THREADS - 1), 4, 1),
        (str(WORTH_THREADS), 4, 4),
        (str(WORTH_THREADS), None, None),
        ("many", 4, 4),
        ("", None, None),
    ],
)
def test_threads(count: str, asked: int | None, given: int | None) -> None:
    assert worthwhile_threads(asked, {KEY: count} if count else {}) == given


def test_the_file_says_it(tmp_path: Path) -> None:
    relu = 'layer { name: "r" type: "ReLU" bottom: "data" top: "r" }'
    net = f'input: "data" input_shape {{ dim: 1 dim: 3 dim: 4 dim: 4 }} {relu}'
    (tmp_path / "net.prototxt").write_text(net)
    model = regraft.compile(tmp_path / "net.prototxt")
    said = {p.key: p.value for p in model.proto.metadata_props}
    assert said[KEY] == "48"
