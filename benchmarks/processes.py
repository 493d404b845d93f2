"""Commands measured as whole processes, in turn: what the benchmarks of cold starts share."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One process: seconds from start to end, seconds of the processor, and peak megabytes."""

    seconds: float
    cpu: float
    megabytes: float


def run(command: Sequence[str], bytecode: Path | None = None) -> Run:
    """Run a command to its end. With `bytecode`, Python keeps there what it has compiled, as installed packages do.

    Raises:
        SystemExit: the command fails; shows the end of what it said.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    if bytecode:
        environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment if bytecode else None)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}\n{said.read().decode(errors='replace')[-3000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Run]]:
    """All commands in turn, `rounds` times, after a first round that does not count: it compiles Python's modules."""
    results: dict[str, list[Run]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as bytecode:
        for number in range(rounds + 1):
            for name, command in commands.items():
                found = run(command, Path(bytecode))
                if number:
                    results[name].append(found)
    return results


def median(runs: Sequence[Run]) -> Run:
    """The median of each number."""
    return Run(*(statistics.median(column) for column in zip(*runs, strict=True)))


def ratio(many: Sequence[Run], few: Sequence[Run]) -> Run:
    """How many times as much the one takes as the other: the median over the rounds."""
    return median(
        [Run(*(a / b for a, b in zip(one, other, strict=True))) for one, other in zip(many, few, strict=True)]
    )


def row(name: str, runs: Sequence[Run]) -> str:
    """A line of a table."""
    middle, best = median(runs), min(each.seconds for each in runs)
    return (
        f"{name:24} {middle.seconds:6.2f} s (best {best:.2f}, CPU {middle.cpu:.2f})   peak {middle.megabytes:5.0f} MB"
    )
