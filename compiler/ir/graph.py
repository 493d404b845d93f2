"""The graph: ops as nodes of a networkx MultiDiGraph, values on their output slots, edges that carry both indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from regraft.ir.attributes import Attributes
from regraft.ir.opdef import OpTable
from regraft.ir.types import Array, Dim, DType, Shape, TensorType, dtype_of


class GraphError(Exception):
    """The graph is used or built wrongly: a fault of a pass or of regraft itself, not of the user's model."""


@dataclass(frozen=True)
class Source:
    """Where an op comes from: the model file, the line in it (0: it has no lines), the layer's or node's name and kind.

    `fields` holds the lines of single fields of the layer, where the file has lines.
    """

    file: str = ""
    line: int = 0
    layer: str = ""
    kind: str = ""
    fields: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.layer} ({self.place})" if self.layer and self.place else self.layer or self.place


class Value:
    """One output of an op: what edges carry. `name` is the name that the user knows, or a hint."""

    __slots__ = ("elements", "index", "name", "op", "type")

    def __init__(self, op: Op, index: int, name: str) -> None:
        self.op = op
        self.index = index
        self.name = name
        self.type: TensorType | None = None
        self.elements: tuple[Dim, ...] | None = None
        """What is known of an integer vector that is no constant, such as the shape of a value with a dynamic batch."""

    @property
    def shape(self) -> Shape | None:
        """Its shape, None when even the rank is unknown."""
        return self.type.shape if self.type else None

    @property
    def static_shape(self) -> tuple[int, ...] | None:
        """Its shape when all dimensions are numbers."""
        return self.type.static_shape if self.type else None

    @property
    def rank(self) -> int | None:
        """Its number of dimensions, None when unknown."""
        return self.type.rank if self.type else None

    @property
    def dtype(self) -> DType | None:
        """Its element type, None when unknown."""
        return self.type.dtype if self.type else None

    @property
    def array(self) -> Array | None:
        """The numbers when the value is a constant, else None."""
        return self.op.attrs["value"] if self.op.kind == "core.Constant" else None

    @property
    def uses(self) -> list[Use]:
        """The places that read this value, in no particular order."""
        return self.op.graph.uses(self)

    def __repr__(self) -> str:
        return f"%{self.name}: {self.type or '?'}"


@dataclass(frozen=True, slots=True)
class Use:
    """Input `index` of `op`."""

    op: Op
    index: int


class Op(Attributes):
    """One operation: its kind (`caffe.Interp`), attributes, place in the source and the rules that made it.

    `attrs` holds what the file or the rule gave; defaults come from the op's definition when an attribute is read.
    """

    __slots__ = ("_inputs", "absorbed", "attrs", "graph", "kind", "name", "outputs", "provenance", "serial", "source")

    def __init__(self, graph: Graph, kind: str, name: str, attrs: Mapping[str, Any]) -> None:
        self.graph = graph
        self.kind = kind
        self.name = name
        self.attrs: dict[str, Any] = dict(attrs)
        self.outputs: list[Value] = []
        self._inputs: tuple[Value | None, ...] | None = None  # what the edges say, until they change
        self.source = Source()
        self.provenance: tuple[str, ...] = ()
        self.absorbed: tuple[Source, ...] = ()
        """Other layers or nodes that went into this op, when passes put several together."""
        self.serial = 0
        """How many ops the graph had been given before: a later op has a larger number."""

    @property
    def dialect(self) -> str:
        """`caffe` of `caffe.Interp`."""
        return self.kind.partition(".")[0]

    @property
    def type_name(self) -> str:
        """`Interp` of `caffe.Interp`."""
        return self.kind.partition(".")[2]

    @property
    def inputs(self) -> tuple[Value | None, ...]:
        """The values read, in order; None where an optional input is left out."""
        return self.graph.inputs_of(self)

    @property
    def output(self) -> Value:
        """The only output.

        Raises:
            GraphError: the op has none or several.
        """
        if len(self.outputs) != 1:
            raise GraphError(f"{self!r} has {len(self.outputs)} outputs, not one")
        return self.outputs[0]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All layers or nodes that it comes from: its own, and those that it absorbed."""
        return (self.source, *self.absorbed)

    def absorb(self, sources: Iterable[Source]) -> None:
        """Take note that other layers or nodes went into this op."""
        new = dict.fromkeys(s for s in sources if s.layer and s not in self.sources)
        self.absorbed += tuple(new)

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Values of attributes that are not given."""
        definition = self.graph.table.find(self.kind)
        return definition.defaults if definition else {}

    def __repr__(self) -> str:
        return f"{self.kind} {self.name!r}"


