"""PriorBox and PriorBoxClustered: they depend on sizes only, so they become constants where these are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.ir import UNKNOWN, Builder, DType, TensorType, Value
from regraft.passes.caffe.common import sizes
from regraft.passes.caffe.density_prior_box import DensityGrid
from regraft.passes.caffe.layer import CaffeLayer
from regraft.passes.caffe.open_sizes import OpenGrid
from regraft.passes.rules import rule

Floats = npt.NDArray[np.float32]
SAME = 1e-6
DEFAULT_VARIANCE = 0.1


@dataclass(frozen=True)
class Grid:
    """Cells of a feature map over a picture; steps in pixels."""

    height: int
    width: int
    image_height: int
    image_width: int
    step_h: float
    step_w: float
    offset: float

    def boxes(self, widths: Sequence[float], heights: Sequence[float], *, clip: bool) -> Floats:
        """Boxes of these sizes around the middle of each cell: (height, width, box, 4), in parts of the picture.

        As in C++: centres and sizes are float32, corners are computed in double and stored in float32.
        """
        steps, offset = (np.float32(self.step_w), np.float32(self.step_h)), np.float32(self.offset)
        centre_x = ((np.arange(self.width, dtype=np.float32) + offset) * steps[0]).astype(np.float64)[None, :, None]
        centre_y = ((np.arange(self.height, dtype=np.float32) + offset) * steps[1]).astype(np.float64)[:, None, None]
        half_w, half_h = (np.asarray(s, dtype=np.float32).astype(np.float64)[None, None] / 2 for s in (widths, heights))
        corners = (
            (centre_x - half_w) / self.image_width,
            (centre_y - half_h) / self.image_height,
            (centre_x + half_w) / self.image_width,
            (centre_y + half_h) / self.image_height,
        )
        found = np.stack(np.broadcast_arrays(*corners), axis=-1).astype(np.float32)
        return np.clip(found, np.float32(0), np.float32(1)) if clip else found


def aspect_ratios(given: Sequence[float], *, flip: bool) -> list[float]:
    """1, then each new ratio, followed by its inverse with `flip`; all in float32."""
    ratios = [np.float32(1)]
    for ratio in map(np.float32, given):
        if all(abs(ratio - known) >= SAME for known in ratios):
            ratios += [ratio, np.float32(1.0 / float(ratio))] if flip else [ratio]
    return [float(r) for r in ratios]


def prior_sizes(
    smallest: Sequence[float], largest: Sequence[float], ratios: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Widths and heights of one cell's boxes. Sizes are cut to whole numbers, as in Caffe.

    For each min_size: a square of it, a square of sqrt(min_size * max_size), then one box for each other ratio.
    """
    widths, heights = [], []
    for index, size in enumerate(int(s) for s in smallest):
        squares = [float(size)]
        if largest:
            squares.append(float(np.float32(np.sqrt(size * int(largest[index])))))
        widths += squares
        heights += squares
        for root in (float(np.sqrt(np.float32(r))) for r in ratios if abs(r - 1) >= SAME):
            widths.append(size * root)
            heights.append(size / root)
    return widths, heights


@rule("caffe.PriorBox")
def prior_box(layer: CaffeLayer, build: Builder, x: Value, image: Value | None = None) -> Value:
    """Boxes around each cell of x, and their variances: (1, 2, 4 * H * W * boxes).

    x: (N, C, H, W), image: (N, C, height, width), or img_size. Source: SSD's prior_box_layer.cpp.
    """
    layer.refuse_unless("density_size", ())
    layer.refuse_unless("reduce_boxes", False)
    if layer.numbers("fixed_size", ()):
        return _by_density(layer, build, x, image)
    smallest, largest = layer.numbers("min_size", ()), layer.numbers("max_size", ())
    if not smallest:
        raise layer.refuse("has no min_size", field="min_size")
    if largest and len(largest) != len(smallest):
        raise layer.refuse(f"has {len(largest)} max_size for {len(smallest)} min_size", field="max_size")
    if any(big <= small for small, big in zip(smallest, largest, strict=False)):
        raise layer.refuse("each max_size must be above its min_size", field="max_size")
    ratios = aspect_ratios(layer.numbers("aspect_ratio", ()), flip=layer.flag("flip"))
    return _priors(layer, build, x, image, *prior_sizes(smallest, largest, ratios))


