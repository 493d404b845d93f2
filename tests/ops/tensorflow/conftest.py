"""What the tests of this folder share: `harness` and `agreement` to import, and both forms of control flow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "reference")]


@pytest.fixture(params=[1, 2], ids=["TensorFlow 1", "TensorFlow 2"])
def control_flow(request: pytest.FixtureRequest) -> Iterator[int]:
    """Whether TensorFlow writes Switch, Merge, Enter and Exit, or If and While."""
    tf = pytest.importorskip("tensorflow")
    if request.param == 1:
        tf.compat.v1.disable_control_flow_v2()
    yield request.param
    tf.compat.v1.enable_control_flow_v2()
