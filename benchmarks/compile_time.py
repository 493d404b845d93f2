"""A TensorFlow graph to an ONNX file, from a cold start: `regraft compile` beside tf2onnx, process by process in turn.

usage: python benchmarks/compile_time.py GRAPH.pb --inputs image:0 --outputs out:0 [--peer PYTHON] [--rounds 5]

`--peer` is the interpreter of an environment that has tf2onnx and TensorFlow; without it regraft is measured alone.
Prints the medians of wall time and of peak memory, and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from processes import interleaved, ratio, row


def commands(args: argparse.Namespace, folder: Path) -> dict[str, list[str]]:
    """What is measured."""
    ends = ["--inputs", args.inputs, "--outputs", args.outputs]
    ours = [args.python, "-m", "regraft", "compile", str(args.graph), *ends, "-o", str(folder / "ours.onnx"), "--quiet"]
    found = {"regraft": ours}
    if args.peer:
        module = [args.peer, "-m", "tf2onnx.convert", "--graphdef", str(args.graph), *ends]
        found["tf2onnx"] = [*module, "--opset", "17", "--output", str(folder / "peer.onnx")]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--outputs", required=True)
    parser.add_argument("--peer", metavar="PYTHON")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has regraft")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = interleaved(commands(args, Path(temporary)), args.rounds)
    for name, runs in results.items():
        print(row(name, runs))
    if args.peer:
        times = ratio(results["tf2onnx"], results["regraft"])
        print(f"regraft is {times.seconds:.1f} times as fast, in a {times.megabytes:.1f}th of the memory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
