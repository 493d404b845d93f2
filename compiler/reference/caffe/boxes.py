"""Priors and what SSD makes of them: PriorBox in its three forms, DetectionOutput."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates

F = np.float32


class Cells:
    """The middles of the cells of a map, and the picture's sizes, all in pixels."""

    def __init__(self, call: Call, x: Array, image: tuple[Array, ...]) -> None:
        self.rows, self.columns = x.shape[2:]
        both = call.attrs.get("img_size")
        given = [int(call.attrs.get(f"img_{side}", both) or 0) for side in "hw"]
        sizes = tuple(given) if all(given) else image[0].shape[2:]
        self.height, self.width = sizes[0], sizes[1]
        step = call.attrs.get("step")
        steps = [call.attrs.get(f"step_{side}", step) for side in "hw"]
        if not all(steps):
            steps = [F(self.height) / F(self.rows), F(self.width) / F(self.columns)]
        offset = F(call.number("offset", 0.5))
        if call.given("offset_h") or call.given("offset_w"):
            raise NotEvaluated("offset_h and offset_w are OpenCV's own")
        self.y = (np.arange(self.rows, dtype=F) + offset) * F(steps[0])
        self.x = (np.arange(self.columns, dtype=F) + offset) * F(steps[1])


def _priors(call: Call, cells: Cells, widths: list[float], heights: list[float]) -> Array:
    """Boxes of these sizes around each cell, in parts of the picture."""
    boxes = np.empty((cells.rows, cells.columns, len(widths), 4), F)
    half_w, half_h = np.asarray(widths, F) / F(2), np.asarray(heights, F) / F(2)
    x, y = cells.x[None, :, None], cells.y[:, None, None]
    for index, numbers in enumerate((x - half_w, y - half_h, x + half_w, y + half_h)):
        boxes[..., index] = numbers / F(cells.height if index % 2 else cells.width)
    return _with_variances(call, boxes)


def _with_variances(call: Call, boxes: Array) -> Array:
    if call.flag("clip", False):
        boxes = np.clip(boxes, 0, 1)
    given = call.numbers("variance", ()) or (0.1,)
    variances = np.resize(np.asarray(given, F), boxes.size)
    return np.stack([boxes.reshape(-1), variances])[None]


def _ratios(call: Call) -> list[float]:
    """Those that are given, each once, with its inverse behind it; 1 is a square and stands for itself."""
    found = [1.0]
    for ratio in call.numbers("aspect_ratio", ()):
        if all(abs(ratio - known) >= 1e-6 for known in found):
            found += [ratio, 1 / ratio] if call.flag("flip", True) else [ratio]
    return found[1:]


@evaluates("caffe.PriorBox")
def prior_box(call: Call, x: Array, *image: Array) -> Array:
    """For each min_size a square, one of sqrt(min * max), then the other ratios; sizes are cut to whole numbers."""
    if call.attrs.get("density_size") or call.attrs.get("reduce_boxes"):
        raise NotEvaluated("it is a fork's own form of PriorBox")
    if call.attrs.get("fixed_size"):
        return _by_density(call, x, image)
    largest = [int(s) for s in call.numbers("max_size", ())]
    widths: list[float] = []
    heights: list[float] = []
    for index, size in enumerate(int(s) for s in call.numbers("min_size", ())):
        squares = [float(size), *([sqrt(size * largest[index])] if largest else [])]
        widths += squares + [size * sqrt(r) for r in _ratios(call)]
        heights += squares + [size / sqrt(r) for r in _ratios(call)]
    return _priors(call, Cells(call, x, image), widths, heights)


@evaluates("caffe.PriorBoxClustered")
def prior_box_clustered(call: Call, x: Array, *image: Array) -> Array:
    """Boxes of just these sizes."""
    return _priors(call, Cells(call, x, image), list(call.numbers("width", ())), list(call.numbers("height", ())))


def _by_density(call: Call, x: Array, image: tuple[Array, ...]) -> Array:
    """OpenVINO's: density ** 2 shifted boxes of one size; shifts and halves are whole numbers, corners stay inside."""
    cells = Cells(call, x, image)
    found = []
    for half_w, half_h, dx, dy in _shifted(call):
        cx, cy = np.meshgrid(cells.x + F(dx), cells.y + F(dy))
        low = [np.maximum((cx - F(half_w)) / F(cells.width), 0), np.maximum((cy - F(half_h)) / F(cells.height), 0)]
        high = [np.minimum((cx + F(half_w)) / F(cells.width), 1), np.minimum((cy + F(half_h)) / F(cells.height), 1)]
        found.append(np.stack([*low, *high], axis=-1))
    return _with_variances(call, np.stack(found, axis=2).astype(F))


