"""GraphDef as plain data: nodes, attributes and functions, decoded from the file without TensorFlow.

Attributes become plain Python values: `bytes` for strings, `int`, `float`, `bool`, `DType`, `Shape`, `TensorRef`,
`FuncRef`, `Placeholder`, and a tuple of one of these for a list. An attribute without a value is left out.
Values are immutable and shared between nodes: most of a graph's attributes repeat, so each is decoded once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, overload

from regraft.frontends.tensorflow.dtypes import DType, dtype_of
from regraft.frontends.tensorflow.tensor import Origin, Shape, TensorRef, decode_shape, decode_tensor
from regraft.frontends.wire import (
    WireError,
    as_float,
    as_int,
    as_signed,
    as_text,
    as_view,
    fields,
    open_bytes,
    packed,
    packed_varints,
    reject_foreign,
    varint,
)

_DEPTH = 32  # functions as attributes of functions as attributes ...
_SHARED = 256  # attributes up to this many bytes are looked up before they are decoded


@dataclass(frozen=True)
class FuncRef:
    """An attribute that names a function, with the attributes to instantiate it with."""

    name: str
    attrs: dict[str, Attr]


@dataclass(frozen=True)
class Placeholder:
    """Inside a function: the value is that of the function's own attribute `name`."""

    name: str


Scalar: TypeAlias = int | float | bool | bytes | DType | Shape | TensorRef | FuncRef | Placeholder
Attr: TypeAlias = Scalar | tuple[Scalar, ...]


@dataclass(slots=True)
class NodeDef:
    """One node. `inputs` are as written: `name`, `name:1`, `^name`; in functions `name:output:0`.

    `line` is the node's line in a text file, 0 in a binary one.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: dict[str, Attr] = field(default_factory=dict)
    device: str = ""
    line: int = 0


@dataclass(frozen=True)
class ArgDef:
    """An argument or result of a function. The type is `dtype`, or that of one of the function's attributes."""

    name: str
    dtype: DType | None = None
    type_attr: str = ""
    number_attr: str = ""
    type_list_attr: str = ""
    is_ref: bool = False


class FunctionNodes(Sequence[NodeDef]):
    """The nodes of a function, decoded when first looked at: most functions of a SavedModel are for training."""

    def __init__(self, decode: Callable[[memoryview], NodeDef], views: Sequence[memoryview]) -> None:
        self._decode = decode
        self._views = views
        self._nodes: list[NodeDef] | None = None

    @property
    def all(self) -> list[NodeDef]:
        """All nodes."""
        if self._nodes is None:
            self._nodes = [self._decode(view) for view in self._views]
        return self._nodes

    def hold(self, ops: Iterable[str]) -> bool:
        """Whether a node may be one of these ops: a look at the bytes, without decoding."""
        return self._mention(b"\x12", ops)

    def call(self, functions: Iterable[str]) -> bool:
        """Whether a node may call one of these functions, as its op or in an attribute: without decoding too."""
        return self._mention(b"[\x0a\x12]", functions)

    def _mention(self, field: bytes, words: Iterable[str]) -> bool:
        """The length stands before a name: `Variable` is not found in every `ReadVariableOp`."""
        written = (word.encode() for word in sorted(words))
        names = b"|".join(re.escape(varint(len(word)) + word) for word in written)
        return bool(names) and any(map(re.compile(field + b"(?:" + names + b")").search, self._views))

    @overload
    def __getitem__(self, index: int) -> NodeDef: ...
    @overload
    def __getitem__(self, index: slice) -> list[NodeDef]: ...
    def __getitem__(self, index: int | slice) -> NodeDef | list[NodeDef]:
        return self.all[index]

    def __len__(self) -> int:
        return len(self._views)


@dataclass
class FunctionDef:
    """A function of the library. `ret` maps each output's name to the tensor inside that it is."""

    nodes: FunctionNodes
    name: str = ""
    inputs: list[ArgDef] = field(default_factory=list)
    outputs: list[ArgDef] = field(default_factory=list)
    ret: dict[str, str] = field(default_factory=dict)
    attrs: dict[str, Attr] = field(default_factory=dict)


