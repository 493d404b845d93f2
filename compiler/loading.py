"""`regraft.load`: compiled files, to run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regraft.emit import model_metadata
from regraft.layers import Needed, needed_layers
from regraft.work import worthwhile_threads


class LoadedModel:
    """An ONNX file that regraft (or anyone) wrote, and the layer classes that it needs."""

    def __init__(self, path: Path, needed: Needed, metadata: Mapping[str, str]) -> None:
        self.path = path
        self._needed = needed
        self._metadata = metadata

    def session(
        self,
        *,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        optimise: bool = True,
        profile: bool = False,
    ) -> Any:
        """A `regraft.Session` of this file; see there. A network too small to gain from several `threads` gets one."""
        from regraft.runtime import Session

        needed = self._needed
        return Session(
            self.path,
            providers=providers,
            threads=worthwhile_threads(threads, self._metadata),
            optimise=optimise,
            layers=needed.layers,
            libraries=needed.libraries,
            profile=profile,
        )


def load(path: str | Path, *, allow_python_layers: bool = False) -> LoadedModel:
    """A compiled file, to run it.

    Python layers that the file names run when their classes are registered; with `allow_python_layers` their modules
    are imported, from the file's folder or `sys.path`.

    Raises:
        ModelFileError: there is no such file, or it is no ONNX model.
        CompileError: it needs Python layers that are neither registered nor allowed.
    """
    target = Path(path)
    entries = model_metadata(target)
    return LoadedModel(target, needed_layers(entries, allow_python_layers, [target.resolve().parent]), entries)
