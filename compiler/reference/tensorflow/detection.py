"""Suppression of overlapping boxes."""

from __future__ import annotations

import numpy as np

from regraft.reference.registry import Array, Call, NotEvaluated, evaluates, several


def overlap(boxes: Array, index: int) -> Array:
    """Intersection over union of one box with all; corners come in either order."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    area = (high - low).prod(1)
    both = np.maximum(np.minimum(high, high[index]) - np.maximum(low, low[index]), 0).prod(1)
    union = area + area[index] - both
    valid = (area > 0) & (area[index] > 0)
    return np.where(valid, both / np.where(union == 0, 1, union), 0)


def suppressed(boxes: Array, scores: Array, most: int, iou: float, least: float = -np.inf) -> list[int]:
    """Indices that stay, best first; of equal scores the first comes first."""
    kept: list[int] = []
    alive = scores > least
    for index in np.argsort(-scores, kind="stable"):
        if alive[index] and len(kept) < most:
            kept.append(int(index))
            alive &= overlap(boxes, int(index)) <= np.float32(iou)
    return kept


@evaluates("tf.NonMaxSuppression", "tf.NonMaxSuppressionV2", "tf.NonMaxSuppressionV3")
def non_max_suppression(call: Call, boxes: Array, scores: Array, most: Array, *limits: Array) -> Array:
    """The indices that stay; the overlap allowed is an attribute in the first version, an input in the others."""
    iou = float(limits[0]) if limits else call.number("iou_threshold", 0.5)
    least = float(limits[1]) if len(limits) > 1 else -np.inf
    return np.asarray(suppressed(boxes, scores, int(most), iou, least), np.int32)


@evaluates("tf.NonMaxSuppressionV4", "tf.NonMaxSuppressionV5")
def with_counts(
    call: Call, boxes: Array, scores: Array, most: Array, iou: Array, least: Array, *sigma: Array
) -> object:
    """Indices, in version 5 their scores, and how many are valid; padded to the largest number where that is asked."""
    if sigma and float(sigma[0]) != 0:
        raise NotEvaluated("it lowers scores instead of dropping boxes")
    kept = suppressed(boxes, scores, int(most), float(iou), float(least))
    found = [np.asarray(kept, np.int32)]
    if sigma:
        found.append(scores[kept])
    if call.flag("pad_to_max_output_size", False):
        found = [np.concatenate([v, np.zeros(int(most) - len(kept), v.dtype)]) for v in found]
    return several([*found, np.asarray(len(kept), np.int32)][: call.outputs])


@evaluates("tf.CombinedNonMaxSuppression")
def combined(call: Call, boxes: Array, scores: Array, each: Array, whole: Array, iou: Array, least: Array) -> object:
    """Class by class, then the best of all classes; padded with zeros."""
    classes, shared = scores.shape[2], boxes.shape[2] == 1
    most = int(whole)
    if call.flag("pad_per_class", False):
        most = min(most, int(each) * classes)
    batch = []
    for image in range(scores.shape[0]):
        found: list[tuple[float, int, Array]] = []
        for label in range(classes):
            own = boxes[image, :, 0 if shared else label]
            kept = suppressed(own, scores[image, :, label], int(each), float(iou), float(least))
            found += [(float(scores[image, i, label]), label, own[i]) for i in kept]
        batch.append(sorted(found, key=lambda f: -f[0])[:most])
    n = len(batch)
    out = [np.zeros((n, most, 4), np.float32), np.zeros((n, most), np.float32), np.zeros((n, most), np.float32)]
    for image, found in enumerate(batch):
        for row, (score, label, box) in enumerate(found):
            out[0][image, row] = np.clip(box, 0, 1) if call.flag("clip_boxes", True) else box
            out[1][image, row], out[2][image, row] = score, label
    return several([*out, np.asarray([len(found) for found in batch], np.int32)][: call.outputs])
