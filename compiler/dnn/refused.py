"""What OpenCV's dnn module has and regraft has not: calling it raises a UsageError that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from regraft.errors import Diagnostic, UsageError


def refusal(message: str, *cures: str) -> Callable[..., NoReturn]:
    """A function that refuses every call in these words."""

    def refuse(*arguments: Any, **named: Any) -> NoReturn:
        """Raises UsageError: this is not offered."""
        raise UsageError(Diagnostic("not-offered", message, cures=cures))

    return refuse


_DECODE = "Net.forward(), and the decoding of its outputs in your program"

TextDetectionModel = refusal("regraft.dnn has no models for the detection of text", _DECODE)
TextDetectionModel_EAST = TextDetectionModel_DB = TextDetectionModel
TextRecognitionModel = refusal("regraft.dnn has no model for the recognition of text", _DECODE)

shrinkCaffeModel = refusal(
    "the weights of a caffemodel are not rewritten", "regraft compile --precision fp16, which halves the ONNX file"
)
writeTextGraph = refusal(
    "text graphs are not written: they are OpenCV's way of rewriting TensorFlow networks",
    "readNetFromTensorflow(model), without a config",
)
readTorchBlob = refusal("files of Torch7 are not read", "numpy.load, of an array saved by numpy.save")

setInferenceEngineBackendType = refusal("OpenVINO has one interface only in ONNX Runtime", "leave this call out")
getInferenceEngineBackendType = getInferenceEngineCPUType = getInferenceEngineVPUType = setInferenceEngineBackendType
resetMyriadDevice = releaseHDDLPlugin = refusal("ONNX Runtime does not drive Myriad and HDDL", "leave this call out")
Net_readFromModelOptimizer = refusal(
    "networks of OpenVINO (Model Optimizer) are not read",
    "regraft reads Caffe, TensorFlow and ONNX: pass the model that it was made from",
)
