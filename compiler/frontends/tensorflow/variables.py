"""Where the value of each variable of a graph lies in its checkpoint.

The graph says it by itself: `RestoreV2` reads named tensors (or parts of them) and `Assign` nodes put them into
variables, at the top or inside the restore function. Only where nothing is said do names decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from regraft.errors import Diagnostic, ModelFileError
from regraft.frontends.tensorflow.checkpoint import Checkpoint, Region, show_region
from regraft.frontends.tensorflow.graphdef import FuncRef, FunctionDef, GraphDef, NodeDef, text
from regraft.frontends.tensorflow.tensor import Array, TensorRef

VARIABLE_OPS = frozenset({"VariableV2", "Variable", "VarHandleOp", "AutoReloadVariable"})
CALL_OPS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})

_TABLE_OPS = frozenset(
    f"{kind}{version}"
    for kind in ("HashTable", "MutableHashTable", "MutableHashTableOfTensors", "MutableDenseHashTable")
    for version in ("", "V2")
)
_ASSIGN_OPS = frozenset({"Assign", "AssignVariableOp"})
_IMPORT_OPS = frozenset({"LookupTableImportV2", "LookupTableImport"})
_SAME_VALUE = frozenset({"Identity", "IdentityN", "EnsureShape", "Cast"})
_SLICE = re.compile(r"(?:\d+ )*([-\d,:]+)", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}")
_MOST_NAMES, _MOST_CALLS, _MOST_DEPTH = 1 << 20, 10_000, 50


@dataclass(frozen=True)
class VariableSource:
    """A tensor of the checkpoint, or the `region` of it that belongs to one part of a partitioned variable."""

    key: str
    region: Region | None = None

    def read(self, checkpoint: Checkpoint) -> Array:
        """The value: a view of the checkpoint's file."""
        whole = checkpoint.array(self.key)
        if self.region is None:
            return whole
        if len(self.region) != whole.ndim:
            message = f"the part {show_region(self.region)} of '{self.key}', whose shape is {whole.shape}, cannot be"
            raise ModelFileError(Diagnostic("checkpoint-part", message, str(checkpoint.prefix)))
        return whole[self.region]


@dataclass
class Restored:
    """By name of the node that makes the variable or table: a variable's value; a table's keys and values."""

    variables: dict[str, VariableSource] = field(default_factory=dict)
    tables: dict[str, tuple[VariableSource, VariableSource]] = field(default_factory=dict)


def find_variables(graph: GraphDef, checkpoint: Checkpoint, named: dict[str, str] | None = None) -> Restored:
    """The source of every variable that the checkpoint has a value for.

    `named` is what an object graph knows: the checkpoint's key for a variable's name.
    """
    traced = trace_restores(graph)
    found = Restored(tables={k: v for k, v in traced.tables.items() if all(s.key in checkpoint for s in v)})
    holding = (f for f in graph.functions.values() if f.nodes.hold(VARIABLE_OPS))
    inside = (node for function in holding for node in function.nodes)
    for node in (*graph.nodes, *inside):
        if node.op not in VARIABLE_OPS or node.name in found.variables:
            continue
        shared = text(node.attrs.get("shared_name", b"")) or node.name
        guesses = [(named or {}).get(shared, ""), node.name, shared, f"{shared}/.ATTRIBUTES/VARIABLE_VALUE"]
        sources = [VariableSource(key) for key in guesses]
        if node.name in traced.variables:
            sources.insert(0, traced.variables[node.name])
        for source in sources:
            if source.key in checkpoint:
                found.variables[node.name] = source
                break
    return found


def trace_restores(graph: GraphDef) -> Restored:
    """What the graph's own restore nodes and functions put into its variables and tables."""
    tracer = _Tracer(graph.functions)
    tracer.scope(graph.nodes, {})
    return tracer.restored


