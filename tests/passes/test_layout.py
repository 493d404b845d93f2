"""The layout pass: what moves, what cancels, what stays.

Numbers are the same to the last bit, except those of sums and means, whose order of addition follows the layout: 1e-6.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rewriting import Array, graph_of, numbers, ops, rewritten

import regraft
from regraft.ir import Builder, Graph, Shape, Value
from regraft.passes import RuleContext
from regraft.passes.layout import settle_layout
from regraft.passes.layout.permutations import channels_first, channels_last, composed, inverse, without

NCHW: Shape = ("N", 3, 4, 5)
NHWC: Shape = ("N", 4, 5, 3)
Make = Any


def last(build: Builder, x: Value) -> Value:
    return build.Transpose(x, perm=channels_last(x.rank or 4))


def first(build: Builder, x: Value) -> Value:
    return build.Transpose(x, perm=channels_first(x.rank or 4))


def settled(make: Make, *shapes: Shape, opset: int = 17, rtol: float = 0) -> dict[str, int]:
    return ops(rewritten(make, *shapes, by=settle_layout, opset=opset, rtol=rtol))


def between(middle: Make) -> Make:
    """NCHW -> Transpose -> middle in NHWC -> Transpose -> NCHW"""
    return lambda b, x, *more: first(b, middle(b, last(b, x), *more))


PER_CHANNEL, PER_PIXEL = numbers(3), numbers(4, 5, 1)
CANCELS: dict[str, Make] = {
    "unary": lambda b, x: b.Sigmoid(x),
    "chain": lambda b, x: b.Tanh(b.Exp(b.Neg(x))),
    "clip": lambda b, x: b.Clip(x, b.scalar(0, x), b.scalar(6, x)),
    "scalar": lambda b, x: b.Mul(x, np.float32(2).reshape(())),
    "a channel": lambda b, x: b.Add(x, PER_CHANNEL),
    "a channel, on the left": lambda b, x: b.Sub(PER_CHANNEL, x),
    "a pixel": lambda b, x: b.Mul(x, PER_PIXEL),
    "itself": lambda b, x: b.Mul(x, x),
    "PRelu": lambda b, x: b.PRelu(x, PER_CHANNEL),
    "pad": lambda b, x: b.Pad(x, [0, 1, 2, 0, 0, 0, 1, 3]),
    "slice": lambda b, x: b.Slice(x, [1, 0], [9, 2], [1, -1]),
    "slice of all axes": lambda b, x: b.Slice(x, [0, 1, 0, 0], [1, 3, 5, 2]),
    "softmax": lambda b, x: b.Softmax(x, axis=-1),
    "kept mean": lambda b, x: b.ReduceMean(x, axes=(1, 2), keepdims=1),
    "kept sum": lambda b, x: b.ReduceSum(x, [-1], keepdims=1),
    "concat": lambda b, x: b.Concat(x, b.Relu(x), axis=3),
    "gather": lambda b, x: b.Gather(x, [2, 0], axis=3),
    "tile": lambda b, x: b.Tile(x, [1, 2, 1, 1]),
    "where": lambda b, x: b.Where(b.Greater(x, b.scalar(0, x)), x, PER_CHANNEL),
    "resize": lambda b, x: b.Resize(x, None, None, [2, 8, 10, 3], mode="nearest", nearest_mode="floor"),
    "bilinear": lambda b, x: b.regraft.ResizeBilinearNHWC(x, [6, 7], coordinates="half_pixel"),
    "gathered": lambda b, x: b.regraft.ResizeNearestNeighborNHWC(x, [0, 0, 3], [1, 4]),
}


@pytest.mark.parametrize("name", CANCELS)
def test_transposes_around_an_op_cancel(name: str) -> None:
    left = settled(between(CANCELS[name]), (2, 3, 4, 5), rtol=1e-6 if name in ("kept mean", "kept sum") else 0)
    assert "Transpose" not in left
    assert "regraft.ResizeBilinearNHWC" not in left and "regraft.ResizeNearestNeighborNHWC" not in left


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
def test_reductions_of_all_opsets(opset: int) -> None:
    def mean(b: Builder, x: Value) -> Value:
        return b.ReduceMean(x, [1, 2], keepdims=0) if opset >= 18 else b.ReduceMean(x, axes=(1, 2), keepdims=0)

    assert settled(lambda b, x: mean(b, last(b, x)), NCHW, opset=opset, rtol=1e-6) == {"ReduceMean": 1}


SINKS: dict[str, tuple[Make, dict[str, int]]] = {
    "split": (
        lambda b, x: b.many("onnx.Split", x, [1, 2], outputs=2, axis=3),
        {"Reshape": 1, "Split": 1, "Transpose": 1},
    ),
    "reduce to channels": (lambda b, x: b.ReduceMax(x, axes=(1, 2), keepdims=0), {"ReduceMax": 1}),
    "reduce to pixels": (lambda b, x: b.ReduceSum(x, [3], keepdims=0), {"ReduceSum": 1}),
    "reduce a row": (lambda b, x: b.ReduceSum(x, [1], keepdims=0), {"ReduceSum": 1, "Transpose": 1}),
    "argmax": (lambda b, x: b.ArgMax(x, axis=3, keepdims=0), {"ArgMax": 1}),
    "one channel": (lambda b, x: b.Gather(x, b.constant(np.int64(1)), axis=3), {"Gather": 1}),
    "flatten pixels": (lambda b, x: b.Reshape(x, [0, 20, 3]), {"Reshape": 1, "Transpose": 1}),
    "its shape": (lambda b, x: b.Shape(x), {"Gather": 1, "Shape": 1}),
}


@pytest.mark.parametrize("name", SINKS)
def test_transposes_sink(name: str) -> None:
    make, expected = SINKS[name]
    assert settled(lambda b, x: make(b, last(b, x)), NCHW, rtol=1e-6 if "reduce" in name else 0) == expected


def test_squeezed_dimensions() -> None:
    def make(b: Builder, x: Value) -> Value:
        row = b.Relu(b.Squeeze(last(b, x), [1]))  # (N, W, C)
        return first(b, b.Unsqueeze(row, [1]))

    assert settled(make, ("N", 3, 1, 5)) == {"Relu": 1, "Squeeze": 1, "Unsqueeze": 1}


def test_transposes_rise_to_the_input() -> None:
    def make(b: Builder, x: Value) -> Value:
        scaled = b.Mul(b.Sub(x, PER_CHANNEL), np.float32([0.5]))
        return b.Conv(first(b, scaled), numbers(2, 3, 1, 1))

    graph = rewritten(make, NHWC, by=settle_layout)
    assert ops(graph) == {"Conv": 1, "Mul": 1, "Sub": 1, "Transpose": 1}
    transpose = next(op for op in graph if op.kind == "onnx.Transpose")
    assert transpose.inputs[0] is graph.inputs[0].output


def test_a_shared_value_is_moved_for_each_reader() -> None:
    def make(b: Builder, x: Value) -> list[Value]:
        shared = b.Relu(last(b, x))
        return [first(b, b.Exp(shared)), first(b, b.Neg(shared)), shared]

    assert settled(make, NCHW) == {"Exp": 1, "Neg": 1, "Relu": 1, "Transpose": 1}


def test_residual_block() -> None:
    def make(b: Builder, x: Value) -> Value:
        shortcut = b.Relu(last(b, x))
        branch = last(b, b.Conv(first(b, shortcut), numbers(3, 3, 3, 3), pads=(1, 1, 1, 1)))
        return b.Relu(b.Add(branch, shortcut))

    assert settled(make, NCHW) == {"Add": 1, "Conv": 1, "Relu": 2, "Transpose": 1}


def test_squeeze_and_excitation() -> None:
    def make(b: Builder, x: Value) -> Value:
        image = last(b, x)
        gate = b.Reshape(
            b.Sigmoid(b.MatMul(b.ReduceMean(image, axes=(1, 2), keepdims=0), numbers(3, 3))), [-1, 1, 1, 3]
        )
        return first(b, b.Mul(image, gate))

    assert "Transpose" not in settled(make, NCHW, rtol=1e-6)


def test_another_input_is_not_transposed_for_nothing() -> None:
    make = lambda b, x, y: b.Add(last(b, x), y)  # noqa: E731
    assert settled(make, NCHW, NHWC) == {"Add": 1, "Transpose": 1}


def test_another_input_is_transposed_where_that_pays() -> None:
    make = lambda b, x, y: first(b, b.Relu(b.Add(last(b, x), y)))  # noqa: E731
    assert settled(make, NCHW, NHWC) == {"Add": 1, "Relu": 1, "Transpose": 1}


@pytest.mark.parametrize(
    "make",
    [
        lambda b, x: b.Reshape(last(b, x), [0, -1, 6]),
        lambda b, x: b.MatMul(last(b, x), numbers(3, 2)),
        lambda b, x: b.Reshape(last(b, x), [-1]),
        lambda b, x: b.Add(last(b, x), numbers(1, 2, 4, 5, 3)),
        lambda b, x: b.Transpose(x, perm=(0, 2, 1, 3)),
    ],
    ids=["regrouped pixels", "MatMul", "flat", "more dimensions", "another permutation"],
)
def test_what_stays(make: Make) -> None:
    assert settled(make, (2, 3, 4, 5))["Transpose"] == 1


@pytest.mark.parametrize("last_shape", [4, 8], ids=["a row a pixel", "two rows a pixel"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_heads_share_one_transpose(last_shape: int, dynamic: bool) -> None:
    shapes: list[Shape] = [("N" if dynamic else 2, 8, size, size) for size in (4, 2, 1)]

    def make(b: Builder, *maps: Value) -> Value:
        rows = [b.Reshape(last(b, m), [0, -1, last_shape]) for m in maps]
        return b.Concat(*(b.Sigmoid(r) for r in rows), axis=1)

    left = settled(make, *shapes)
    assert left["Transpose"] == 1 and left["Concat"] == 1


@pytest.mark.parametrize(
    ("axis", "widths", "heads"),
    [(1, (4, 4), ("Sigmoid", "Relu")), (0, (4, 4), ("Relu", "Relu"))],
    ids=["different ops", "other axis"],
)
def test_heads_that_differ_stay(axis: int, widths: tuple[int, int], heads: tuple[str, str]) -> None:
    def make(b: Builder, *maps: Value) -> Value:
        rows = [b.Reshape(last(b, m), [0, -1, width]) for m, width in zip(maps, widths, strict=True)]
        return b.Concat(*(getattr(b, head)(r) for r, head in zip(rows, heads, strict=True)), axis=axis)

    assert settled(make, (2, 8, 3, 3), (2, 8, 3, 3))["Transpose"] == 2


def test_moving_a_single_element_is_a_reshape() -> None:
    assert settled(lambda b, x: b.Relu(last(b, b.GlobalAveragePool(x))), NCHW) == {
        "GlobalAveragePool": 1,
        "Relu": 1,
        "Reshape": 1,
    }


def test_volumes() -> None:
    assert settled(between(lambda b, x: b.Relu(x)), ("N", 2, 3, 4, 5)) == {"Relu": 1}


def test_a_long_chain_takes_linear_time() -> None:
    def make(b: Builder, x: Value) -> Value:
        for _ in range(300):
            x = first(b, b.Relu(b.Add(last(b, x), PER_CHANNEL)))
        return x

    graph = graph_of(make, [NCHW])
    assert settle_layout(graph, RuleContext()) < 300 * 6
    assert "Transpose" not in ops(graph)


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "shape"), [("aizoo_facemask_tf", (1, 260, 260, 3)), ("tf_pose", (1, 240, 320, 3)), ("fsrcnn_x2", None)]
)
@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
def test_real_networks_keep_transposes_at_their_borders_only(
    name: str, shape: Any, static: bool, models_dir: Path
) -> None:
    shapes = {"image" if name == "tf_pose" else "data_1": shape} if static and shape else None
    model = regraft.compile(models_dir / name / "graph.pb", input_shapes=shapes)
    graph = model.proto.graph
    inputs, outputs = {i.name for i in graph.input}, {o.name for o in graph.output}
    shuffling = {n.output[0] for n in graph.node if n.op_type == "Reshape" and n.output[0] in outputs}
    readers = {i: n for n in graph.node for i in n.input}
    for node in (n for n in graph.node if n.op_type == "Transpose"):
        below = readers.get(node.output[0])
        at_output = node.output[0] in outputs or (below is not None and below.output[0] in shuffling)
        assert node.input[0] in inputs or at_output, node.name
    assert len(model.report.transposes) <= len(inputs) + len(outputs)


def random_graph(seed: int) -> Make:
    """Elementwise ops, Transposes, Concats and reductions on tensors of both layouts, drawn at random."""

    def make(b: Builder, x: Value, y: Value) -> list[Value]:
        random = np.random.default_rng(seed)
        images, pixels = [x], [y]
        for _ in range(14):
            pick = random.integers(0, 7)
            image, pixel = (pool[random.integers(len(pool))] for pool in (images, pixels))
            if pick == 0:
                pixels.append(last(b, image))
            elif pick == 1:
                images.append(first(b, pixel))
            elif pick == 2:
                pixels.append(b.Add(pixel, pixels[random.integers(len(pixels))]))
            elif pick == 3:
                pixels.append(b.Mul(pixel, PER_CHANNEL))
            elif pick == 4:
                images.append(b.Max(image, images[random.integers(len(images))]))
            elif pick == 5:
                pixels.append(b.Sub(pixel, b.ReduceMean(pixel, axes=(1, 2), keepdims=1)))
            else:
                images.append(b.Tanh(image))
        return [images[-1], pixels[-1], b.Concat(pixels[-1], pixels[0], axis=3)]

    return make


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_keep_their_numbers(seed: int) -> None:
    make, shapes = random_graph(seed), [(2, 3, 4, 5), (2, 4, 5, 3)]
    before = ops(graph_of(make, shapes)).get("Transpose", 0)
    graph: Graph = rewritten(make, *shapes, by=settle_layout, rtol=1e-6)
    assert ops(graph).get("Transpose", 0) <= before + 2


def swapped(b: Builder, x: Value) -> Value:
    """The last two of three dimensions: a Transpose that puts channels last, and is its own inverse."""
    return b.Transpose(x, perm=(0, 2, 1))


ENDLESS: dict[str, tuple[Make, list[Shape]]] = {
    "x - b * transpose(b)": (lambda b, x, y: b.Sub(x, b.Mul(y, swapped(b, y))), [(2, 4, 4), (1, 4, 1)]),
    "a row and its transpose": (lambda b, x: b.Add(swapped(b, x), x), [(1, 4, 1)]),
    "an outer product with itself": (lambda b, x: b.Sub(b.Mul(x, swapped(b, x)), swapped(b, x)), [(1, 1, 5)]),
    "two rows, two ways": (lambda b, x, y: b.Max(swapped(b, x), y, swapped(b, y)), [(1, 4, 1), (1, 1, 4)]),
    "a step of Cholesky's": (
        lambda b, x: b.Sub(
            x,
            b.MatMul(
                b.Slice(x, [0], [1], [2]),
                swapped(b, b.Mul(b.Slice(x, [0], [1], [2]), swapped(b, b.Slice(x, [0], [1], [1])))),
            ),
        ),
        [(1, 4, 4)],
    ),
}
"""Graphs in which each step of the pass makes what it looks for: turning an op twice gives the op again."""


@pytest.mark.parametrize("name", ENDLESS)
def test_the_pass_ends(name: str) -> None:
    make, shapes = ENDLESS[name]
    graph = graph_of(make, shapes)
    size = len(graph)
    assert settle_layout(graph, RuleContext()) <= 4 * size
    assert settle_layout(graph, RuleContext()) == 0
    settled(make, *shapes, rtol=1e-6)


def random_rows(seed: int) -> Make:
    """Elementwise ops on rows, columns and matrices, with Transposes between all of them."""

    def make(b: Builder, matrix: Value, row: Value) -> Value:
        random = np.random.default_rng(seed)
        found = [matrix, row]
        for _ in range(int(random.integers(5, 40))):
            one, other = (found[random.integers(len(found))] for _ in range(2))
            pick = random.integers(4)
            if pick == 0:
                found.append(swapped(b, one))
            elif pick == 1:
                found.append(b.Tanh(one))
            else:
                found.append(b.Max(one, other) if pick == 2 else b.Sub(one, other))
        return b.Max(*found)

    return make


@pytest.mark.parametrize("seed", range(40))
def test_the_pass_ends_on_random_graphs(seed: int) -> None:
    make, shapes = random_rows(seed), [(2, 5, 5), (1, 5, 1)]
    graph = graph_of(make, shapes)
    size = len(graph)
    assert settle_layout(graph, RuleContext()) <= 10 * size
    assert settle_layout(graph, RuleContext()) == 0
    settled(make, *shapes)


def test_permutations() -> None:
    x: Array = numbers(2, 3, 4, 5)
    one, two = (2, 0, 3, 1), (1, 3, 2, 0)
    assert np.array_equal(x.transpose(one).transpose(two), x.transpose(composed(one, two)))
    assert composed(one, inverse(one)) == (0, 1, 2, 3)
    assert without((0, 2, 3, 1), [1, 2]) is None
    left = without((0, 2, 3, 1), [1])
    assert left is not None
    assert np.array_equal(x.transpose(0, 2, 3, 1)[:, 0], x[:, :, 0].transpose(left))


def test_a_transpose_does_not_rise_above_a_change_of_rank() -> None:
    make = lambda b, x: first(b, b.Unsqueeze(b.Relu(x), [1]))  # noqa: E731
    assert settled(make, ("N", 5, 3)) == {"Relu": 1, "Transpose": 1, "Unsqueeze": 1}
    assert settled(make, (1, 1, 3)) == {"Relu": 1, "Reshape": 1, "Unsqueeze": 1}
