"""Pictures to blobs and back: `blobFromImage` and its kin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.dnn.constants import (
    CV_8U,
    CV_32F,
    DNN_LAYOUT_NCHW,
    DNN_LAYOUT_NHWC,
    DNN_PMODE_CROP_CENTER,
    DNN_PMODE_LETTERBOX,
    DNN_PMODE_NULL,
)
from regraft.dnn.resize import resize
from regraft.errors import Diagnostic, UsageError

Array = npt.NDArray[Any]
Scalar = float | Sequence[float] | None


@dataclass
class Image2BlobParams:
    """How `blobFromImageWithParams` prepares a picture; OpenCV's class of this name."""

    scalefactor: Scalar = 1.0
    size: Sequence[int] | None = ()
    mean: Scalar = ()
    swapRB: bool = False
    ddepth: int = CV_32F
    datalayout: int = DNN_LAYOUT_NCHW
    paddingmode: int = DNN_PMODE_NULL
    borderValue: Scalar = ()

    def blobRectToImageRect(self, rBlob: Sequence[int], size: Sequence[int]) -> tuple[int, int, int, int]:
        """A box (x, y, width, height) of the blob as one of the picture, whose size is (width, height)."""
        x, y, width, height = (int(n) for n in self.blobRectsToImageRects([rBlob], size)[0])
        return x, y, width, height

    def blobRectsToImageRects(self, rBlob: Sequence[Sequence[int]], size: Sequence[int]) -> Array:
        """Boxes (x, y, width, height) of the blob as boxes of the picture, whose size is (width, height)."""
        boxes = np.array(rBlob, np.int32).reshape(-1, 4)
        inner, outer = (np.array(sides, np.float32) for sides in (self.size or size, size))
        if len(outer) != 2 or not outer.all():
            raise _refused(f"the size of the picture is {tuple(size)}", "(width, height)")
        if self.paddingmode == DNN_PMODE_NULL or tuple(inner) == tuple(outer):
            return np.trunc(boxes.astype(np.float32) * np.tile(outer, 2) / np.tile(inner, 2)).astype(np.int32)
        ratios = inner / outer
        if self.paddingmode == DNN_PMODE_CROP_CENTER:
            factor = ratios.max()
            corners = (boxes[:, :2] + 0.5 * (outer * factor - inner).astype(np.float64)) / np.float64(factor)
        else:
            factor = ratios.min()
            corners = (boxes[:, :2] - (inner - np.trunc(outer * factor)) // 2).astype(np.float32) / factor
        sides = boxes[:, 2:].astype(np.float32) / factor
        return np.concatenate([np.trunc(corners), np.trunc(sides)], axis=1).astype(np.int32)


def blobFromImage(
    image: Array,
    scalefactor: float = 1.0,
    size: Sequence[int] | None = (),
    mean: Scalar = (),
    swapRB: bool = False,
    crop: bool = False,
    ddepth: int = CV_32F,
) -> Array:
    """A picture as a blob of shape (1, channels, height, width): `(resized - mean) * scalefactor`.

    `size` is (width, height), empty for the picture's own; with `crop` the picture is scaled to cover it and cut around
    its centre. `mean` is in the order that the channels have after `swapRB`.
    """
    return blobFromImages([image], scalefactor, size, mean, swapRB, crop, ddepth)


def blobFromImages(
    images: Iterable[Array],
    scalefactor: float = 1.0,
    size: Sequence[int] | None = (),
    mean: Scalar = (),
    swapRB: bool = False,
    crop: bool = False,
    ddepth: int = CV_32F,
) -> Array:
    """Several pictures as one blob; see `blobFromImage`."""
    mode = DNN_PMODE_CROP_CENTER if crop else DNN_PMODE_NULL
    params = Image2BlobParams(scalefactor, size, mean, swapRB, ddepth, DNN_LAYOUT_NCHW, mode)
    return blobFromImagesWithParams(images, params)


def blobFromImageWithParams(image: Array, param: Image2BlobParams | None = None) -> Array:
    """A picture as a blob, prepared as `param` says."""
    return blobFromImagesWithParams([image], param)


def blobFromImagesWithParams(images: Iterable[Array], param: Image2BlobParams | None = None) -> Array:
    """Several pictures as one blob, prepared as `param` says.

    Raises:
        UsageError: there are no pictures, or they differ in size, or a parameter cannot be.
    """
    param = param or Image2BlobParams()
    pictures = [_as_picture(image) for image in images]
    if not pictures:
        raise _refused("there are no images")
    if param.ddepth not in (CV_8U, CV_32F):
        raise _refused(f"ddepth is {param.ddepth}", "CV_32F (5) or CV_8U (0)")
    if param.datalayout not in (DNN_LAYOUT_NCHW, DNN_LAYOUT_NHWC):
        raise _refused(f"datalayout is {param.datalayout}", "DNN_LAYOUT_NCHW or DNN_LAYOUT_NHWC")
    size = tuple(int(s) for s in param.size or ()) or (pictures[0].shape[1], pictures[0].shape[0])
    if len(size) != 2 or (0 in size and size != (0, 0)):
        raise _refused(f"size is {size}", "(width, height)")
    if size == (0, 0):
        size = pictures[0].shape[1], pictures[0].shape[0]
    fitted = [_fit(picture, size, param) for picture in pictures]
    if len({picture.shape for picture in fitted}) > 1:
        raise _refused("the images have different numbers of channels")
    return _assembled(fitted, param)


def imagesFromBlob(blob_: Array) -> tuple[Array, ...]:
    """The pictures of a blob (N, C, H, W), each height x width x channels, or height x width of one channel.

    Raises:
        UsageError: the blob is not four-dimensional.
    """
    if blob_.ndim != 4:
        raise _refused(f"the blob has {blob_.ndim} dimensions, not 4")
    images = np.ascontiguousarray(blob_.transpose(0, 2, 3, 1))
    return tuple(image[:, :, 0] if image.shape[2] == 1 else image for image in images)


def _as_picture(image: Array) -> Array:
    picture = np.asarray(image)
    if picture.ndim not in (2, 3) or 0 in picture.shape:
        raise _refused(f"an image has the shape {picture.shape}", "height x width, or height x width x channels")
    picture = picture[:, :, None] if picture.ndim == 2 else picture
    return picture if picture.dtype == np.uint8 else picture.astype(np.float32, copy=False)


def _fit(picture: Array, size: tuple[int, int], param: Image2BlobParams) -> Array:
    """The picture at the blob's size."""
    height, width = picture.shape[:2]
    if (width, height) == size or param.paddingmode == DNN_PMODE_NULL:
        return resize(picture, size)
    if param.paddingmode == DNN_PMODE_CROP_CENTER:
        factor = float(max(np.float32(size[0]) / np.float32(width), np.float32(size[1]) / np.float32(height)))
        covering = round(width * factor), round(height * factor)
        picture = resize(picture, covering, (factor, factor))
        left, top = int(0.5 * (covering[0] - size[0])), int(0.5 * (covering[1] - size[1]))
        return picture[top : top + size[1], left : left + size[0]]
    if param.paddingmode != DNN_PMODE_LETTERBOX:
        raise _refused(f"paddingmode is {param.paddingmode}", "one of DNN_PMODE_*")
    factor = float(min(np.float32(size[0]) / np.float32(width), np.float32(size[1]) / np.float32(height)))
    inner = int(width * np.float32(factor)), int(height * np.float32(factor))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed = np.empty((size[1], size[0], picture.shape[2]), picture.dtype)
    framed[:] = _scalar(param.borderValue, picture.shape[2])
    framed[top : top + inner[1], left : left + inner[0]] = resize(picture, inner)
    return framed


def _assembled(pictures: Sequence[Array], param: Image2BlobParams) -> Array:
    """The pictures, all of one shape, in the blob: channels swapped, mean removed, scaled."""
    height, width, channels = pictures[0].shape
    factor = param.scalefactor
    mean = _scalar(param.mean, channels)
    scale = _scalar((factor,) * channels if isinstance(factor, (int, float)) else factor, channels)
    if param.ddepth == CV_8U and (mean.any() or (scale != 1).any()):
        raise _refused("a blob of bytes takes neither mean nor scalefactor", "ddepth=CV_32F")
    blob = np.empty((len(pictures), channels, height, width), np.uint8 if param.ddepth == CV_8U else np.float32)
    swap = param.swapRB and channels >= 3
    for planes, picture in zip(blob, pictures, strict=True):
        for channel, plane in enumerate(planes):
            plane[:] = picture[:, :, 2 - channel if swap and channel < 3 else channel]
            if mean[channel]:
                plane -= mean[channel]
            if scale[channel] != 1:
                plane *= scale[channel]
    return np.ascontiguousarray(blob.transpose(0, 2, 3, 1)) if param.datalayout == DNN_LAYOUT_NHWC else blob


def _scalar(value: Scalar, channels: int) -> npt.NDArray[np.float32]:
    """OpenCV's Scalar: what is not given is 0; a single number is that of the first channel."""
    value = () if value is None else value
    given = [value] if isinstance(value, (int, float, np.number)) else list(np.ravel(value))
    if len(given) > 4:
        raise _refused(f"{len(given)} numbers are given where at most four count")
    numbers = np.zeros(max(channels, 4), np.float32)
    numbers[: len(given)] = given
    return numbers[:channels]


def _refused(message: str, *cures: str) -> UsageError:
    return UsageError(Diagnostic("bad-blob", message, cures=cures))
