"""Inputs and outputs as the user wants them: names, shapes, and the part of the network between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regraft.errors import Diagnostic, UsageError, did_you_mean, listing
from regraft.ir import DType, Graph, Op, Shape, TensorType, Value, infer_op
from regraft.passes.io.layer_names import layer_values
from regraft.passes.io.names import by_input


def cut(
    graph: Graph,
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
    aliases: Mapping[str, str] | None = None,
    *,
    keep_inputs: bool = False,
    layers: Sequence[str] = (),
) -> None:
    """Keep only what lies between `inputs` and `outputs`; None keeps what the file declares.

    `layers` are further outputs by the names of layers, see `layer_values`; with them None means no other outputs.

    Names are those of the values, with or without TensorFlow's `:0`; inputs and outputs get them as written.
    `aliases` are other names of values, such as a signature's keys; `keep_inputs` keeps declared inputs that nothing
    reads.

    Raises:
        UsageError: a name that no value has, or an output that needs an input which was cut off.
    """
    by_name = graph.values_by_name()
    values = by_name | {name: by_name[known] for name, known in (aliases or {}).items() if known in by_name}
    if outputs is not None or layers:
        wanted = [(name, find_value(values, name)) for name in dict.fromkeys(outputs or ())]
        by_layer = layer_values(graph) if layers else {}
        wanted += [(name, find_value(by_layer, name)) for name in dict.fromkeys(layers) if name not in (outputs or ())]
        for op in list(graph.outputs):
            graph.erase(op)
        for name, value in wanted:
            graph.add_output(name, value)
    if inputs is not None:
        _cut_inputs(graph, [(name, find_value(values, name)) for name in dict.fromkeys(inputs)])
    graph.erase_unused()
    if inputs is None and not keep_inputs:
        drop_unread_inputs(graph)
    if not graph.outputs:
        raise UsageError(Diagnostic("no-outputs", "nothing in this network is an output", cures=("name the outputs",)))


def drop_unread_inputs(graph: Graph) -> list[Op]:
    """Erase the inputs that nothing reads, all but the last one; returns them."""
    dropped = []
    for op in list(graph.inputs):
        if not graph.users(op) and len(graph.inputs) > 1:
            graph.erase(op)
            dropped.append(op)
    return dropped


def _cut_inputs(graph: Graph, wanted: Sequence[tuple[str, Value]]) -> None:
    kept = []
    for name, value in wanted:
        if value.op.kind == "core.Input":
            value.op.name = name
            if value.type is None:
                value.type = value.op.attrs["type"] = guessed_type(value)
            kept.append(value.op)
            continue
        fresh = graph.add_input(name, value.type or guessed_type(value), source=value.op.source)
        graph.replace_uses(value, fresh)
        kept.append(fresh.op)
    graph.erase_unused()
    needed = [op.name for op in graph.inputs if op not in kept and graph.users(op)]
    if needed:
        raise UsageError(
            Diagnostic(
                "missing-input",
                f"the outputs also depend on {listing(needed)}",
                cures=(f"add {listing(needed)} to the inputs", "choose outputs that do not need it"),
            )
        )
    for op in [op for op in graph.inputs if op not in kept]:
        graph.erase(op)
    graph.inputs[:] = kept


def guessed_type(value: Value) -> TensorType:
    """What the readers of a value that has no type say of it: TensorFlow's `T` is the type of an op's inputs."""
    for use in value.uses:
        dtype = use.op.attrs.get("T")
        if isinstance(dtype, DType):
            return TensorType(dtype, None)
    return TensorType(DType.F32, None)


def set_input_shapes(graph: Graph, shapes: Mapping[str, Shape]) -> None:
    """Give inputs the user's shapes; a string in a shape is a symbolic dimension.

    Raises:
        UsageError: no input has the name, or the shape contradicts the file's rank.
    """
    by_name = {op.name: op for op in graph.inputs}
    for name, shape in by_input(shapes, by_name).items():
        op = by_name[name]
        old = op.output.type or TensorType()
        op.output.type = TensorType(old.dtype or DType.F32, tuple(shape))
        op.attrs["type"] = op.output.type
    for op in graph.topological() if shapes else ():
        if op.dialect == "onnx":  # preprocessing, which has the types of the shapes before
            for value in op.outputs:
                value.type = None
            infer_op(op)


def find_value(values: Mapping[str, Value], name: str) -> Value:
    """The value of this name, with or without `:0`.

    Raises:
        UsageError: there is none; names that are near are shown.
    """
    found = values.get(name) or values.get(f"{name}:0")
    if found is None:
        near = did_you_mean(name, [n.removesuffix(":0") for n in values if n])
        hint = (f"did you mean {listing(near)}?",) if near else ("regraft inspect MODEL lists the names",)
        raise UsageError(Diagnostic("no-such-tensor", f"nothing in the network is called {name!r}", cures=hint))
    return found
