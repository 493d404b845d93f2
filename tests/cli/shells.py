"""Real shells: what each offers for a line that is typed so far."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

ZSH_NOTES = """
PROMPT=; autoload -Uz compinit; compinit -D; source {script}
compadd() {{
    [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]] && {{ builtin compadd "$@"; return }}
    local -a found
    builtin compadd -A found "$@"
    print -l -- $found >> {noted}
}}
finished() {{ print -- {done} >> {noted} }}
comppostfuncs=(finished)
print {ready[0]}{ready[1]}
"""
"""zsh notes the words that its completion adds; the last line is put together, as the terminal echoes what is typed."""
DONE, READY = "list-is-complete", ("shell-", "is-ready")


def missing(shell: str) -> str:
    """Why the shell cannot be asked; empty when it can."""
    return "" if shutil.which(shell) else f"no {shell}: apt-get install {shell}"


def offered(shell: str, script: str, typed: str, folder: Path) -> set[str]:
    """The words that the shell offers in an empty `folder` after `typed`, with the completion script loaded."""
    path = folder.parent / f"completion.{shell}"
    path.write_text(script)
    return {"bash": _bash, "fish": _fish, "zsh": _zsh}[shell](path, typed, folder)


def _bash(script: Path, typed: str, folder: Path) -> set[str]:
    words = typed.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}"
    line = f'source {script}; {asked}; _regraft; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return set(_output(["bash", "--norc", "-c", line], folder).split())


def _fish(script: Path, typed: str, folder: Path) -> set[str]:
    line = f"source {script}; complete -C '{typed}'"
    return {row.split("\t")[0] for row in _output(["fish", "--no-config", "-c", line], folder).splitlines()}


def _output(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


def _zsh(script: Path, typed: str, folder: Path) -> set[str]:
    """zsh completes only where a person types: in a terminal."""
    noted, setup = folder.parent / "noted", folder.parent / "setup.zsh"
    noted.write_text("")
    setup.write_text(ZSH_NOTES.format(script=script, noted=noted, done=DONE, ready=READY))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb"}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
    try:
        os.write(terminal, f"source {setup}\n".encode())
        seen, end = "", time.monotonic() + 60
        while "".join(READY) not in seen:
            assert time.monotonic() < end, seen
            seen += _read(terminal)
        os.write(terminal, f"{typed}\t".encode())
        while DONE not in noted.read_text():
            assert time.monotonic() < end, seen
            seen += _read(terminal)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return set(noted.read_text().split()) - {DONE}


def _read(terminal: int) -> str:
    ready, _, _ = select.select([terminal], [], [], 0.2)
    return os.read(terminal, 65536).decode("utf-8", "replace") if ready else ""
