"""OpenCV's models for whole tasks: what the real ones answer for a picture, ours answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dnn_cases import assert_close

import regraft.dnn as dnn
from regraft.errors import UsageError

MAPS = """
input: "data" input_shape { dim: 1 dim: 3 dim: 32 dim: 40 }
layer { name: "pool" type: "Pooling" bottom: "data" top: "p" pooling_param { pool: AVE kernel_size: 4 stride: 4 } }
layer { name: "more" type: "Power" bottom: "p" top: "q" power_param { scale: -0.5 shift: 90 } }
layer { name: "maps" type: "Concat" bottom: "p" bottom: "q" top: "maps" }
"""


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (90, 120, 3), np.uint8)


def _both(cv2: Any, kind: str, ask: Callable[[Any], Any], *files: str | bytes) -> list[Any]:
    """The answers of OpenCV's class and of ours."""
    answers = []
    for module in (cv2.dnn, dnn):
        if isinstance(files[0], bytes):
            net = module.readNetFromCaffe(np.frombuffer(files[0], np.uint8))
            answers.append(ask(getattr(module, kind)(net)))
        else:
            answers.append(ask(getattr(module, kind)(*files)))
    return answers


@pytest.mark.judge
@pytest.mark.models
@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("softmax", [False, True])
def test_classification(cv2: Any, models_dir: Path, photo: np.ndarray, crop: bool, softmax: bool) -> None:
    def ask(model: Any) -> Any:
        model.setInputMean((104, 117, 123))
        model.setInputCrop(crop)
        model.setEnableSoftmaxPostProcessing(softmax)
        assert model.getEnableSoftmaxPostProcessing() is softmax
        return model.classify(photo)

    folder = models_dir / "nsfw"
    files = str(folder / "weights.caffemodel"), str(folder / "deploy.prototxt")
    (label, score), (found, ours) = _both(cv2, "ClassificationModel", ask, *files)
    assert (found, type(found), type(ours)) == (label, int, float)
    assert ours == pytest.approx(score, rel=1e-4)


@pytest.mark.judge
@pytest.mark.models
@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.9999])
def test_detection(cv2: Any, models_dir: Path, photo: np.ndarray, threshold: float) -> None:
    def ask(model: Any) -> Any:
        model.setInputParams(1.0, (300, 300), (104.0, 177.0, 123.0))
        return model.detect(photo, threshold)

    folder = models_dir / "res10_face"
    files = str(folder / "deploy.prototxt"), str(folder / "weights.caffemodel")
    expected, found = _both(cv2, "DetectionModel", ask, *files)
    for array, other in zip(found, expected, strict=True):
        assert type(array) is type(other)
        if isinstance(other, np.ndarray):
            assert (array.dtype, array.shape) == (other.dtype, other.shape)
            np.testing.assert_allclose(array, other, rtol=1e-3, atol=1e-5)


@pytest.mark.judge
@pytest.mark.parametrize("kind", ["SegmentationModel", "KeypointsModel"])
def test_maps(cv2: Any, photo: np.ndarray, kind: str) -> None:
    def ask(model: Any) -> Any:
        model.setInputSize(80, 64).setInputScale((1.0, 0.9, 1.1)).setInputSwapRB(True)
        return model.segment(photo) if kind == "SegmentationModel" else model.estimate(photo, 100)

    expected, found = _both(cv2, kind, ask, MAPS.encode())
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if kind == "SegmentationModel":
        assert np.array_equal(found, expected)
        assert len(np.unique(found)) == 3
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert (found < 0).any()
        assert (found > 0).any()


@pytest.mark.judge
def test_prediction_and_chains(cv2: Any, photo: np.ndarray) -> None:
    def ask(model: Any) -> Any:
        model.setOutputNames(["more", "pool"]).setInputScale(0.5).setInputMean((10, 20, 30)).setInputSize((40, 32))
        model.setPreferableBackend(dnn.DNN_BACKEND_OPENCV).setPreferableTarget(dnn.DNN_TARGET_CPU)
        return model.enableWinograd(False).predict(photo)

    expected, found = _both(cv2, "Model", ask, MAPS.encode())
    assert isinstance(found, tuple)
    for array, other in zip(found, expected, strict=True):
        assert_close(array, other)


def test_the_size_is_that_of_the_file_and_boxes_of_other_networks_are_refused(photo: np.ndarray) -> None:
    model = dnn.DetectionModel(dnn.readNetFromCaffe(MAPS.encode()))
    assert model.predict(photo)[0].shape == (1, 6, 8, 10)
    with pytest.raises(UsageError, match="ends in Concat 'maps', not in a DetectionOutput"):
        model.detect(photo)
    two_ends = MAPS + 'layer { name: "third" type: "TanH" bottom: "q" top: "r" }'
    with pytest.raises(UsageError, match="has 2 outputs, not one"):
        dnn.ClassificationModel(dnn.readNetFromCaffe(two_ends.encode())).classify(photo)
    sizeless = 'input: "data" layer { name: "relu" type: "ReLU" bottom: "data" top: "y" }'
    with pytest.raises(UsageError, match="setInputSize"):
        dnn.Model(dnn.readNetFromCaffe(sizeless.encode())).predict(photo)


@pytest.mark.judge
def test_all_of_opencvs_names_are_there(cv2: Any) -> None:
    """Functions and classes of the module, methods of its classes; DictValue and `_native` are for C++."""
    names = {name for name in dir(cv2.dnn) if not name.startswith("_")} - {"DictValue"}
    assert {name for name in names if not hasattr(dnn, name)} == set()
    classes = ("Net", "Model", "ClassificationModel", "DetectionModel", "SegmentationModel", "KeypointsModel")
    for kind in classes:
        methods = {name for name in dir(getattr(cv2.dnn, kind)) if not name.startswith("_")}
        assert {name for name in methods if not hasattr(getattr(dnn, kind), name)} == set(), kind


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dnn.TextDetectionModel_EAST("east.pb"), "no models for the detection of text"),
        (lambda: dnn.TextRecognitionModel("crnn.onnx"), "no model for the recognition"),
        (lambda: dnn.shrinkCaffeModel("a", "b"), "precision fp16"),
        (lambda: dnn.writeTextGraph("a", "b"), "without a config"),
        (lambda: dnn.readTorchBlob("a"), "Torch7"),
        (lambda: dnn.Net().quantize([], 0, 0), "precision int8"),
        (lambda: dnn.Net().addLayer("a", "b", 0, {}), "a rewrite pass"),
        (lambda: dnn.Net.readFromModelOptimizer("a", "b"), "Model Optimizer"),
    ],
)
def test_what_is_not_offered_says_what_to_do(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
