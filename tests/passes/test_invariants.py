"""What a loop does not change is transposed once, before it."""

from __future__ import annotations

import numpy as np
from rewriting import graph_of, numbers, ops, run

from regraft.ir import Builder, DType, Graph, TensorType, Value, capture, capture_count, subgraphs, verify
from regraft.passes import RuleContext
from regraft.passes.layout import hoist_transposes


def looping(build: Builder, x: Value, *, of_state: bool = False) -> Value:
    """Four times: state + the transposed x (or the transposed state + x)."""
    body = Graph(build.graph.table, "body")
    inner = Builder(body)
    body.add_input("turn", TensorType(DType.I64, ()))
    go_on = body.add_input("go_on", TensorType(DType.BOOL, ()))
    state = body.add_input("state", TensorType(DType.F32, (3, 3)))
    captured = capture(body, 0, x)
    turned = inner.Transpose(state if of_state else captured, perm=(1, 0))
    body.add_output("go_on", inner.Identity(go_on))
    body.add_output("state", inner.Add(turned, captured if of_state else state))
    start = np.ones((3, 3), np.float32)
    return build.many("onnx.Loop", np.asarray(4), np.asarray(True), start, x, outputs=1, body=body)[0]


def test_a_transpose_of_what_is_captured_leaves_the_loop() -> None:
    x = numbers(3, 3)
    before, after = (graph_of(looping, [(3, 3)]) for _ in range(2))
    assert hoist_transposes(after, RuleContext()) == 1
    verify(after)
    assert ops(after) == {"Transpose": 1, "Loop": 1}
    [loop] = [op for op in after if op.kind == "onnx.Loop"]
    assert "Transpose" not in ops(subgraphs(loop)["body"])
    assert capture_count(loop) == 1
    np.testing.assert_array_equal(run(after, [x])[0], run(before, [x])[0])
    np.testing.assert_allclose(run(after, [x])[0], 1 + 4 * x.T, rtol=1e-6)
    assert hoist_transposes(after, RuleContext()) == 0


def test_a_transpose_of_the_state_stays() -> None:
    graph = graph_of(lambda b, x: looping(b, x, of_state=True), [(3, 3)])
    assert hoist_transposes(graph, RuleContext()) == 0
