"""Every `regraft` command of README and docs runs, on small files of the names that it uses."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from documents import ROOT, blocks

import regraft
from regraft import cli

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
JUDGES = {"tensorflow": "tensorflow", "opencv": "cv2"}


def commands() -> list[str]:
    """The lines of shell blocks that begin with `regraft`, each once."""
    lines = [line for page in PAGES for b in blocks(page) if b.language == "sh" for line in b.code.splitlines()]
    return list(dict.fromkeys(line.partition("  #")[0].strip() for line in lines if line.startswith("regraft ")))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("PIL")
    folder = tmp_path_factory.mktemp("stand-ins")
    stand_ins.write(folder)
    for name in ("net.onnx", "hed.onnx"):
        regraft.compile(folder / "deploy.prototxt", folder / "net.caffemodel").save(folder / name)
    return folder


def _skip(words: list[str]) -> None:
    judge = words[words.index("--against") + 1] if "--against" in words else ""
    if judge in JUDGES and importlib.util.find_spec(JUDGES[judge]) is None:
        pytest.skip(f"no {JUDGES[judge]}")
    if any(word.endswith(".cpp") for word in words) and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler")


@pytest.mark.parametrize("command", commands())
def test_it_runs(command: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)[1:]
    _skip(words)
    here = tmp_path / "here"
    shutil.copytree(files, here)
    monkeypatch.chdir(here)
    random = np.random.default_rng(2)
    fed = {"data": (1, 3, 56, 56)} if words[0] == "run" else {"image:0": stand_ins.SIZES}
    np.savez("inputs.npz", **{name: random.random(shape, np.float32) for name, shape in fed.items()})
    written = Path(words[words.index("-o") + 1]) if "-o" in words else None
    if written is not None:
        written.unlink(missing_ok=True)
    try:
        assert cli.main(words) == 0
    finally:
        for name in list(regraft.registered_layers()):
            regraft.unregister_layer(name)
    assert written is None or written.stat().st_size > 0
