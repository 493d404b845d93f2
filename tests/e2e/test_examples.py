"""The programs below examples/ run, and print what they should. (HED and ResizeBilinear: see test_tutorial.)"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from regraft.demo import draw

EXAMPLES = Path(__file__).parents[2] / "examples"


def printed(*arguments: str | Path) -> list[str]:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_python_layer() -> None:
    lines = printed(EXAMPLES / "python_layer" / "run.py")
    assert float(lines[-2].removeprefix("largest difference ")) < 1e-6
    assert lines[-1] == "from the file: the same"


def test_a_rewrite_pass() -> None:
    lines = printed(EXAMPLES / "rewrite_pass" / "run.py")
    assert any(line.startswith("rewrite fuse-mish: fired 1 time") for line in lines)
    assert any(line.startswith("rewrite multiply-by-two: fired 1 time") for line in lines)
    assert lines[-2] == "4 nodes, then 2: Mish, Add"
    assert float(lines[-1].removeprefix("largest difference ")) < 1e-6


def test_the_boxes_of_faces() -> None:
    faces = module_of(EXAMPLES / "ssd_faces" / "faces.py")
    rows = np.array([[[[0, 1, 0.9, 0.1, 0.2, 0.5, 0.75], [0, 1, 0.3, 0, 0, 1, 1]]]], np.float32)
    ((confidence, box),) = faces.boxes_of(rows, 200, 100, 0.5)
    assert confidence == pytest.approx(0.9) and box == (20, 20, 100, 75)


@pytest.mark.models
def test_faces_by_the_real_network(models_dir: Path, tmp_path: Path) -> None:
    """Noise has no face: the program runs, and its numbers are those of test_models."""
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    folder = models_dir / "res10_face"
    files = folder / "deploy.prototxt", folder / "weights.caffemodel", tmp_path / "photo.png", tmp_path / "marked.png"
    lines = printed(EXAMPLES / "ssd_faces" / "faces.py", *files, "--confidence", "0.01")
    assert lines[-1] == f"faces: {tmp_path / 'marked.png'}"
    assert Image.open(tmp_path / "marked.png").size == (160, 120)


@pytest.mark.models
def test_edges_by_the_real_network(models_dir: Path, tmp_path: Path) -> None:
    """A white square on black: HED's edges are along its border."""
    pixels = np.zeros((96, 96, 3), np.uint8)
    pixels[32:64, 32:64] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    folder = models_dir / "hed"
    files = folder / "deploy.prototxt", folder / "weights.caffemodel", tmp_path / "photo.png", tmp_path / "edges.png"
    printed(EXAMPLES / "hed" / "edges.py", *files, "--size", "96")
    edges = np.asarray(Image.open(tmp_path / "edges.png"), np.float32)
    border = np.concatenate([edges[31:34, 40:56].max(0), edges[62:65, 40:56].max(0)])
    assert border.mean() > 4 * edges[8:20, 8:20].mean() + 20


@pytest.mark.models
def test_the_picture_of_the_docs(models_dir: Path, tmp_path: Path) -> None:
    """The tutorial's program on the picture that the demo draws gives what docs/hed.png shows beside it."""
    picture = tmp_path / "picture.png"
    Image.fromarray(draw()).save(picture)
    folder = models_dir / "hed"
    files = folder / "deploy.prototxt", folder / "weights.caffemodel", picture, tmp_path / "edges.png"
    printed(EXAMPLES / "opencv_samples" / "edge_detection.py", *files)
    both = side_by_side(Image.open(picture), Image.open(tmp_path / "edges.png"))
    shown = Image.open(EXAMPLES.parent / "docs" / "hed.png")
    assert shown.size == both.size
    difference = np.abs(np.asarray(shown, np.float32) - np.asarray(both.convert(shown.mode), np.float32))
    assert difference.mean() < 0.5 and difference.max() <= 8  # a float that rounds otherwise, before the enlargement


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new("RGB", (left.width + right.width, left.height))
    both.paste(left)
    both.paste(right.convert("RGB"), (left.width, 0))
    return both
