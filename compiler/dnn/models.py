"""OpenCV's models for whole tasks: a network with the preparation of its pictures and the reading of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from regraft.dnn.blob import Image2BlobParams, Scalar, blobFromImageWithParams
from regraft.dnn.constants import DNN_PMODE_CROP_CENTER, DNN_PMODE_NULL
from regraft.dnn.net import INPUT_LAYER, Net
from regraft.dnn.readers import File, readNet
from regraft.dnn.source import Array
from regraft.errors import Diagnostic, UsageError

_IMAGE_INFO = "im_info"
"""The input by which networks of the Faster R-CNN family are told the size of the picture."""
_IMAGE_SCALE = 1.6


class Model:
    """A network whose input is a picture; OpenCV's class of this name, as are those below.

    Until it is set, the size of the input is the one that the network's file gives.
    """

    def __init__(self, model: File | Net, config: File | None = None) -> None:
        self._net = model if isinstance(model, Net) else readNet(model, config)
        self._params = Image2BlobParams()
        self._size = _declared_size(self._net)
        self._outputs = self._net.getUnconnectedOutLayersNames()

    def setInputParams(
        self,
        scale: float = 1.0,
        size: Sequence[int] = (),
        mean: Scalar = (),
        swapRB: bool = False,
        crop: bool = False,
    ) -> None:
        """Say how pictures become inputs; see `blobFromImage`."""
        self.setInputScale(scale).setInputSize(size).setInputMean(mean).setInputSwapRB(swapRB).setInputCrop(crop)

    def setInputSize(self, size: Any, height: int | None = None) -> Self:
        """The size (width, height) of the network's input, as a pair or as two numbers."""
        self._size = () if size is None else tuple(size) if height is None else (size, height)
        return self

    def setInputMean(self, mean: Scalar) -> Self:
        """What is subtracted from each channel."""
        self._params.mean = mean
        return self

    def setInputScale(self, scale: Scalar) -> Self:
        """The factor of all channels, or those of each."""
        factors: Array = np.ravel(np.asarray(1.0 if scale is None else scale, np.float64))
        self._params.scalefactor = float(factors[0]) if not factors[1:].any() else factors.tolist()
        return self

    def setInputCrop(self, crop: bool) -> Self:
        """Whether pictures keep their proportions and lose what does not fit, or are stretched."""
        self._params.paddingmode = DNN_PMODE_CROP_CENTER if crop else DNN_PMODE_NULL
        return self

    def setInputSwapRB(self, swapRB: bool) -> Self:
        """Whether the first and the third channel change places."""
        self._params.swapRB = swapRB
        return self

    def setOutputNames(self, outNames: Sequence[str]) -> Self:
        """The layers whose outputs are taken; before, those that no other layer reads."""
        self._outputs = tuple(outNames)
        return self

    def setPreferableBackend(self, backendId: int) -> Self:
        """See `Net.setPreferableBackend`."""
        self._net.setPreferableBackend(backendId)
        return self

    def setPreferableTarget(self, targetId: int) -> Self:
        """See `Net.setPreferableTarget`."""
        self._net.setPreferableTarget(targetId)
        return self

    def enableWinograd(self, useWinograd: bool) -> Self:
        """Nothing to do: ONNX Runtime chooses its algorithms."""
        return self

    def predict(self, frame: Array, outs: object = None) -> tuple[Array, ...]:
        """The outputs for a picture (height x width x channels).

        Raises:
            UsageError: the size of the input is not known.
        """
        if not any(self._size):
            raise _refused("the size of the network's input is not known", "setInputSize((width, height))")
        self._net.setInput(blobFromImageWithParams(frame, replace(self._params, size=self._size)))
        if self._takes_image_info():
            width, height = self._size
            self._net.setInput(np.array([[height, width, _IMAGE_SCALE]], np.float32), _IMAGE_INFO)
        found: tuple[Array, ...] = self._net.forward(self._outputs)
        return found

    def _takes_image_info(self) -> bool:
        return self._net.getLayer(INPUT_LAYER).outputNameToIndex(_IMAGE_INFO) != -1

    def _only_output(self, frame: Array) -> Array:
        outputs = self.predict(frame)
        if len(outputs) != 1:
            raise _refused(f"the network has {len(outputs)} outputs, not one", "setOutputNames([name])")
        return outputs[0]


