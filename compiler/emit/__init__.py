"""From the graph to ONNX: the dialect that types its ops, the model proto, the file."""

from regraft.emit.dialect import DEFAULT_OPSET, NEWEST_OPSET, OnnxDialect
from regraft.emit.file import EXTERNAL_ABOVE, Progress, atomic, check, save, serialize
from regraft.emit.metadata import model_metadata
from regraft.emit.model import EmittedModel, emit, without_domain
from regraft.emit.protos import FROM_ONNX, TO_ONNX

__all__ = [
    "DEFAULT_OPSET",
    "EXTERNAL_ABOVE",
    "FROM_ONNX",
    "NEWEST_OPSET",
    "TO_ONNX",
    "EmittedModel",
    "OnnxDialect",
    "Progress",
    "atomic",
    "check",
    "emit",
    "model_metadata",
    "save",
    "serialize",
    "without_domain",
]
