"""Preparing real networks: what is built into the file does what numpy does before the plain network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft

pytestmark = pytest.mark.models

MEAN, SCALE = (104.0, 117.0, 123.0), (58.0, 57.0, 60.0)
RANDOM = np.random.default_rng(0)
NETS = {
    "nsfw": ("data", (1, 3, 224, 224)),
    "res10_face": ("data", (1, 3, 300, 300)),
    "aizoo_facemask_tf": ("data_1:0", (1, 260, 260, 3)),
}


def compiled(models_dir: Path, name: str, **options: Any) -> regraft.Model:
    folder = models_dir / name
    if (folder / "graph.pb").exists():
        return regraft.compile(folder / "graph.pb", **options)
    return regraft.compile(folder / "deploy.prototxt", folder / "weights.caffemodel", **options)


def photo(channels_last: bool, size: int) -> np.ndarray:
    """Something with edges and areas, for a network to see."""
    coarse = RANDOM.integers(0, 256, (1, size // 20 + 1, size // 20 + 1, 3))
    pixels = coarse.repeat(20, 1).repeat(20, 2).astype(np.uint8)[:, :size, :size]
    return np.ascontiguousarray(pixels if channels_last else pixels.transpose(0, 3, 1, 2))


def fully_prepared(models_dir: Path, name: str) -> tuple[regraft.Model, np.ndarray, np.ndarray]:
    """A network with everything built in, what is fed to it, and what numpy makes of that for the plain network."""
    given, shape = NETS[name]
    first = shape[1] == 3
    model = compiled(
        models_dir,
        name,
        input_shapes={given: shape},
        input_types="u8",
        input_layouts={given: "NHWC" if first else "NCHW"},
        reverse_input_channels=True,
        mean_values=MEAN,
        scale_values={given: SCALE},
        rename={given: "picture"},
    )
    fed = photo(first, shape[2])
    last = fed if first else fed.transpose(0, 2, 3, 1)
    normal = (last[..., ::-1].astype(np.float32) - np.float32(MEAN)) / np.float32(SCALE)
    return model, fed, np.ascontiguousarray(normal.transpose(0, 3, 1, 2) if first else normal)


@pytest.mark.parametrize("name", NETS)
def test_type_layout_order_mean_and_scale_together(models_dir: Path, name: str) -> None:
    given, shape = NETS[name]
    model, fed, normal = fully_prepared(models_dir, name)
    session = model.session(threads=2)
    (info,) = session.inputs
    assert (info.name, info.dtype, info.shape) == ("picture", np.uint8, fed.shape)
    plain = compiled(models_dir, name, input_shapes={given: shape}).session(threads=2).run({given: normal})
    found = session.run({"picture": fed})
    assert set(found) == set(plain)
    for output, expected in plain.items():
        worst = np.abs(found[output] - expected).max()
        assert worst <= 1e-5 * max(1.0, np.abs(expected).max()), f"{output} is off by {worst:.3g}"


@pytest.mark.parametrize("name", NETS)
def test_outputs_in_the_other_layout(models_dir: Path, name: str) -> None:
    given, shape = NETS[name]
    inner = {"nsfw": "conv_1", "res10_face": "conv1_h", "aizoo_facemask_tf": "conv2d_0_activation_1/Relu:0"}[name]
    own, other = ("NCHW", "NHWC") if shape[1] == 3 else ("NHWC", "NCHW")
    picture = RANDOM.random(shape, np.float32)
    shapes = {given: shape}
    plain = compiled(models_dir, name, outputs=[inner], input_shapes=shapes, output_layouts=own)
    turned = compiled(models_dir, name, outputs=[inner], input_shapes=shapes, output_layouts={inner: other})
    (expected,) = plain.session(threads=2).run({given: picture}).values()
    (found,) = turned.session(threads=2).run({given: picture}).values()
    np.testing.assert_allclose(
        found.transpose(0, 3, 1, 2) if other == "NHWC" else found.transpose(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-6
    )


def test_a_network_of_tensorflow_that_is_all_channels_first_has_no_transposes_at_its_pictures(models_dir: Path) -> None:
    """Transposes of the borders meet those of the network, and are gone."""
    inner = "conv2d_0_activation_1/Relu:0"
    options = {"outputs": [inner], "input_shapes": {"data_1:0": (1, 260, 260, 3)}}
    model = compiled(
        models_dir, "aizoo_facemask_tf", input_layouts="NCHW", output_layouts="NCHW", input_types="u8", **options
    )
    assert not model.report.transposes
