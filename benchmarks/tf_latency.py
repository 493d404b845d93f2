"""Latency of compiled Keras applications beside TensorFlow, and ONNX Runtime over tf2onnx's file.

    python benchmarks/tf_latency.py [--only NAME ...] [--folder FOLDER] [--threads 2] [--seconds 10]

The models have random weights; keras_models.py builds them into `--folder`, where they are taken from the next time.
The interpreter needs TensorFlow and tf2onnx. All contenders run in this process, in turns, as in latency.py. Exit code
1 when regraft takes more than `--slower` times as long as the better of the others on any of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from contenders import Case, Unavailable, by_tensorflow
from latency import Measured, measure, table
from tf_compile import APPLICATIONS, build


def case(name: str, ends: dict[str, str], folder: Path, threads: int) -> Case:
    """A frozen graph on one picture of noise; what TensorFlow computes is what is expected."""
    import tensorflow as tf

    path = folder / f"{name}.pb"
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    [node] = [node for node in graph.node if node.name == ends["inputs"].partition(":")[0]]
    sizes = [1 if dim.size < 0 else dim.size for dim in node.attr["shape"].shape.dim]
    picture = np.random.default_rng(0).random(sizes, dtype=np.float32)
    unknown = Case(name, "graph", path, {ends["inputs"]: picture}, {ends["outputs"]: np.zeros(0)})
    return Case(name, "graph", path, unknown.feeds, by_tensorflow(unknown, threads, folder)())


def slower(measured: Measured) -> float:
    """How many times as long as the better of the others regraft takes."""
    return 1 / min(measured.ratio(name) for name in measured.turns if name != "regraft")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=APPLICATIONS.split(","), metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "keras-applications")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="a model")
    parser.add_argument("--slower", type=float, default=1.03)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    known = build(args.only, args.folder, sys.executable)
    results = []
    with tempfile.TemporaryDirectory() as files:
        for name in args.only:
            try:
                model = case(name, known[name], args.folder, args.threads)
                results.append(measure(model, args.threads, args.seconds, Path(files)))
            except Unavailable as reason:
                parser.error(f"TensorFlow: {reason}")
            print(table(results[-1:])[2], results[-1].difference, flush=True)
    print("\n".join(table(results)))
    missed = [f"{r.case.name} ({slower(r):.2f})" for r in results if slower(r) > args.slower]
    print(f"slower than the better of the others: {', '.join(missed)}" if missed else "none is slower")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
