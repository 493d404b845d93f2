"""`--precision int8`: ONNX Runtime's own quantiser, with sessions that know regraft's and the user's operators."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType
from onnxruntime.quantization.calibrate import MinMaxCalibrater
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from regraft import emit
from regraft.emit import EmittedModel
from regraft.emit.model import INLINE_BYTES
from regraft.errors import CompileError, Diagnostic
from regraft.precision.keeping import kept
from regraft.runtime import Session, TensorInfo

Feeds = Mapping[str, npt.NDArray[Any]]
OpenModel = Callable[[str], Session]
"""A session of a model file."""
Progress = Callable[[str], None]


def quantise(
    model: EmittedModel, samples: Iterable[Feeds], keep: Sequence[str], open_model: OpenModel, progress: Progress
) -> EmittedModel:
    """A model that computes in 8 bits, with scales from what the samples show: activations unsigned, weights signed and
    by channel. The ops are wrapped into QuantizeLinear and DequantizeLinear; those that ONNX Runtime's quantiser does
    not know, and custom ones, stay float32.

    Raises:
        UsageError: a name that is to be kept is nobody's.
        CompileError: there are no samples, or the quantiser fails.
    """
    excluded = kept(keep, {node.name: _names(node) for node in model.proto.graph.node}) if keep else set()
    types = sorted({*QLinearOpsRegistry, *QDQRegistry})
    with tempfile.TemporaryDirectory(prefix="regraft-") as folder, _Quietly():
        path = Path(folder) / "model.onnx"
        emit.save(model, path)
        try:
            ranges = _ranges(path, types, samples, open_model, progress)
            progress("quantising")
            whole = load_model_with_shape_infer(path)
            settings: tuple[Any, ...] = (
                True,
                False,
                QuantType.QInt8,
                QuantType.QUInt8,
                ranges,
                [],
                sorted(excluded),
                types,
            )
            quantiser = QDQQuantizer(whole, *settings, {})
            quantiser.quantize_model()
            quantiser.model.topological_sort()
        except (ValueError, TypeError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
            lines = tuple(str(error).strip().splitlines()[:4])
            cures = ("--keep-fp32 with the layer that it names", "--precision fp16")
            message = "ONNX Runtime's quantiser fails on this model"
            raise CompileError(Diagnostic("cannot-quantise", message, lines=lines, cures=cures)) from error
    return _split(quantiser.model.model, model.proto)


class _Calibrater(MinMaxCalibrater):  # type: ignore[misc]
    """ONNX Runtime's calibrater over a session of ours, which knows the custom ops."""

    def __init__(self, path: Path, types: Sequence[str], augmented: Path, open_model: OpenModel) -> None:
        large = path.with_name(path.name + ".data").exists()
        super().__init__(path, types, str(augmented), use_external_data_format=large)
        self._open_model = open_model

    def create_inference_session(self) -> None:
        """Open the model that gives the ranges."""
        self.infer_session = _AsOnnxRuntime(self._open_model(self.augmented_model_path))


class _AsOnnxRuntime:
    """What a calibrater asks of ONNX Runtime's session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_outputs(self) -> Sequence[TensorInfo]:
        """The outputs; it reads their names."""
        return self._session.outputs

    def run(self, names: Sequence[str] | None, feeds: Feeds) -> list[npt.NDArray[Any]]:
        """All outputs, in their order."""
        return list(self._session.run(feeds, names).values())


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands the samples out one by one, and says how far it is."""

    def __init__(self, samples: Iterable[Feeds], progress: Progress) -> None:
        self._samples = iter(samples)
        self._progress = progress
        self.count = 0

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """The next sample, None after the last."""
        feeds = next(self._samples, None)
        if feeds is None:
            return None
        self.count += 1
        self._progress(f"calibrating: sample {self.count}")
        return dict(feeds)


def _ranges(
    path: Path, types: Sequence[str], samples: Iterable[Feeds], open_model: OpenModel, progress: Progress
) -> Any:
    calibrater = _Calibrater(path, types, path.with_name("augmented.onnx"), open_model)
    calibrater.augment_graph()
    calibrater.create_inference_session()
    reader = _Reader(samples, progress)
    calibrater.collect_data(reader)
    return calibrater.compute_data()


def _names(node: onnx.NodeProto) -> set[str]:
    """What a user may call a node."""
    said = {entry.key: entry.value for entry in node.metadata_props}
    kind, _, layer = said.get("regraft.layer", "").partition(" ")
    return {node.op_type, node.name, *node.output, layer, kind, kind.rpartition(".")[2]} - {""}


def _split(quantised: ModelProto, before: ModelProto) -> EmittedModel:
    """The quantised model as ours are: its large tensors beside the proto, its metadata as before."""
    proto = ModelProto()
    proto.CopyFrom(quantised)
    weights = {}
    small = []
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.nbytes > INLINE_BYTES:
            weights[tensor.name] = np.ascontiguousarray(array)
        else:
            small.append(tensor)
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(small)
    del proto.metadata_props[:]
    proto.metadata_props.extend(before.metadata_props)
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(before.graph.value_info)
    _say_places(proto)
    proto.producer_name, proto.producer_version = before.producer_name, before.producer_version
    return EmittedModel(proto, weights)


def _say_places(proto: ModelProto) -> None:
    """Let the nodes that the quantiser has added say from which layer they are: that of what they read, or feed."""
    made_by = {name: node for node in proto.graph.node for name in node.output}
    read_by = {name: node for node in proto.graph.node for name in node.input}
    for node in proto.graph.node:
        giver = made_by.get(node.input[0]) if node.input else None
        if not node.metadata_props and giver is not None:
            node.metadata_props.extend(giver.metadata_props)
    for node in reversed(proto.graph.node):
        taker = read_by.get(node.output[0])
        if not node.metadata_props and taker is not None:
            node.metadata_props.extend(taker.metadata_props)


class _Quietly:
    """The quantiser logs advice that is taken already, or not for users of ours."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)
