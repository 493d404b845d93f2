"""regraft compiles trained Caffe and TensorFlow networks, custom layers included, to ONNX, and runs them.

import regraft

model = regraft.compile("deploy.prototxt", "weights.caffemodel")
model.save("net.onnx")
outputs = model.session().run({"data": blob})
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regraft.api import compile
    from regraft.custom_ops.bodies import register_body, unregister_body
    from regraft.custom_ops.libraries import build_layers
    from regraft.custom_ops.registry import register_layer, registered_layers, unregister_layer
    from regraft.errors import CompileError, ModelFileError, RegraftError, RunError, UnsupportedError, UsageError
    from regraft.loading import load
    from regraft.model import Model
    from regraft.report import Report
    from regraft.runtime import Session

_HOMES = {
    "Model": "regraft.model",
    "build_layers": "regraft.custom_ops.libraries",
    "compile": "regraft.api",
    "register_body": "regraft.custom_ops.bodies",
    "unregister_body": "regraft.custom_ops.bodies",
    "register_layer": "regraft.custom_ops.registry",
    "registered_layers": "regraft.custom_ops.registry",
    "unregister_layer": "regraft.custom_ops.registry",
    "load": "regraft.loading",
    "CompileError": "regraft.errors",
    "ModelFileError": "regraft.errors",
    "RegraftError": "regraft.errors",
    "RunError": "regraft.errors",
    "UnsupportedError": "regraft.errors",
    "UsageError": "regraft.errors",
    "Report": "regraft.report",
    "Session": "regraft.runtime",
}
__all__ = [
    "CompileError",
    "Model",
    "ModelFileError",
    "RegraftError",
    "Report",
    "RunError",
    "Session",
    "UnsupportedError",
    "UsageError",
    "build_layers",
    "compile",
    "load",
    "register_body",
    "register_layer",
    "registered_layers",
    "unregister_body",
    "unregister_layer",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used: `import regraft` costs next to nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'regraft' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
