"""What a model holds: inputs, outputs, ops, parameters and the arithmetic of a run; of ONNX files and source models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import onnx

from regraft.api import compile_with
from regraft.costs import drop_weights, flops, item_size
from regraft.emit.protos import tensor_type
from regraft.errors import CompileError, Diagnostic, ModelFileError
from regraft.frontends import Imported
from regraft.options import CompileOptions
from regraft.profiling import load_profile
from regraft.report import WITHOUT_NODES, Report, source_files
from regraft.report_page import Trace
from regraft.report_page.build import PageInput, build_page, walk_nodes
from regraft.report_page.nodes import json_list
from regraft.sources import read_source


@dataclass
class Summary:
    """What `regraft inspect` shows. `flops` is None when not every shape is known; a multiply-add counts as two."""

    format: str
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    ops: dict[str, int] = field(default_factory=dict)
    parameters: int = 0
    parameter_bytes: int = 0
    flops: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [self.format]
        for title, rows in (("inputs", self.inputs), ("outputs", self.outputs)):
            lines += [f"{title}:", *(f"  {name}  {kind}" for name, kind in rows.items())]
        lines.append(f"ops: {sum(self.ops.values())}")
        lines += [
            f"  {count:5d}  {kind}" for kind, count in sorted(self.ops.items(), key=lambda item: (-item[1], item[0]))
        ]
        lines.append(f"parameters: {self.parameters:,} ({self.parameter_bytes / 1e6:.1f} MB)")
        lines.append(f"FLOPs a run: {_scaled(self.flops)}")
        lines += [f"{key}: {_said(key, value)}" for key, value in self.metadata.items()]
        return "\n".join(lines + self.problems)


@dataclass(frozen=True)
class Inspection:
    """What a model holds; `page` draws its HTML page, for times of layers with a file of `regraft run --profile`."""

    summary: Summary
    page: Callable[[Path | None], str]


def inspect(path: Path, weights: Path | None, options: CompileOptions) -> Inspection:
    """Look into an ONNX file, or into a Caffe or TensorFlow model as its file has it, which is compiled once.

    A source model that does not compile is shown too, with what stands in the way.

    Raises:
        ModelFileError: a file is missing or damaged.
    """
    if path.suffix == ".onnx":
        proto = read_onnx(path)
        return Inspection(_onnx_summary(path, proto), partial(_onnx_page, path, proto))
    read = read_source(path, weights, options)
    summary = _source_summary(read)
    try:
        model = compile_with(path, weights, options)
    except ModelFileError:
        raise
    except CompileError as error:
        summary.problems = [d.render() for d in error.diagnostics]
        return Inspection(summary, partial(_unfinished_page, path, read, summary.problems))
    summary.inputs, summary.outputs = model.report.inputs, model.report.outputs
    summary.flops = flops(model.proto)
    return Inspection(summary, model.page)


def _source_summary(read: Imported) -> Summary:
    summary = Summary(f"{read.format}: {', '.join(f.name for f in read.files)}")
    summary.inputs = {op.name: str(op.output.type) for op in read.graph.inputs}
    summary.outputs = {op.name: "" for op in read.graph.outputs}
    summary.ops = dict(Counter(op.kind for op in read.graph if op.dialect != "core"))
    arrays = [op.attrs["value"] for op in read.graph if op.kind == "core.Constant"]
    summary.parameters, summary.parameter_bytes = sum(a.size for a in arrays), sum(a.nbytes for a in arrays)
    return summary


def inspect_onnx(path: Path) -> Summary:
    """The summary of an ONNX file.

    Raises:
        ModelFileError: it is missing or no ONNX file.
    """
    return _onnx_summary(path, read_onnx(path))


def _onnx_summary(path: Path, proto: Any) -> Summary:
    opsets = ", ".join(f"{o.domain or 'ONNX'} {o.version}" for o in proto.opset_import)
    summary = Summary(
        f"ONNX: {path.name}, opset {opsets}, by {proto.producer_name or 'unknown'} {proto.producer_version}".strip()
    )
    weights = {i.name for i in proto.graph.initializer}
    summary.inputs = {
        i.name: str(tensor_type(i.type) or "no tensor") for i in proto.graph.input if i.name not in weights
    }
    summary.outputs = {o.name: str(tensor_type(o.type) or "no tensor") for o in proto.graph.output}
    summary.ops = dict(Counter(f"{n.domain}.{n.op_type}" if n.domain else n.op_type for n in proto.graph.node))
    summary.parameters = sum(prod(i.dims) for i in proto.graph.initializer)
    summary.parameter_bytes = sum(prod(i.dims) * item_size(i.data_type) for i in proto.graph.initializer)
    summary.metadata = {p.key: p.value for p in proto.metadata_props}
    summary.flops = flops(proto)
    return summary


def read_onnx(path: Path) -> Any:
    """The ModelProto of a file, without weights that lie beside it.

    Raises:
        ModelFileError: it is missing or no ONNX file.
    """
    if not path.is_file():
        raise ModelFileError(Diagnostic("no-file", f"{path} does not exist", cures=("check the path",)))
    try:
        proto = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's decoders raise errors of several kinds
        raise ModelFileError(Diagnostic("bad-onnx", f"{path} is not an ONNX file")) from error
    if not proto.graph.node:
        raise ModelFileError(Diagnostic("bad-onnx", f"{path} is not an ONNX file, or has no nodes"))
    return proto


def model_nodes(path: Path) -> list[Any]:
    """The NodeProtos of an ONNX file, those of loops and conditionals too."""
    return list(walk_nodes(read_onnx(path).graph))


def _unfinished_page(path: Path, read: Imported, problems: list[str], profile: Path | None) -> str:
    """The page of a model that does not compile: the network as it was read. It has not run, so it has no times."""
    report = Report(read.format, source_files(read.files))
    report.inputs = {op.name: str(op.output.type or "") for op in read.graph.inputs}
    report.outputs = {op.name: "" for op in read.graph.outputs}
    trace = Trace(read.graph, read.files)
    return build_page(PageInput(path.resolve().name, report, trace, problems=problems))


def _onnx_page(path: Path, proto: Any, profile: Path | None) -> str:
    times = load_profile(profile, list(walk_nodes(proto.graph))) if profile else None
    drop_weights(proto)
    summary = _onnx_summary(path, proto)
    report = Report(summary.format, source_files([path]), inputs=summary.inputs, outputs=summary.outputs)
    report.ops, report.parameters, report.weight_bytes = summary.ops, summary.parameters, summary.parameter_bytes
    report.opset = next((o.version for o in proto.opset_import if not o.domain), 0)
    given = PageInput(path.name, report, proto=proto, profile=times, facts=summary.metadata)
    return build_page(given)


def _said(key: str, value: str) -> str:
    """A metadata entry in a line; of a list of layers, how many there are."""
    if key != WITHOUT_NODES:
        return value
    fates = Counter(row[2] for row in json_list(value, 4))
    return ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))


def _scaled(count: int | None) -> str:
    if count is None:
        return "unknown (give --input-shape)"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return str(count)
