"""The stage of a compilation that lowers the precision: what it adds to the passes, to the file and to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from regraft import emit
from regraft.emit import EmittedModel
from regraft.ir import Graph
from regraft.options import CompileOptions
from regraft.passes import Pass
from regraft.precision.accuracy import losses
from regraft.precision.float16 import Float16
from regraft.precision.inputs import Samples, load_samples, random_samples
from regraft.precision.int8 import quantise
from regraft.report import Report
from regraft.runtime import Session

Progress = Callable[[str], None]
MOST_MEASURED = 100
"""Samples that accuracy is measured on."""


class PrecisionStage:
    """Float16 is a pass over the graph, int8 a change of the emitted model; both are then run beside float32.

    Args:
        channels: the order in which pictures are fed, `bgr` or `rgb`.
        open_graph: makes a session of a graph.
        session: the further arguments of a session: the user's layers.
    """

    def __init__(
        self,
        options: CompileOptions,
        channels: str,
        open_graph: Callable[[Graph], Session],
        session: Callable[[], dict[str, Any]],
        progress: Progress,
    ) -> None:
        self._options, self._channels = options, channels
        self._open_graph, self._session, self._progress = open_graph, session, progress
        self._float16 = Float16(options.keep_fp32, options.fp16_io, open_graph, self._samples)

    @property
    def passes(self) -> Sequence[Pass]:
        """What is run after all other passes."""
        return (self._float16.as_pass,) if self._options.precision == "fp16" else ()

    def finish(self, emitted: EmittedModel, report: Report) -> EmittedModel:
        """The model in the precision asked for, its accuracy in the report.

        Raises:
            RunError: the calibration inputs cannot be read, or do not fit.
            CompileError: the quantiser fails, or the result does not run.
        """
        if self._float16.before is not None:
            expected, result = self._open_graph(self._float16.before), emitted
        else:
            expected = self._open(emitted)
            inputs = self._samples(expected) or ()
            result = quantise(emitted, inputs, self._options.keep_fp32, self._open_file, self._progress)
            emit.check(result)
            report.ops = dict(Counter(node.op_type for node in result.proto.graph.node))
            report.weight_bytes = result.weight_bytes
        report.precision = {"type": self._options.precision, "kept": self._float16.reasons}
        self._progress("measuring the accuracy")
        samples = self._samples(expected)
        if samples is None:
            report.warnings.append("the accuracy is not measured, for sizes are open: --calibration inputs.npz")
        else:
            found = losses(expected, self._open(result), islice(samples, MOST_MEASURED))
            report.precision |= {"inputs": samples.where, "outputs": [loss.to_dict() for loss in found]}
        return result

    def _samples(self, session: Session) -> Samples | None:
        if self._options.calibration is None:
            return random_samples(session.inputs)
        return load_samples(Path(self._options.calibration), session.inputs, self._channels)

    def _open(self, model: EmittedModel) -> Session:
        return Session(emit.serialize(model), **self._session())

    def _open_file(self, path: str) -> Session:
        return Session(path, optimise=False, **self._session())