class _Edges(nx.MultiDiGraph):  # type: ignore[type-arg]
    """Ops and what reads what. The tables are networkx's own, without views around them."""

    @property
    def producers(self) -> dict[Op, dict[Op, dict[int, dict[str, int]]]]:
        """For each op those that it reads; of each the edges, input index to `{"out": output index}`."""
        return self._pred  # type: ignore[attr-defined,no-any-return]

    @property
    def readers(self) -> dict[Op, dict[Op, dict[int, dict[str, int]]]]:
        """For each op those that read it, in the same form."""
        return self._succ  # type: ignore[attr-defined,no-any-return]


class Graph:
    """Ops and the values between them. Nobody else touches the networkx graph inside.

    Adding, replacing and erasing an op cost time in the number of its own edges.
    """

    def __init__(self, table: OpTable | None = None, name: str = "") -> None:
        self.table = table or OpTable()
        self.name = name
        self.inputs: list[Op] = []
        self.outputs: list[Op] = []
        self._nx: Any = _Edges()  # the type stubs of networkx take edge keys for strings
        self._added = 0

    @property
    def latest(self) -> int:
        """The serial number of the op that was added last."""
        return self._added

    def __len__(self) -> int:
        return len(self._nx)

    def __contains__(self, op: Op) -> bool:
        return op in self._nx

    @property
    def ops(self) -> list[Op]:
        """All ops, oldest first; a copy, so that the graph may change meanwhile."""
        return list(self._nx)

    def topological(self) -> list[Op]:
        """All ops, producers before users.

        Raises:
            GraphError: the graph has a cycle.
        """
        waiting = {op: len(producers) for op, producers in self._nx.producers.items()}
        order = [op for op, count in waiting.items() if not count]
        for op in order:
            for user in self._nx.readers[op]:
                waiting[user] -= 1
                if not waiting[user]:
                    order.append(user)
        if len(order) < len(waiting):
            cycle = [edge[0] for edge in nx.find_cycle(self._nx)]
            raise GraphError(f"the graph has a cycle through {', '.join(map(repr, cycle[:8]))}")
        return order

    def add(
        self,
        kind: str,
        inputs: Sequence[Value | None] = (),
        attrs: Mapping[str, Any] | None = None,
        *,
        outputs: int | Sequence[str] = 1,
        name: str = "",
        source: Source | None = None,
        provenance: tuple[str, ...] = (),
    ) -> Op:
        """Add an op that reads `inputs`; `outputs` is their number or their names. Types are not inferred here."""
        op = Op(self, kind, name, attrs or {})
        names = [name] * outputs if isinstance(outputs, int) else list(outputs)
        op.outputs = [Value(op, i, n) for i, n in enumerate(names)]
        op.source = source or Source()
        op.provenance = provenance
        op.serial = self._added = self._added + 1
        self._nx.add_node(op)
        for index, value in enumerate(inputs):
            if value is not None:
                self.connect(value, op, index)
        return op

    def add_input(self, name: str, type: TensorType | None = None, *, source: Source | None = None) -> Value:
        """Add a graph input, last in order."""
        op = self.add("core.Input", attrs={"type": type}, name=name, source=source)
        op.output.type = type
        self.inputs.append(op)
        return op.output

    def add_output(self, name: str, value: Value) -> Op:
        """Make `value` a graph output under the user's `name`, last in order."""
        op = self.add("core.Output", [value], outputs=0, name=name, source=value.op.source)
        self.outputs.append(op)
        return op

    def add_constant(self, array: Array, name: str = "", *, source: Source | None = None) -> Value:
        """Add a constant; the array is kept as it is, not copied."""
        op = self.add("core.Constant", attrs={"value": array}, name=name, source=source)
        op.output.type = TensorType(dtype_of(array), tuple(array.shape))
        return op.output

    def inputs_of(self, op: Op) -> tuple[Value | None, ...]:
        """The values that `op` reads, in order."""
        if op._inputs is None:
            op._inputs = self._read_edges(op)
        return op._inputs

    def _read_edges(self, op: Op) -> tuple[Value | None, ...]:
        slots: dict[int, Value] = {}
        for producer, edges in self._nx.producers[op].items():
            for index, edge in edges.items():
                slots[index] = producer.outputs[edge["out"]]
        return tuple(slots.get(i) for i in range(max(slots) + 1)) if slots else ()

    def uses(self, value: Value) -> list[Use]:
        """The places that read `value`."""
        return [
            Use(user, index)
            for user, edges in self._nx.readers[value.op].items()
            for index, edge in edges.items()
            if edge["out"] == value.index
        ]

    def users(self, op: Op) -> list[Op]:
        """The ops that read any output of `op`."""
        return list(self._nx.readers[op])

    def connect(self, value: Value, op: Op, index: int) -> None:
        """Let input `index` of `op`, which reads nothing yet, read `value`."""
        if value.op.graph is not self:
            raise GraphError(f"{op!r} reads {value!r}, which belongs to another graph")
        self._nx.add_edge(value.op, op, key=index, out=value.index)
        op._inputs = None

    def set_input(self, op: Op, index: int, value: Value | None) -> None:
        """Let input `index` of `op` read `value`; None leaves it out."""
        for producer, edges in self._nx.producers[op].items():
            if index in edges:
                self._nx.remove_edge(producer, op, key=index)
                op._inputs = None
                break
        if value is not None:
            self.connect(value, op, index)

    def replace_uses(self, old: Value, new: Value) -> None:
        """Let everything that reads `old` read `new`."""
        for use in self.uses(old):
            self._nx.remove_edge(old.op, use.op, key=use.index)
            self.connect(new, use.op, use.index)

    def erase(self, op: Op) -> None:
        """Remove an op that nobody reads.

        Raises:
            GraphError: an output of it is still read.
        """
        if self._nx.readers[op]:
            raise GraphError(f"{op!r} is erased while {next(iter(self._nx.readers[op]))!r} reads it")
        self._nx.remove_node(op)
        if op.kind == "core.Input":
            self.inputs.remove(op)
        elif op.kind == "core.Output":
            self.outputs.remove(op)

    def replace(self, op: Op, values: Sequence[Value]) -> None:
        """Put `values` in the place of the outputs of `op` and erase it; new values inherit its names."""
        if len(values) < len(op.outputs):
            raise GraphError(f"{op!r} has {len(op.outputs)} outputs and is replaced by {len(values)} values")
        for old, new in zip(op.outputs, values, strict=False):
            self.replace_uses(old, new)
            if new.op.source == op.source:
                new.name = old.name
        self.erase(op)

    def erase_unused(self) -> list[Op]:
        """Erase every op from which no graph output can be reached (graph inputs stay); returns them."""
        live: set[Op] = set(self.outputs)
        stack = list(self.outputs)
        while stack:
            for producer in self._nx.producers[stack.pop()]:
                if producer not in live:
                    live.add(producer)
                    stack.append(producer)
        dead = [op for op in self._nx if op not in live and op.kind != "core.Input"]
        self._nx.remove_nodes_from(dead)
        return dead

    def values_by_name(self) -> dict[str, Value]:
        """All values by name; of several with one name, the last in topological order."""
        return {value.name: value for op in self.topological() for value in op.outputs}

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)
