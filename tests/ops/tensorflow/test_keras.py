"""Keras applications with random weights, as SavedModels and as frozen graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import check_frozen, check_saved, randomise

pytestmark = pytest.mark.judge

APPLICATIONS = {
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "ResNet50": 64,
    "EfficientNetB0": 64,
    "InceptionV3": 96,
    "NASNetMobile": 96,
    "DenseNet121": 64,
}
"""And the size of their square pictures: as small as they take."""


@pytest.mark.parametrize("check", [check_saved, check_frozen], ids=["saved model", "frozen graph"])
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications(name: str, check: Any, tmp_path: Path) -> None:
    """Same numbers, batch norms folded, and one Transpose: at the input, which the user feeds as NHWC."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    shape = (APPLICATIONS[name], APPLICATIONS[name], 3)
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None, input_shape=shape)
    randomise(model)
    image = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype(np.float32)
    compiled = check(model, image, tmp_path)
    assert len(compiled.report.transposes) <= 1
    assert "BatchNormalization" not in compiled.report.ops
