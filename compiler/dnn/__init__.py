"""OpenCV's dnn interface over regraft, for programs that OpenCV 5 left behind: `import regraft.dnn as dnn`.

net = dnn.readNetFromCaffe("deploy.prototxt", "weights.caffemodel")
net.setInput(dnn.blobFromImage(image, 1.0, (300, 300), (104, 177, 123)))
detections = net.forward()

Functions, classes and constants have the names, arguments and defaults of OpenCV 4's `cv2.dnn`. OpenCV is not needed.
What of it regraft does not have refuses its call and says what to do instead; errors are `regraft.RegraftError`.
"""

from __future__ import annotations

from types import ModuleType

from regraft.dnn.backends import getAvailableTargets
from regraft.dnn.blob import (
    Image2BlobParams,
    blobFromImage,
    blobFromImages,
    blobFromImagesWithParams,
    blobFromImageWithParams,
    imagesFromBlob,
)
from regraft.dnn.constants import *  # noqa: F403
from regraft.dnn.layer import Layer, dnn_registerLayer, dnn_unregisterLayer
from regraft.dnn.models import ClassificationModel, DetectionModel, KeypointsModel, Model, SegmentationModel
from regraft.dnn.net import AsyncArray, Net
from regraft.dnn.nms import NMSBoxes, NMSBoxesBatched, NMSBoxesRotated, softNMSBoxes
from regraft.dnn.readers import (
    readNet,
    readNetFromCaffe,
    readNetFromDarknet,
    readNetFromModelOptimizer,
    readNetFromONNX,
    readNetFromTensorflow,
    readNetFromTFLite,
    readNetFromTorch,
    readTensorFromONNX,
)
from regraft.dnn.refused import (
    Net_readFromModelOptimizer,
    TextDetectionModel,
    TextDetectionModel_DB,
    TextDetectionModel_EAST,
    TextRecognitionModel,
    getInferenceEngineBackendType,
    getInferenceEngineCPUType,
    getInferenceEngineVPUType,
    readTorchBlob,
    releaseHDDLPlugin,
    resetMyriadDevice,
    setInferenceEngineBackendType,
    shrinkCaffeModel,
    writeTextGraph,
)

dnn_Net = Net
dnn_Layer = Layer
dnn_Image2BlobParams = Image2BlobParams
dnn_Model = Model
dnn_ClassificationModel = ClassificationModel
dnn_DetectionModel = DetectionModel
dnn_KeypointsModel = KeypointsModel
dnn_SegmentationModel = SegmentationModel
registerLayer = dnn_registerLayer
unregisterLayer = dnn_unregisterLayer


def install(cv: ModuleType) -> None:
    """Let an imported `cv2` use regraft: sets `cv.dnn`, `cv.dnn_registerLayer` and `cv.dnn_unregisterLayer`."""
    import regraft.dnn

    names = {"dnn": regraft.dnn, "dnn_registerLayer": dnn_registerLayer, "dnn_unregisterLayer": dnn_unregisterLayer}
    for name, value in names.items():
        setattr(cv, name, value)


__all__ = [
    "AsyncArray",
    "ClassificationModel",
    "DetectionModel",
    "Image2BlobParams",
    "KeypointsModel",
    "Layer",
    "Model",
    "NMSBoxes",
    "NMSBoxesBatched",
    "NMSBoxesRotated",
    "Net",
    "Net_readFromModelOptimizer",
    "SegmentationModel",
    "TextDetectionModel",
    "TextDetectionModel_DB",
    "TextDetectionModel_EAST",
    "TextRecognitionModel",
    "blobFromImage",
    "blobFromImageWithParams",
    "blobFromImages",
    "blobFromImagesWithParams",
    "dnn_ClassificationModel",
    "dnn_DetectionModel",
    "dnn_Image2BlobParams",
    "dnn_KeypointsModel",
    "dnn_Layer",
    "dnn_Model",
    "dnn_Net",
    "dnn_SegmentationModel",
    "dnn_registerLayer",
    "dnn_unregisterLayer",
    "getAvailableTargets",
    "getInferenceEngineBackendType",
    "getInferenceEngineCPUType",
    "getInferenceEngineVPUType",
    "imagesFromBlob",
    "install",
    "readNet",
    "readNetFromCaffe",
    "readNetFromDarknet",
    "readNetFromModelOptimizer",
    "readNetFromONNX",
    "readNetFromTFLite",
    "readNetFromTensorflow",
    "readNetFromTorch",
    "readTensorFromONNX",
    "readTorchBlob",
    "registerLayer",
    "releaseHDDLPlugin",
    "resetMyriadDevice",
    "setInferenceEngineBackendType",
    "shrinkCaffeModel",
    "softNMSBoxes",
    "unregisterLayer",
    "writeTextGraph",
]
