"""ONNX's Loop in the notation of bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from regraft.ir import Builder, DType, Graph, TensorType, Value

Typed = Mapping[str, tuple[Value, TensorType]]
"""Values by name, with the types that they have inside the loop."""


class Step(NamedTuple):
    """What one trip leaves behind."""

    goes_on: Value
    """Whether another one follows: bool of rank 0."""
    carried: list[Value]
    """The carried values from now on."""
    collected: list[Value] = []
    """What is stacked, trip by trip."""


def loop(
    build: Builder, trips: Value, goes_on: Value, carried: Typed, captured: Typed, step: Callable[..., Step]
) -> list[Value]:
    """At most `trips` (rank 1, one element) steps, while `goes_on`: the carried values at the end, then the stacks.

    `step` gets a builder, and the number of the trip, the carried and the captured values by name.
    """
    body = Graph(build.graph.table, "step")
    index = body.add_input("index", TensorType(DType.I64, ()))
    body.add_input("goes_on", TensorType(DType.BOOL, ()))
    inside = {name: body.add_input(name, type) for name, (_, type) in carried.items()}
    for i, (name, (_, type)) in enumerate(captured.items()):
        inside[name] = body.add("core.Capture", attrs={"type": type, "index": i}, name=name).output
    made = step(Builder(body, fold=False), index, **inside)
    body.add_output("again", made.goes_on)
    for place, value in enumerate((*made.carried, *made.collected)):
        body.add_output(f"output{place}", value)
    values = [value for value, _ in (*carried.values(), *captured.values())]
    count = len(made.carried) + len(made.collected)
    return build.many("onnx.Loop", build.Squeeze(trips, [0]), goes_on, *values, outputs=count, body=body)
