"""A compiled model: what `regraft.compile` gives."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft import emit
from regraft.emit import EmittedModel
from regraft.errors import CompileError, Diagnostic
from regraft.layers import Needed
from regraft.passes import (
    AS_OPENCV_READS,
    BUILT_IN,
    FOR_OPENCV,
    OUTPUT_LAYOUTS,
    PORTABLE,
    finish,
    legalisation,
    optimisations,
)
from regraft.report import Report
from regraft.report_page import Trace
from regraft.work import worthwhile_threads


class Model:
    """A compiled model: `save` it, look at its `report`, or run it in a `session`."""

    def __init__(self, emitted: EmittedModel, report: Report, needed: Needed, trace: Trace) -> None:
        self._emitted = emitted
        self._needed = needed
        self._trace = trace
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.report = report

    @property
    def proto(self) -> Any:
        """The whole `onnx.ModelProto`, weights included: a copy."""
        return self._emitted.complete()

    @property
    def session_arguments(self) -> dict[str, Any]:
        """What a session of this model registers: the user's layers and their libraries."""
        return {"layers": self._needed.layers, "libraries": self._needed.libraries}

    def save(
        self, path: str | Path, *, external_data: bool | None = None, progress: emit.Progress | None = None
    ) -> Path:
        """Write the ONNX file, complete or not at all; weights go to `path.data` above 1.5 GB.

        Raises:
            CompileError: the folder does not exist or cannot be written.
        """
        target = Path(path)
        try:
            emit.save(self._emitted, target, external=external_data, progress=progress)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CompileError(Diagnostic("cannot-write", f"{target} cannot be written: {reason}")) from error
        return target

    def page(self, profile: str | Path | None = None) -> str:
        """The report as one HTML page, the network before and after side by side.

        Args:
            profile: a file of `regraft run --profile`, for the time of each layer.

        Raises:
            RunError: the profile cannot be read.
        """
        from regraft.profiling import load_profile
        from regraft.report_page.build import PageInput, build_page, skeleton  # needed by few

        times = load_profile(Path(profile), self._emitted.proto.graph.node) if profile else None
        proto = skeleton(self._emitted)
        every = (
            *(legalisation(BUILT_IN), OUTPUT_LAYOUTS, *optimisations()[0]),
            *(*FOR_OPENCV, PORTABLE, *AS_OPENCV_READS, *finish),
        )
        reasons = {each.name: each.reason for each in every}
        title = self.report.files[0].name
        return build_page(PageInput(title, self.report, self._trace, proto, times, reasons=reasons))

    def session(
        self,
        *,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        optimise: bool = True,
        profile: bool = False,
    ) -> Any:
        """A `regraft.Session` of this model; see there. A network too small to gain from several `threads` gets one."""
        from regraft.runtime import Session  # onnxruntime is not needed to compile

        if self._emitted.weight_bytes <= emit.EXTERNAL_ABOVE:
            source: bytes | Path = emit.serialize(self._emitted)
        else:  # more than protobuf holds: ONNX Runtime reads it from a file
            self._folder = tempfile.TemporaryDirectory(prefix="regraft-")
            source = self.save(Path(self._folder.name) / "model.onnx")
        return Session(
            source,
            providers=providers,
            threads=worthwhile_threads(threads, {p.key: p.value for p in self._emitted.proto.metadata_props}),
            optimise=optimise,
            profile=profile,
            **self.session_arguments,
        )
