"""Looking back from a value to the one that it hands on."""

from __future__ import annotations

from regraft.ir import Value


def plain(value: Value) -> Value:
    """The value behind Identities."""
    while value.op.kind == "onnx.Identity" and value.op.inputs[0] is not None:
        value = value.op.inputs[0]
    return value


def uncast(value: Value) -> Value:
    """The value behind Identities, Casts of whole numbers and reshapes of single numbers."""
    while True:
        behind = value.op.inputs[0] if value.op.inputs else None
        if behind is None or not _hands_on(value, behind):
            return value
        value = behind


def _hands_on(value: Value, behind: Value) -> bool:
    if value.op.kind == "onnx.Cast":
        return behind.dtype is not None and behind.dtype.is_integer
    if value.op.kind in ("onnx.Reshape", "onnx.Unsqueeze"):
        return value.static_shape in ((), (1,))
    return value.op.kind == "onnx.Identity"
