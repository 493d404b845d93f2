"""blobFromImage and its kin: OpenCV's numbers, bit for bit where pictures are bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import regraft.dnn as dnn
from regraft.dnn.resize import resize
from regraft.errors import UsageError


def _picture(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.integers(0, 256, shape, np.uint8)


@pytest.mark.judge
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_bytes_are_resized_as_opencv_does(cv2: Any, channels: int) -> None:
    generator = np.random.default_rng(channels)
    for trial in range(120):
        height, width, new_height, new_width = (int(n) for n in generator.integers(1, 100, 4))
        if trial % 8 == 0:
            new_height, new_width = max(1, height // 2), max(1, width // 2)
        picture = _picture(generator, height, width, channels)
        expected = cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
        found = resize(picture, (new_width, new_height))
        assert np.array_equal(found, expected.reshape(found.shape)), (picture.shape, new_height, new_width)


@pytest.mark.judge
@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("swap", [False, True])
def test_blobs_are_opencvs(cv2: Any, crop: bool, swap: bool) -> None:
    generator = np.random.default_rng(7)
    compared = 0
    for _ in range(100):
        height, width, new_height, new_width = (int(n) for n in generator.integers(4, 90, 4))
        picture = _picture(generator, height, width, int(generator.choice([1, 3, 4])))
        scale = float(generator.choice([1, 1 / 255, 0.017, 1 / 127.5]))
        mean = tuple(float(m) for m in generator.choice([0, 104, 127.5, 116.67], 4))
        arguments = (scale, (new_width, new_height), mean, swap, crop)
        try:
            expected = cv2.dnn.blobFromImage(picture, *arguments)
        except cv2.error:  # a crop whose rounded size is smaller than the window
            continue
        assert np.array_equal(dnn.blobFromImage(picture, *arguments), expected)
        compared += 1
    assert compared > 80


@pytest.mark.judge
def test_floats_several_pictures_and_bytes_out(cv2: Any) -> None:
    generator = np.random.default_rng(3)
    floats = generator.random((40, 50, 3), np.float32)
    for size in ((20, 25), (99, 17)):
        np.testing.assert_allclose(
            dnn.blobFromImage(floats, size=size), cv2.dnn.blobFromImage(floats, size=size), atol=1e-5
        )
    pictures = [_picture(generator, 30, 40, 3), _picture(generator, 50, 20, 3)]
    expected = cv2.dnn.blobFromImages(pictures, 0.5, (32, 32), (1, 2, 3), swapRB=True)
    assert np.array_equal(dnn.blobFromImages(pictures, 0.5, (32, 32), (1, 2, 3), swapRB=True), expected)
    expected = cv2.dnn.blobFromImage(pictures[0], ddepth=cv2.CV_8U)
    found = dnn.blobFromImage(pictures[0], ddepth=dnn.CV_8U)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)
    grey = pictures[0][:, :, 0]
    assert np.array_equal(dnn.blobFromImage(grey, 1 / 255), cv2.dnn.blobFromImage(grey, 1 / 255))


@pytest.mark.judge
@pytest.mark.parametrize("mode", ["DNN_PMODE_NULL", "DNN_PMODE_CROP_CENTER", "DNN_PMODE_LETTERBOX"])
@pytest.mark.parametrize("layout", ["DNN_LAYOUT_NCHW", "DNN_LAYOUT_NHWC"])
def test_params(cv2: Any, mode: str, layout: str) -> None:
    generator = np.random.default_rng(5)
    given = ((1 / 255,) * 4, (40, 24), (10.0, 20.0, 30.0, 0.0), True, 5)
    for shape in ((31, 47, 3), (80, 60, 3), (20, 70, 3)):
        picture = _picture(generator, *shape)
        theirs = cv2.dnn.Image2BlobParams(*given, getattr(cv2.dnn, layout), getattr(cv2.dnn, mode))
        theirs.borderValue = (114, 1, 2, 0)
        ours = dnn.Image2BlobParams(*given, getattr(dnn, layout), getattr(dnn, mode), (114, 1, 2, 0))
        expected = cv2.dnn.blobFromImageWithParams(picture, theirs)
        np.testing.assert_allclose(dnn.blobFromImageWithParams(picture, ours), expected, atol=1e-6)


@pytest.mark.judge
def test_images_from_blob(cv2: Any) -> None:
    for channels in (1, 3):
        blob = np.random.default_rng(0).random((2, channels, 5, 6), np.float32)
        expected, found = cv2.dnn.imagesFromBlob(blob), dnn.imagesFromBlob(blob)
        assert len(found) == len(expected)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_mean_and_scale_without_opencv() -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    blob = dnn.blobFromImage(picture, 2.0, (), (1, 2, 3), True)
    assert blob.shape == (1, 3, 2, 3)
    assert np.array_equal(blob[0, 0], (picture[:, :, 2].astype(np.float32) - 1) * 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((2, 2, 3, 4), np.uint8)}, "shape"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "size": (3,)}, "size is"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "ddepth": 6}, "ddepth is 6"),
        ({"image": np.zeros((4, 4, 3), np.uint8), "ddepth": 0, "mean": (1, 1, 1)}, "neither mean nor scalefactor"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dnn.blobFromImage(**arguments)


def test_none_is_what_is_not_given() -> None:
    picture = _picture(np.random.default_rng(1), 6, 5, 3)
    assert np.array_equal(dnn.blobFromImage(picture, 0.5, None, None), dnn.blobFromImage(picture, 0.5))


@pytest.mark.judge
@pytest.mark.parametrize("mode", ["DNN_PMODE_NULL", "DNN_PMODE_CROP_CENTER", "DNN_PMODE_LETTERBOX"])
def test_boxes_of_blobs_and_pictures(cv2: Any, mode: str) -> None:
    generator = np.random.default_rng(9)
    for _ in range(60):
        size, whole = (tuple(int(n) for n in generator.integers(20, 400, 2)) for _ in range(2))
        theirs = cv2.dnn.Image2BlobParams()
        theirs.size, theirs.paddingmode = size, getattr(cv2.dnn, mode)
        ours = dnn.Image2BlobParams(size=size, paddingmode=getattr(dnn, mode))
        boxes = generator.integers(0, 200, (5, 4)).tolist()
        expected = np.array(theirs.blobRectsToImageRects(boxes, whole))
        found = ours.blobRectsToImageRects(boxes, whole)
        assert np.array_equal(found, expected)
        assert ours.blobRectToImageRect(boxes[0], whole) == tuple(found[0])
