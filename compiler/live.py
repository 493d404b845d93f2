"""Models that live in the user's Python: Keras models, `tf.function`s and concrete functions, exported to be read.

TensorFlow exports them itself: it is there where such an object is, and regraft imports it nowhere.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regraft.errors import Diagnostic, UsageError

_SIGNATURE = "serving_default"
_TAKES = (
    "a path: compile('saved_model/'), compile('graph.pb')",
    "a Keras model, a tf.function with an input_signature, or what get_concrete_function(tf.TensorSpec(...)) gives",
)


@contextmanager
def exported(model: object) -> Iterator[Path]:
    """A temporary SavedModel folder of a live model; gone afterwards.

    Raises:
        UsageError: the object is no model, its inputs are not known, or TensorFlow cannot export it.
    """
    tf: Any = sys.modules.get("tensorflow")
    if tf is None or not callable(model):
        message = f"a model is a path or a live model of TensorFlow, and this is a {type(model).__name__}"
        raise UsageError(Diagnostic("not-a-model", message, cures=_TAKES))
    with tempfile.TemporaryDirectory(prefix="regraft-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / _name(model)
        try:
            _export(tf, model, path)
        except UsageError:
            raise
        except Exception as error:
            message = f"TensorFlow cannot export this {type(model).__name__}: {type(error).__name__}"
            lines = tuple(str(error).splitlines()[:8])
            raise UsageError(Diagnostic("not-exported", message, "", lines, _TAKES[1:])) from error
        yield path


def _name(model: object) -> str:
    """A folder name that tells the model, which names the graph."""
    name = str(getattr(model, "name", "") or getattr(model, "__name__", "") or type(model).__name__)
    return "".join(c if c.isalnum() else "_" for c in name)


def _export(tf: Any, model: Any, path: Path) -> None:
    if hasattr(model, "export"):  # Keras
        model.export(str(path), verbose=False)
        return
    concrete = _graph_of(model)
    holder = tf.Module()
    holder.model, holder.read = model, list(concrete.graph.variables)  # what is saved must hang on something
    tf.saved_model.save(holder, str(path), signatures={_SIGNATURE: concrete})


def _graph_of(model: Any) -> Any:
    """TensorFlow's ConcreteFunction of a `tf.function`, or of a module that is called through one."""
    if hasattr(model, "structured_input_signature"):
        return model
    function = model if hasattr(model, "get_concrete_function") else model.__call__
    if getattr(function, "input_signature", None) is None:
        message = f"the sizes and types of the inputs of {_name(model)} are not known"
        raise UsageError(Diagnostic("no-input-signature", message, cures=_TAKES[1:]))
    return function.get_concrete_function()
