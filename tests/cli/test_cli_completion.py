"""`regraft completion`: the scripts complete what the command line has."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shells import missing, offered

from regraft import cli

Call = Callable[..., Any]
SHELLS = ("bash", "zsh", "fish")


def verbs() -> dict[str, argparse.ArgumentParser]:
    (group,) = [a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(group.choices)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_and_flag_is_in_the_script(call: Call, shell: str) -> None:
    script = call("completion", shell).out
    for name, parser in verbs().items():
        assert name in script
        for action in parser._actions:
            for spelling in action.option_strings:
                wanted = {"fish": f"-l {spelling[2:]}" if spelling[:2] == "--" else f"-s {spelling[1:]}"}
                assert wanted.get(shell, spelling) in script


def test_a_shell_must_be_known(call: Call) -> None:
    assert call("completion", "tcsh").code == 2


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_reads_the_script(call: Call, tmp_path: Path, shell: str) -> None:
    if missing(shell):
        pytest.skip(missing(shell))
    script = tmp_path / "script"
    script.write_text(call("completion", shell).out)
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("regraft comp", {"compile", "completion"}),
        ("regraft compile --crop-offset ", {"zero", "centre", "auto"}),
        ("regraft compile --verify", {"--verify-passes"}),
        ("regraft new la", {"layer"}),
        ("regraft run mod", {"model.onnx"}),
        ("regraft run model.onnx --prov", {"--provider"}),
    ],
)
def test_the_shell_completes(call: Call, tmp_path: Path, shell: str, typed: str, expected: set[str]) -> None:
    if missing(shell):
        pytest.skip(missing(shell))
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "model.onnx").write_text("")
    assert offered(shell, call("completion", shell).out, typed, folder) == expected
