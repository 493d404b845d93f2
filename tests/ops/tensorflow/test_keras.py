"""Keras applications with random weights, as SavedModels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keras_models import check_saved, randomise

pytestmark = pytest.mark.judge


@pytest.mark.parametrize(
    "name, size",
    [("MobileNet", 64), ("MobileNetV2", 64), ("MobileNetV3Small", 64), ("ResNet50", 64), ("EfficientNetB0", 64)],
)
def test_applications(name: str, size: int, tmp_path: Path) -> None:
    """Same numbers, batch norms folded, and one Transpose: at the input, which the user feeds as NHWC."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    build = getattr(keras.applications, name)
    model = build(weights=None, classifier_activation=None, input_shape=(size, size, 3))
    randomise(model)
    image = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    compiled = check_saved(model, image, tmp_path)
    assert len(compiled.report.transposes) <= 1
    assert "BatchNormalization" not in compiled.report.ops