@dataclass
class GraphDef:
    """A graph and the functions that it calls; `producer` is the graph version that wrote it, 0 when not said."""

    nodes: list[NodeDef] = field(default_factory=list)
    functions: dict[str, FunctionDef] = field(default_factory=dict)
    producer: int = 0
    path: str = ""


def text(value: Attr) -> str:
    """A string attribute as `str`; bytes that are no UTF-8 are kept as `\\xe9`."""
    if not isinstance(value, bytes):
        raise TypeError(f"not a string attribute: {value!r}")
    return value.decode("utf-8", "backslashreplace")


def read_graphdef(path: str | Path) -> GraphDef:
    """The graph in a binary `.pb` file."""
    view = open_bytes(path)
    reject_foreign(path, view)
    return decode_graphdef(view, Origin(str(path), view))


def decode_graphdef(view: memoryview, origin: Origin) -> GraphDef:
    """The graph in `view`, which is `origin`'s content or a part of it."""
    try:
        return _Decoder(origin).graph(view)
    except WireError as error:
        raise origin.damaged(error, "TensorFlow GraphDef") from None


class _Decoder:
    """Decodes one file; holds the attributes met so far."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.depth = 0
        self.shared: dict[bytes, tuple[str, tuple[Attr, ...]]] = {}

    def graph(self, view: memoryview) -> GraphDef:
        graph = GraphDef(path=self.origin.path)
        for number, _, value in fields(view, what="GraphDef"):
            if number == 1:
                graph.nodes.append(self.node(as_view(value)))
            elif number == 2:
                self.library(as_view(value), graph.functions)
            elif number == 3:
                graph.producer = graph.producer or as_signed(value)
            elif number == 4:
                for inner, _, version in fields(as_view(value), what="VersionDef"):
                    if inner == 1:
                        graph.producer = as_signed(version)
        return graph

    def node(self, view: memoryview) -> NodeDef:
        name = op = device = ""
        inputs: list[str] = []
        attrs: dict[str, Attr] = {}
        for number, _, value in fields(view, what="NodeDef"):
            if number == 5:
                self.attr_entry(as_view(value), attrs)
            elif number == 3:
                inputs.append(as_text(value))
            elif number == 1:
                name = as_text(value)
            elif number == 2:
                op = as_text(value)
            elif number == 4:
                device = as_text(value)
        return NodeDef(name, op, tuple(inputs), attrs, device)

    def library(self, view: memoryview, functions: dict[str, FunctionDef]) -> None:
        for number, _, value in fields(view, what="FunctionDefLibrary"):
            if number == 1:
                function = self.function(as_view(value))
                functions[function.name] = function

    def function(self, view: memoryview) -> FunctionDef:
        nodes: list[memoryview] = []
        function = FunctionDef(FunctionNodes(self.later, nodes))
        for number, _, value in fields(view, what="FunctionDef"):
            if number == 1:
                self.signature(as_view(value), function)
            elif number == 3:
                nodes.append(as_view(value))
            elif number == 4:
                key, tensor = _text_entry(as_view(value))
                function.ret[key] = tensor
            elif number == 5:
                self.attr_entry(as_view(value), function.attrs)
        return function

    def later(self, view: memoryview) -> NodeDef:
        """A node of a function, looked at after the file was read."""
        try:
            return self.node(view)
        except WireError as error:
            raise self.origin.damaged(error, "TensorFlow GraphDef") from None

    def signature(self, view: memoryview, function: FunctionDef) -> None:
        for number, _, value in fields(view, what="OpDef"):
            if number == 1:
                function.name = as_text(value)
            elif number == 2:
                function.inputs.append(_arg(as_view(value)))
            elif number == 3:
                function.outputs.append(_arg(as_view(value)))

    def attr_map(self, view: memoryview, number: int) -> dict[str, Attr]:
        attrs: dict[str, Attr] = {}
        for found, _, value in fields(view, what="attributes"):
            if found == number:
                self.attr_entry(as_view(value), attrs)
        return attrs

    def attr_entry(self, view: memoryview, attrs: dict[str, Attr]) -> None:
        """One entry of a map of attributes; the value is a tuple of none or one, since None is a shape."""
        if len(view) > _SHARED:
            key, values = self.new_entry(view)
        else:
            raw = bytes(view)
            if raw not in self.shared:
                self.shared[raw] = self.new_entry(view)
            key, values = self.shared[raw]
        if values:
            attrs[key] = values[0]

    def new_entry(self, view: memoryview) -> tuple[str, tuple[Attr, ...]]:
        key = ""
        values: tuple[Attr, ...] = ()
        for number, _, value in fields(view, what="NodeDef.attr"):
            if number == 1:
                key = as_text(value)
            elif number == 2:
                values = self.attr(as_view(value))
        return key, values

    def attr(self, view: memoryview) -> tuple[Attr, ...]:
        """An AttrValue: none or one value, the last that the message holds."""
        values: tuple[Attr, ...] = ()
        for number, _, value in fields(view, what="AttrValue"):
            if number == 1:
                values = (self.attr_list(as_view(value)),)
            elif number == 9:
                values = (Placeholder(as_text(value)),)
            elif number == 10:
                values = (self.func(as_view(value)),)
            elif number == 8:
                values = (decode_tensor(as_view(value), self.origin),)
            elif number in _SCALARS:
                values = (_SCALARS[number](value),)
        return values

    def attr_list(self, view: memoryview) -> tuple[Scalar, ...]:
        values: list[Scalar] = []
        for number, wire, value in fields(view, what="AttrValue.list"):
            if number == 8:
                values.append(decode_tensor(as_view(value), self.origin))
            elif number == 9:
                values.append(self.func(as_view(value)))
            elif number == 4 and wire == 2:
                values += packed(value, "<f4").tolist()
            elif number in (3, 5, 6) and wire == 2:
                values += map(_FROM_PACKED[number], packed_varints(value).tolist())
            elif number in _SCALARS:
                values.append(_SCALARS[number](value))
        return tuple(values)

    def func(self, view: memoryview) -> FuncRef:
        self.depth += 1
        if self.depth > _DEPTH:
            raise WireError("functions as attributes are nested too deep", view, 0)
        name = ""
        for number, _, value in fields(view, what="NameAttrList"):
            if number == 1:
                name = as_text(value)
        found = FuncRef(name, self.attr_map(view, 2))
        self.depth -= 1
        return found


_SCALARS: dict[int, Callable[[int | memoryview], Scalar]] = {
    2: lambda value: bytes(as_view(value)),
    3: as_signed,
    4: as_float,
    5: lambda value: bool(as_int(value)),
    6: lambda value: dtype_of(as_int(value)),
    7: lambda value: decode_shape(as_view(value)),
}
_FROM_PACKED: dict[int, Callable[[int], Scalar]] = {3: int, 5: bool, 6: dtype_of}


def _arg(view: memoryview) -> ArgDef:
    names = {1: "", 4: "", 5: "", 6: ""}
    dtype, is_ref = None, False
    for number, _, value in fields(view, what="OpDef.ArgDef"):
        if number in names:
            names[number] = as_text(value)
        elif number == 3:
            dtype = dtype_of(as_int(value)) if as_int(value) else None
        elif number == 16:
            is_ref = bool(as_int(value))
    return ArgDef(names[1], dtype, names[4], names[5], names[6], is_ref)


def _text_entry(view: memoryview) -> tuple[str, str]:
    found = {1: "", 2: ""}
    for number, _, value in fields(view, what="map entry"):
        if number in found:
            found[number] = as_text(value)
    return found[1], found[2]