def _shifted(call: Call) -> Iterator[tuple[float, float, float, float]]:
    """Half width, half height and shift of each box of a cell."""
    fixed = call.numbers("fixed_ratio", ())
    for size, density in zip(call.numbers("fixed_size"), call.numbers("density", ()), strict=True):
        whole, shift = int(size), int(size / int(density))
        shapes = [(size * sqrt(r) / 2, size / sqrt(r) / 2) for r in fixed or _ratios(call)]
        for half_w, half_h in shapes if fixed else [(whole / 2, whole / 2), *shapes]:
            for row in range(int(density)):
                for column in range(int(density)):
                    start = shift / 2 - whole // 2
                    yield half_w, half_h, start + column * shift, start + row * shift


@evaluates("caffe.DetectionOutput")
def detection_output(call: Call, loc: Array, conf: Array | None = None, priors: Array | None = None) -> Array:
    """Rows of image, label, score and box."""
    if (
        conf is None
        or priors is None
        or any(call.attrs.get(n) for n in ("side", "num_box", "coords", "biases", "objectness_score", "clip"))
    ):
        raise NotEvaluated("it is a fork's own form of DetectionOutput")
    classes, shared = call.integer("num_classes"), call.flag("share_location")
    boxes, variances = priors[0].reshape(2, -1, 4)
    if call.flag("variance_encoded_in_target"):
        variances = np.ones_like(variances)
    rows: list[list[float]] = []
    for image in range(loc.shape[0]):
        deltas = loc[image].reshape(len(boxes), -1, 4)
        scores = conf[image].reshape(len(boxes), classes)
        found: list[tuple[float, int, Array]] = []
        for label in range(classes):
            if label != call.integer("background_label_id"):
                decoded = decode(call.text("code_type"), boxes, variances, deltas[:, 0 if shared else label])
                kept = _suppressed(call, decoded, scores[:, label])
                found += [(float(scores[i, label]), label, decoded[i]) for i in kept]
        most = call.integer("keep_top_k")
        if -1 < most < len(found):
            found = sorted(sorted(found, key=lambda f: -f[0])[:most], key=lambda f: f[1])
        rows += [[image, label, score, *box] for score, label, box in found]
    return np.asarray(rows or [[i, *[-1] * 6] for i in range(loc.shape[0])], F)[None, None]


def decode(code: str, boxes: Array, variances: Array, deltas: Array) -> Array:
    """Boxes moved by their deltas."""
    size = boxes[:, 2:] - boxes[:, :2]
    moved = variances * deltas
    if code == "CORNER":
        return np.asarray(boxes + moved)
    if code == "CORNER_SIZE":
        return np.asarray(boxes + moved * np.tile(size, 2))
    middle = (boxes[:, :2] + boxes[:, 2:]) / F(2) + moved[:, :2] * size
    half = np.exp(moved[:, 2:]) * size / F(2)
    return np.concatenate([middle - half, middle + half], axis=1)


def _suppressed(call: Call, boxes: Array, scores: Array) -> list[int]:
    """Indices that stay, best first: nothing below the threshold, nothing that overlaps a better one too much."""
    nms: dict[str, Any] = {"nms_threshold": 0.3, "top_k": None, "eta": 1.0, **call.get("nms_param", {})}
    least = call.attrs.get("confidence_threshold")
    order = np.argsort(-scores, kind="stable")
    if least is not None:
        order = order[scores[order] > F(least)]
    if nms["top_k"] is not None and nms["top_k"] > -1:
        order = order[: nms["top_k"]]
    threshold: float = nms["nms_threshold"]
    kept: list[int] = []
    for index in order:
        if not kept or overlaps(boxes[index], boxes[kept]).max() <= F(threshold):
            kept.append(int(index))
            if nms["eta"] < 1 and threshold > 0.5:
                threshold *= nms["eta"]
    return kept


def overlaps(box: Array, others: Array) -> Array:
    """The intersection of one box with others over their union."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, 0)
    both = sides[:, 0] * sides[:, 1]
    area = _area(others) + _area(box[None]) - both
    return np.where(both > 0, both / np.where(area == 0, 1, area), 0)


def _area(boxes: Array) -> Array:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.where((sides < 0).any(1), 0, sides[:, 0] * sides[:, 1])