class ClassificationModel(Model):
    """A network that gives a score for each class."""

    def __init__(self, model: File | Net, config: File | None = None) -> None:
        super().__init__(model, config)
        self._softmax = False

    def setEnableSoftmaxPostProcessing(self, enable: bool) -> Self:
        """Whether the scores still have to become probabilities."""
        self._softmax = enable
        return self

    def getEnableSoftmaxPostProcessing(self) -> bool:
        """Whether the scores are made probabilities."""
        return self._softmax

    def classify(self, frame: Array) -> tuple[int, float]:
        """The best class and its score."""
        scores = self._only_output(frame).ravel()
        if self._softmax:
            powers = np.exp(scores - scores.max())
            scores = powers / powers.sum(dtype=np.float64)
        best = int(scores.argmax())
        return best, float(np.float32(scores[best]))


class SegmentationModel(Model):
    """A network that gives a score for each class at each pixel."""

    def segment(self, frame: Array, mask: object = None) -> npt.NDArray[np.uint8]:
        """The best class of each pixel of the network's output (height x width)."""
        labels: npt.NDArray[np.uint8] = self.predict(frame)[0][0].argmax(axis=0).astype(np.uint8)
        return labels


class KeypointsModel(Model):
    """A network that gives a map of each point, the last of them the background, or the points themselves."""

    def estimate(self, frame: Array, thresh: float = 0.5) -> npt.NDArray[np.float32]:
        """The points (x, y) in the picture; (-1, -1) for those whose best score is not above the threshold."""
        output = self._only_output(frame)
        if output.ndim != 4:
            return output[0, :, :2].astype(np.float32)
        height, width = output.shape[2:]
        factors = np.float32(frame.shape[1]) / np.float32(width), np.float32(frame.shape[0]) / np.float32(height)
        maps = output[0, :-1].reshape(output.shape[1] - 1, -1)
        best = maps.argmax(axis=1)
        points = np.stack([best % width, best // width], axis=1).astype(np.float32) * np.array(factors)
        points[~(maps.max(axis=1) > np.float32(thresh))] = -1
        return points


class DetectionModel(Model):
    """A network that ends in a `DetectionOutput` layer: rows of (image, class, score, left, top, right, bottom)."""

    def __init__(self, model: File | Net, config: File | None = None) -> None:
        super().__init__(model, config)
        self._across_classes = False

    def setNmsAcrossClasses(self, value: bool) -> Self:
        """Kept for `getNmsAcrossClasses`: it is for layers of Darknet, which are not read."""
        self._across_classes = value
        return self

    def getNmsAcrossClasses(self) -> bool:
        """What was set."""
        return self._across_classes

    def detect(self, frame: Array, confThreshold: float = 0.5, nmsThreshold: float = 0.0) -> tuple[Any, Any, Any]:
        """The classes, the scores and the boxes (x, y, width, height) in the picture, each an array or, if none, ().

        As in OpenCV, `nmsThreshold` is not used: a `DetectionOutput` layer has its own.

        Raises:
            UsageError: the network does not end in a `DetectionOutput` layer.
        """
        last = self._net.getLayer(self._net.getLayerNames()[-1])
        if last.type != "DetectionOutput":
            raise _refused(f"the network ends in {last.type} {last.name!r}, not in a DetectionOutput", "predict(frame)")
        rows = np.concatenate([output.reshape(-1, 7) for output in self.predict(frame)])
        rows = rows[rows[:, 2] >= np.float32(confThreshold)]
        if not len(rows):
            return (), (), ()
        height, width = frame.shape[:2]
        if self._takes_image_info():
            width, height = self._size
        return rows[:, 1].astype(np.int32), rows[:, 2].copy(), _boxes(rows[:, 3:], width, height)


def _boxes(corners: Array, width: int, height: int) -> npt.NDArray[np.int32]:
    """Boxes inside the picture, of corners in pixels; in parts of the whole where that makes them 2 pixels or less."""
    pixels = np.trunc(corners)
    small: Array = np.any(pixels[:, 2:] - pixels[:, :2] + 1 <= 2, axis=1)
    whole = np.array([width, height, width, height], np.float32)
    left, top, right, bottom = np.where(small[:, None], np.trunc(corners * whole), pixels).astype(np.int64).T
    x, y = left.clip(0, width - 1), top.clip(0, height - 1)
    wide = np.maximum(1, np.minimum(right - left + 1, width - x))
    high = np.maximum(1, np.minimum(bottom - top + 1, height - y))
    return np.stack([x, y, wide, high], axis=1).astype(np.int32)


def _declared_size(net: Net) -> tuple[int, ...]:
    """(width, height) of the first input as the file gives it; empty when it does not."""
    shape = net.declared_shape()
    sides = shape[2:] if shape is not None and len(shape) == 4 else ()
    return tuple(side for side in reversed(sides) if isinstance(side, int)) if sides else ()


def _refused(message: str, *cures: str) -> UsageError:
    return UsageError(Diagnostic("bad-call", message, cures=cures))
