"""What a compilation did, for people (text) and for programs (JSON)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regraft.ir import Graph, Op, Source, walk


@dataclass(frozen=True)
class SourceFile:
    """A file that was read."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class LayerRecord:
    """What became of one source layer.

    `fate` is lowered, custom (ops that are not ONNX's own), folded, removed or input. `became` lists the layer's own
    ONNX and custom ops; `detail` says into which op it was folded, or why it was removed.
    """

    kind: str
    name: str
    place: str
    became: tuple[str, ...]
    fate: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.fate}{f', {self.detail}' if self.detail else ''}"


@dataclass
class Report:
    """The account of one compilation. `str(report)` is the text; `to_dict()` what `--json` prints."""

    format: str = ""
    files: list[SourceFile] = field(default_factory=list)
    opset: int = 0
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    layers: list[LayerRecord] = field(default_factory=list)
    ops: dict[str, int] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    passes: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    transposes: list[str] = field(default_factory=list)
    precision: dict[str, Any] = field(default_factory=dict)
    """Where it is not float32: the type, what stays float32 and why, and what the change costs an output."""
    parameters: int = 0
    weight_bytes: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, ready for JSON."""
        plain = dict(self.__dict__)
        plain["files"] = [vars(f) for f in self.files]
        plain["layers"] = [vars(layer) for layer in self.layers]
        return plain

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(self.to_dict(), indent=1, default=str)

    def __str__(self) -> str:
        lines = [f"{self.format}: {', '.join(f.name for f in self.files)}"]
        lines += _section("inputs", [f"{name}  {type}" for name, type in self.inputs.items()])
        lines += _section("outputs", [f"{name}  {type}" for name, type in self.outputs.items()])
        fates = Counter(layer.fate for layer in self.layers)
        lines.append(
            f"layers: {len(self.layers)} read; " + ", ".join(f"{n} {fate}" for fate, n in sorted(fates.items()))
        )
        lines += [f"  {record}" for record in self.layers if record.fate in ("custom", "removed")][:20]
        shown = ", ".join(f"{kind} {n}" for kind, n in sorted(self.ops.items(), key=lambda item: (-item[1], item[0])))
        lines.append(f"ONNX opset {self.opset}: {sum(self.ops.values())} nodes ({shown})")
        lines.append(f"parameters: {self.parameters:,} ({self.weight_bytes / 1e6:.1f} MB)")
        lines += _precision_lines(self.precision) if self.precision else []
        if self.transposes:
            lines += _section(f"transposes left: {len(self.transposes)}", self.transposes[:12])
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"warning: {warning}" for warning in self.warnings]
        lines.append(f"compiled in {self.seconds:.2f} s")
        return "\n".join(lines)


def _section(title: str, rows: Sequence[str]) -> list[str]:
    return [f"{title}:", *(f"  {row}" for row in rows)] if rows else []


def _precision_lines(precision: dict[str, Any]) -> list[str]:
    lines = [f"precision: {precision['type']}"]
    for reason, ops in precision["kept"].items():
        shown = ", ".join(ops[:4]) + (f" and {len(ops) - 4} more" if len(ops) > 4 else "")
        lines.append(f"  float32: {shown} ({reason})")
    if "outputs" in precision:
        lines.append(f"  beside float32, on {precision['inputs']}:")
        lines += [f"    {_loss_line(loss)}" for loss in precision["outputs"]]
    return lines


def _loss_line(loss: dict[str, Any]) -> str:
    if loss["problem"]:
        return f"{loss['name']}: {loss['problem']}"
    parts = [f"{key} {loss[key]:.3g}" for key in ("absolute", "relative")]
    parts += [f"cosine {loss['cosine']:.6f}"] if loss["cosine"] is not None else []
    parts += [f"SNR {loss['snr']:.1f} dB"] if loss["snr"] is not None else []
    parts += [f"same first place {loss['top1']:.1%}"] if loss["top1"] is not None else []
    return f"{loss['name']}: {', '.join(parts)}"


def source_files(paths: Iterable[Path]) -> list[SourceFile]:
    """Names, sizes and digests of the files read."""
    found = []
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append(SourceFile(path.name, path.stat().st_size, digest))
    return found


def source_layers(graph: Graph) -> list[Source]:
    """The layers or nodes that a freshly read graph holds, in its order; constants are parts of their readers."""
    every = [op for body in walk(graph) for op in body.topological()]
    kinds = ("core.Constant", "core.Output", "core.Capture")
    return list(dict.fromkeys(op.source for op in every if op.kind not in kinds and op.source.layer))


def layer_records(layers: Iterable[Source], dropped: Mapping[Source, str], graph: Graph) -> list[LayerRecord]:
    """What became of each source layer, in the order of the file; `dropped` says why some were left out or removed."""
    own: dict[Source, list[Op]] = defaultdict(list)
    folded: dict[Source, Op] = {}
    for op in (op for body in walk(graph) for op in body.topological()):
        if op.kind != "core.Output":
            own[op.source].append(op)
        for source in op.absorbed:
            folded.setdefault(source, op)
    known = dict.fromkeys([*layers, *dropped])
    return [_record(s, own[s], folded.get(s), dropped.get(s, "")) for s in sorted(known, key=lambda s: s.line)]


def _record(layer: Source, own: Sequence[Op], heir: Op | None, reason: str) -> LayerRecord:
    became = tuple(op.type_name for op in own if op.dialect != "core")
    if any(op.dialect in ("regraft", "layers") for op in own):
        fate, detail = "custom", ""
    elif became:
        fate, detail = "lowered", ""
    elif any(op.kind == "core.Input" for op in own):
        fate, detail = "input", ""
    elif heir is not None:
        what = "a constant" if heir.kind == "core.Constant" else heir.type_name
        fate, detail = "folded", f"into {what} of {heir.source.layer}"
    elif reason:
        fate, detail = "removed", reason
    elif own:
        fate, detail = "folded", "into a constant"
    else:
        fate, detail = "removed", "no output needs it"
    return LayerRecord(layer.kind, layer.layer, layer.place, became, fate, detail)


WITHOUT_NODES = "regraft.layers_without_nodes"
"""The metadata entry of a model for the layers that no node of it names."""


def without_nodes(records: Iterable[LayerRecord]) -> dict[str, str]:
    """The metadata entry that tells of the layers that were folded or removed, if there are any."""
    gone = [
        (f"{r.kind} {r.name}".strip(), r.place, r.fate, r.detail) for r in records if r.fate in ("folded", "removed")
    ]
    return {WITHOUT_NODES: json.dumps(gone)} if gone else {}


def op_counts(ops: Iterable[Op]) -> dict[str, int]:
    """How many ops of each kind will be emitted."""
    return dict(Counter(op.type_name if op.dialect == "onnx" else op.kind for op in ops if op.dialect != "core"))


def rule_counts(ops: Iterable[Op]) -> dict[str, int]:
    """How many emitted ops each rule had a part in."""
    return dict(Counter(rule for op in ops if op.dialect != "core" for rule in op.provenance))
