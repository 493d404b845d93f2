"""Keras applications to ONNX files, from a cold start: `regraft compile` beside tf2onnx, process by process in turn.

usage: python benchmarks/tf_compile.py --tensorflow PYTHON [--form saved-model|frozen] [--rounds 3] [--json FILE]

`--tensorflow` is the interpreter of an environment that has TensorFlow, Keras and tf2onnx; it also builds the models
(keras_models.py), with random weights, into `--folder`, where they are taken from the next time.
Prints for each model the medians of both and the median of the rounds' ratios. Exit code 1 when regraft is less than
`--faster` times as fast, or takes more than a `--smaller`th of the memory, on any of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from processes import interleaved, median, ratio, row

APPLICATIONS = "MobileNetV2,ResNet50,InceptionV3,EfficientNetB0,DenseNet121"
NAMES = "names.json"


def build(names: list[str], folder: Path, tensorflow: str) -> dict[str, dict[str, str]]:
    """The models' input and output names; those that are not there are built."""
    known: dict[str, dict[str, str]] = {}
    if (folder / NAMES).exists():
        known = json.loads((folder / NAMES).read_text())
    missing = [name for name in names if name not in known]
    if missing:
        print(f"building {', '.join(missing)}", file=sys.stderr)
        helper = [tensorflow, str(Path(__file__).with_name("keras_models.py")), str(folder), *missing]
        said = subprocess.run(helper, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        known |= json.loads(said.splitlines()[-1])
        (folder / NAMES).write_text(json.dumps(known))
    return known


def commands(args: argparse.Namespace, name: str, ends: dict[str, str], out: Path) -> dict[str, list[str]]:
    """The two contenders for one model."""
    ours = [args.python, "-m", "regraft", "compile"]
    peer = [args.tensorflow, "-m", "tf2onnx.convert", "--opset", "17", "--output", str(out / "peer.onnx")]
    if args.form == "saved-model":
        ours.append(str(args.folder / name))
        peer += ["--saved-model", str(args.folder / name)]
    else:
        named = ["--inputs", ends["inputs"], "--outputs", ends["outputs"]]
        ours += [str(args.folder / f"{name}.pb"), *named]
        peer += ["--graphdef", str(args.folder / f"{name}.pb"), *named]
    return {"regraft": [*ours, "-o", str(out / "ours.onnx"), "--quiet"], "tf2onnx": peer}


def measured(args: argparse.Namespace, name: str, ends: dict[str, str]) -> dict[str, Any]:
    """Measure one model, and print its rows."""
    with tempfile.TemporaryDirectory() as out:
        results = interleaved(commands(args, name, ends, Path(out)), args.rounds)
    times = ratio(results["tf2onnx"], results["regraft"])
    for contender, runs in results.items():
        print(row(f"{name} {contender}", runs))
    print(f"{name:24} {times.seconds:6.1f} times as fast, in a {times.megabytes:.1f}th of the memory", flush=True)
    medians = {contender: median(runs)._asdict() for contender, runs in results.items()}
    return {"model": name, "form": args.form, **medians, "ratio": times._asdict()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensorflow", metavar="PYTHON", required=True)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has regraft")
    parser.add_argument("--models", default=APPLICATIONS, help="names of keras.applications")
    parser.add_argument("--form", choices=("saved-model", "frozen"), default="saved-model")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "keras-applications")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faster", type=float, default=4.0)
    parser.add_argument("--smaller", type=float, default=3.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    args = parser.parse_args()
    ends = build(args.models.split(","), args.folder, args.tensorflow)
    rows = [measured(args, name, ends[name]) for name in args.models.split(",")]
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))
    missed = [r["model"] for r in rows if r["ratio"]["seconds"] < args.faster or r["ratio"]["megabytes"] < args.smaller]
    if missed:
        print(f"not {args.faster:g} times as fast in a {args.smaller:g}rd of the memory: {', '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