def _by_density(layer: CaffeLayer, build: Builder, x: Value, image: Value | None) -> Value:
    """The form with fixed_size and density. Source: OpenVINO's reference implementation of PriorBox."""
    sizes, densities = layer.numbers("fixed_size", ()), layer.numbers("density", ())
    for field in ("min_size", "max_size", "step_h", "step_w"):
        if layer.has(field):
            raise layer.refuse(f"{field} does not go with fixed_size", field=field)
    if len(densities) != len(sizes) or any(d < 1 for d in densities):
        raise layer.refuse(f"has {len(densities)} density for {len(sizes)} fixed_size", field="density")
    ratios = aspect_ratios(layer.numbers("aspect_ratio", ()), flip=layer.flag("flip"))
    grid = _grid(layer, x, image)
    step = layer.number("step", 0)
    cells = DensityGrid(grid.height, grid.width, grid.image_height, grid.image_width, step, grid.offset)
    boxes = cells.boxes(sizes, densities, layer.numbers("fixed_ratio", ()), ratios)
    return _constant(layer, build, np.clip(boxes, np.float32(0), np.float32(1)) if layer.flag("clip") else boxes)


@rule("caffe.PriorBoxClustered")
def prior_box_clustered(layer: CaffeLayer, build: Builder, x: Value, image: Value | None = None) -> Value:
    """Boxes of the given widths and heights around each cell of x, and their variances: (1, 2, 4 * H * W * boxes).

    Source: OpenVINO's definition of PriorBoxClustered.
    """
    widths, heights = layer.numbers("width", ()), layer.numbers("height", ())
    if not widths or len(widths) != len(heights):
        raise layer.refuse(f"has {len(widths)} width and {len(heights)} height", field="width")
    return _priors(layer, build, x, image, widths, heights)


def _priors(
    layer: CaffeLayer,
    build: Builder,
    x: Value,
    image: Value | None,
    widths: Sequence[float],
    heights: Sequence[float],
) -> Value:
    seen = (x,) if image is None or _image_size(layer) else (x, image)
    if all(isinstance(d, int) for v in seen for d in layer.image(v)[2:]):
        return _constant(layer, build, _grid(layer, x, image).boxes(widths, heights, clip=layer.flag("clip")))
    boxes = _open_grid(layer, build, x, image).boxes(build, widths, heights, clip=layer.flag("clip"))
    spread = build.Expand(build.constant(np.broadcast_to(_variance(layer), 4).copy()), build.Shape(boxes))
    result = build.Concat(*(build.Reshape(v, [1, 1, -1]) for v in (boxes, spread)), axis=1)
    result.type = TensorType(DType.F32, (1, 2, UNKNOWN))
    return result


def _variance(layer: CaffeLayer) -> Floats:
    variance = np.asarray(layer.numbers("variance", ()) or (DEFAULT_VARIANCE,), dtype=np.float32)
    if variance.size not in (1, 4) or (variance <= 0).any():
        raise layer.refuse("variance is one positive number, or four", field="variance")
    return variance


def _constant(layer: CaffeLayer, build: Builder, boxes: Floats) -> Value:
    """Boxes (height, width, box, 4) and their variances in the layer's shape."""
    variances = np.broadcast_to(_variance(layer), boxes.shape)
    return build.constant(np.stack([boxes.reshape(-1), variances.reshape(-1)])[None])


def _grid(layer: CaffeLayer, x: Value, image: Value | None) -> Grid:
    layer.image(x)
    height, width = layer.static_sizes(x, 2, "to place its boxes")
    image_h, image_w = _image_size(layer) or layer.static_sizes(_image(layer, image), 2, "to place its boxes")
    step_h, step_w = _pair(layer, "step_h", "step_w", "step")
    if not step_h or not step_w:
        step_h, step_w = (float(np.float32(a) / np.float32(b)) for a, b in ((image_h, height), (image_w, width)))
    return Grid(height, width, int(image_h), int(image_w), step_h, step_w, layer.number("offset"))


def _open_grid(layer: CaffeLayer, build: Builder, x: Value, image: Value | None) -> OpenGrid:
    given, steps = _image_size(layer), _pair(layer, "step_h", "step_w", "step")
    pixels = build.constant([int(n) for n in given], DType.I64) if given else sizes(build, _image(layer, image), 2, 4)
    return OpenGrid(sizes(build, x, 2, 4), pixels, steps if all(steps) else None, layer.number("offset"))


def _image_size(layer: CaffeLayer) -> tuple[float, float] | None:
    """The size of the picture that the file gives."""
    given = _pair(layer, "img_h", "img_w", "img_size")
    return given if all(given) else None


def _image(layer: CaffeLayer, image: Value | None) -> Value:
    if image is None:
        raise layer.refuse("has neither an image as second bottom nor img_size", field="img_size")
    layer.image(image)
    return image


def _pair(layer: CaffeLayer, height: str, width: str, both: str) -> tuple[float, float]:
    """Height and width, given apart or together; 0 where they are not given."""
    if layer.has(height) or layer.has(width):
        if layer.has(both):
            raise layer.refuse(f"{both} and {height} exclude each other", field=both)
        return layer.number(height, 0), layer.number(width, 0)
    return (layer.number(both, 0),) * 2