class _Tracer:
    def __init__(self, functions: dict[str, FunctionDef]) -> None:
        self.functions = functions
        self.restored = Restored()
        self.restoring = _functions_with(functions, "RestoreV2")
        self.open: list[str] = []
        self.calls = 0

    def scope(self, nodes: Sequence[NodeDef], arguments: dict[str, str]) -> None:
        """Looks at one body; `arguments` are those of its names that stand for handles made outside."""
        scope = _Scope({node.name: node for node in nodes}, arguments)
        for node in nodes:
            if node.op in _ASSIGN_OPS and len(node.inputs) >= 2:
                handle, source = scope.handle(node.inputs[0]), scope.source(node.inputs[1])
                if handle and source:
                    self.restored.variables.setdefault(handle, source)
            elif node.op in _IMPORT_OPS and len(node.inputs) >= 3:
                handle = scope.handle(node.inputs[0])
                keys, values = scope.source(node.inputs[1]), scope.source(node.inputs[2])
                if handle and keys and values:
                    self.restored.tables.setdefault(handle, (keys, values))
            elif node.op in CALL_OPS:
                self.call(node, scope)

    def call(self, node: NodeDef, scope: _Scope) -> None:
        called = node.attrs.get("f")
        if not isinstance(called, FuncRef) or called.name not in self.restoring or called.name in self.open:
            return
        self.calls += 1
        if self.calls > _MOST_CALLS or len(self.open) > _MOST_DEPTH:
            return
        function = self.functions[called.name]
        given = {arg.name: scope.handle(name) for arg, name in zip(function.inputs, node.inputs, strict=False)}
        self.open.append(called.name)
        self.scope(function.nodes, given)
        self.open.pop()


def _functions_with(functions: dict[str, FunctionDef], op: str) -> set[str]:
    """The functions that hold the op, or call one that does."""
    found = {name for name, function in functions.items() if function.nodes.hold({op})}
    newest = found
    while newest:
        newest = {n for n, function in functions.items() if n not in found and function.nodes.call(newest)}
        found = found | newest
    return found


@dataclass
class _Scope:
    """The names of one body."""

    nodes: dict[str, NodeDef]
    arguments: dict[str, str]
    restores: dict[str, list[VariableSource]] = field(default_factory=dict)

    def handle(self, tensor: str) -> str:
        """The node that makes the variable or table that `tensor` is a handle of; empty when it is none."""
        node = self.origin(tensor)
        if node is not None and (node.op in VARIABLE_OPS or node.op in _TABLE_OPS):
            return node.name
        behind = tensor if node is None else next(iter(node.inputs), "")
        return self.arguments.get(behind.partition(":")[0], "")

    def source(self, tensor: str) -> VariableSource | None:
        """What of the checkpoint `tensor` is, when a restore node makes it."""
        for _ in range(len(self.nodes)):
            name, _, output = tensor.partition(":")
            node = self.nodes.get(name)
            if node is None:
                return None
            if node.op == "RestoreV2":
                index = output.rpartition(":")[2] or "0"
                sources = self.restored(node)
                known = _NUMBER.fullmatch(index) and int(index) < len(sources)
                return sources[int(index)] if known else None
            if node.op not in _SAME_VALUE or not node.inputs:
                return None
            tensor = node.inputs[0]
        return None

    def origin(self, tensor: str) -> NodeDef | None:
        """The node behind any number of identities."""
        node = self.nodes.get(tensor.partition(":")[0])
        for _ in range(len(self.nodes)):
            if node is None or node.op not in _SAME_VALUE or not node.inputs:
                break
            node = self.nodes.get(node.inputs[0].partition(":")[0])
        return node

    def restored(self, node: NodeDef) -> list[VariableSource]:
        """The tensors that a restore node gives, in order."""
        if node.name not in self.restores:
            keys, parts = (self.strings(name) for name in (*node.inputs[1:3], "", "")[:2])
            parts += [""] * (len(keys) - len(parts))
            self.restores[node.name] = [VariableSource(k, parse_region(p)) for k, p in zip(keys, parts, strict=False)]
        return self.restores[node.name]

    def strings(self, tensor: str) -> list[str]:
        node = self.origin(tensor)
        value = node.attrs.get("value") if node is not None and node.op == "Const" else None
        if not isinstance(value, TensorRef) or value.dtype.name != "string":
            return []
        try:
            values = value.array()
            return [text(item) for item in values.reshape(-1).tolist()] if values.size <= _MOST_NAMES else []
        except ModelFileError:
            return []


def parse_region(shape_and_slice: str) -> Region | None:
    """`10 20 0,5:-` means rows 0 to 4 of a tensor of shape (10, 20); an empty text the whole."""
    match = _SLICE.fullmatch(shape_and_slice.strip())
    if match is None:
        return None
    axes = []
    for word in match[1].split(":"):
        start, _, length = word.partition(",")
        if _NUMBER.fullmatch(start) and _NUMBER.fullmatch(length):
            axes.append(slice(int(start), int(start) + int(length)))
        else:
            axes.append(slice(None))
    return tuple(axes)
