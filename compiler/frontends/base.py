"""What every frontend gives: a graph that says what the file says, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from regraft.ir import Graph, OpDef, OpTable, Source, TensorType


@dataclass(frozen=True)
class Request:
    """What the user asked for, as far as reading is concerned.

    `weights` is the second file (Caffe). `outputs` are the names wanted, so that outputs which nothing in the file
    reads exist in the graph. `tags` and `signature` choose inside a SavedModel. `freeze` makes placeholders constants.
    """

    weights: Path | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    signature: str | None = None
    strict: bool = False
    freeze: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadNote:
    """Something that the reader decided or dropped: `warning` or `note`."""

    level: str
    message: str
    source: Source = field(default_factory=Source)


@dataclass
class Imported:
    """A graph of `caffe.*` or `tf.*` ops, with the names by which the user knows inputs and outputs.

    `dropped` says of layers that are in the file and not in the graph why; `layers` are all that are in the graph.

    `inputs` and `outputs` map a user's name (a signature's key, say) to the name of the value in the graph; `declared`
    says that the file itself names the inputs, which then stay even where nothing reads them. `found` says that they
    were found among the ops: those that lowering leaves unread go; a layer that is an input (Caffe) stays.
    """

    graph: Graph
    files: list[Path]
    format: str
    notes: list[ReadNote] = field(default_factory=list)
    layers: list[Source] = field(default_factory=list)
    dropped: dict[Source, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    declared: bool = False
    found: bool = True
    input_types: dict[str, TensorType] = field(default_factory=dict)


class Frontend(Protocol):
    """A reader of one framework's files: its op dialect, and how to read."""

    name: str
    dialect: str

    def resolver(self, name: str) -> OpDef | None:
        """The definition of a source op: any name is one, since what is unknown is kept."""

    def read(self, path: Path, request: Request, table: OpTable) -> Imported:
        """Read the file verbatim.

        Raises:
            ModelFileError: it is missing, damaged or something else.
        """
