"""What all tests share: where the golden cases and the real models are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from regraft.custom_ops.bodies import registered_bodies, unregister_body
from regraft.custom_ops.libraries import registered_libraries, unregister_library
from regraft.custom_ops.registry import registered_layers, unregister_layer

# Before anything imports TensorFlow: its own kernels are the judge, not those of oneDNN, which round otherwise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def goldens_dir() -> Path:
    """The golden cases, computed by a real Caffe; they are part of the project."""
    return HERE / "goldens"


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The real trained networks, which are not part of the project; tests that use it are marked `models`."""
    found = HERE.parent.parent / "shared" / "models"
    if not found.is_dir():
        pytest.skip(f"the real models are not here: {found}")
    return found


@pytest.fixture(autouse=True)
def registrations_end_with_the_test() -> Iterator[None]:
    """Layers that a test registers, or a plugin that it loads, are unknown to the next one."""
    layers, bodies, libraries = registered_layers(), set(registered_bodies()), registered_libraries()
    yield
    for name in set(registered_layers()) - set(layers):
        unregister_layer(name)
    for name in set(registered_bodies()) - bodies:
        unregister_body(name)
    for name, library in registered_libraries().items():
        if name not in libraries:
            unregister_library(library.path)
