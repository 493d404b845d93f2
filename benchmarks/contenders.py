"""What runs a model of `benchmarks/latency.py`: regraft, OpenCV 4, TensorFlow, and ONNX Runtime over tf2onnx's file.

Each of `CONTENDERS` takes a `Case`, the number of threads and a folder for files, loads the model, and returns a
function that runs it once and returns its outputs by name. It raises `Unavailable` where it cannot run the model.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

import regraft

Array = npt.NDArray[Any]
Run = Callable[[], dict[str, Array]]
OPSET = 17
CONVERSION_SECONDS = 900


class Unavailable(Exception):
    """The contender cannot run the model; the message says why in a few words."""


@dataclass(frozen=True)
class Case:
    """A model, the inputs that it is run on and, where they were recorded, its outputs. `kind` is the file's."""

    name: str
    kind: str
    path: Path
    feeds: dict[str, Array]
    expected: dict[str, Array]
    weights: Path | None = None

    @property
    def dialect(self) -> str:
        """`caffe` or `tensorflow`."""
        return "caffe" if self.kind == "caffe" else "tensorflow"


def find_cases(folder: Path) -> list[Case]:
    """The models in the subfolders of `folder` that have recorded inputs and outputs in `io.npz`, by name."""
    found = []
    for record in sorted(folder.glob("*/io.npz")):
        home = record.parent
        with np.load(record) as arrays:
            feeds = {name[3:]: arrays[name] for name in arrays if name.startswith("in:")}
            expected = {name[4:]: arrays[name] for name in arrays if name.startswith("out:")}
        if (home / "deploy.prototxt").exists():
            weights = home / "weights.caffemodel"
            found.append(Case(home.name, "caffe", home / "deploy.prototxt", feeds, expected, weights))
        elif (home / "graph.pb").exists():
            found.append(Case(home.name, "graph", home / "graph.pb", feeds, expected))
        elif (home / "saved_model").exists():
            found.append(Case(home.name, "saved_model", home / "saved_model", feeds, expected))
    return found


def by_regraft(case: Case, threads: int, folder: Path) -> Run:
    """regraft's session of what it compiles for the shapes of the inputs."""
    arguments: dict[str, Any] = {"input_shapes": {name: array.shape for name, array in case.feeds.items()}}
    if case.kind == "graph":
        arguments |= {"inputs": list(case.feeds), "outputs": list(case.expected)}
    model = regraft.compile(case.path, case.weights, **arguments)
    session = model.session(threads=threads)
    return lambda: session.run(case.feeds)


def by_opencv(case: Case, threads: int, folder: Path) -> Run:
    """OpenCV's dnn, which reads Caffe up to version 4."""
    if case.kind != "caffe":
        raise Unavailable("not measured")
    cv2 = _module("cv2")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        raise Unavailable("needs OpenCV 4")
    cv2.setNumThreads(threads)
    try:
        net = cv2.dnn.readNetFromCaffe(str(case.path), str(case.weights))
    except cv2.error as error:
        raise Unavailable("cannot read it") from error
    names = net.getUnconnectedOutLayersNames()

    def run() -> dict[str, Array]:
        for name, array in case.feeds.items():
            net.setInput(array, name)
        return dict(zip(names, net.forward(names), strict=True))

    return run


def by_tensorflow(case: Case, threads: int, folder: Path) -> Run:
    """TensorFlow's own function of the graph or of the SavedModel's signature."""
    if case.dialect == "caffe":
        raise Unavailable("not measured")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tf = _module("tensorflow")
    _tensorflow_threads(tf, threads)
    if case.kind == "saved_model":
        return _saved_model(tf, case, threads)
    graph = tf.compat.v1.GraphDef.FromString(case.path.read_bytes())
    imported = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    pick = imported.graph.as_graph_element
    pruned = imported.prune([pick(name) for name in case.feeds], [pick(name) for name in case.expected])
    tensors = [tf.constant(array) for array in case.feeds.values()]
    return lambda: dict(zip(case.expected, (t.numpy() for t in pruned(*tensors)), strict=True))


def _saved_model(tf: Any, case: Case, threads: int) -> Run:
    """In a session: TensorFlow cannot load older SavedModels of Keras otherwise."""
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(case.path))
    signature = loaded.signature_def["serving_default"]
    tensors = {name: signature.outputs[name].name for name in case.expected}
    feeds = {signature.inputs[name].name: array for name, array in case.feeds.items()}
    callable_ = session.make_callable(tensors, list(feeds))
    return lambda: callable_(*feeds.values())


def by_tf2onnx(case: Case, threads: int, folder: Path) -> Run:
    """ONNX Runtime over the file that tf2onnx writes; it is asked for the shapes of the inputs too."""
    if case.dialect == "caffe":
        raise Unavailable("not measured")
    target = folder / f"{case.name}.onnx"
    if not target.exists():
        _convert(case, target)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(str(target), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Unavailable("its file does not load") from error
    known = {_plain(i.name): i.name for i in session.get_inputs()}
    feeds = {known[_plain(name)]: array for name, array in case.feeds.items()}
    names = [o.name for o in session.get_outputs()]
    return lambda: dict(zip(names, session.run(names, feeds), strict=True))


def _plain(name: str) -> str:
    """Names of SavedModels come back from tf2onnx in small letters."""
    return name.removesuffix(":0").lower()


def _convert(case: Case, target: Path) -> None:
    command = [sys.executable, "-m", "tf2onnx.convert", "--opset", str(OPSET), "--output", str(target)]
    if case.kind == "saved_model":
        command += ["--saved-model", str(case.path)]
    else:
        sizes = {name: ",".join(map(str, array.shape)) for name, array in case.feeds.items()}
        inputs = ",".join(f"{name}[{size}]" if size else name for name, size in sizes.items())
        command += ["--graphdef", str(case.path), "--inputs", inputs, "--outputs", ",".join(case.expected)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CONVERSION_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable("does not finish") from None
    if done.returncode or not target.exists():
        raise Unavailable("fails to convert")


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Unavailable("not installed") from None


def _tensorflow_threads(tf: Any, threads: int) -> None:
    """Set them before TensorFlow has started its pools; afterwards they stay as they are."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)


CONTENDERS: dict[str, Callable[[Case, int, Path], Run]] = {
    "regraft": by_regraft,
    "OpenCV": by_opencv,
    "TensorFlow": by_tensorflow,
    "tf2onnx": by_tf2onnx,
}
"""By the name that the tables give them."""
