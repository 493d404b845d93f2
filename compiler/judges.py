"""Who a compiled model can be compared with: the frameworks, where they are installed, and another ONNX file.

None of them is needed to compile or run; each is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError

from regraft.errors import Diagnostic, UsageError

Arrays = Mapping[str, npt.NDArray[Any]]
Wanted = Mapping[str, str]
"""Tensors, each with the source layer whose result it is."""
Judge = Callable[[Path, Path | None, Arrays, Wanted], dict[str, npt.NDArray[Any]]]
"""(model, weights, inputs, tensors wanted) -> those that it has"""


def by_tensorflow(model: Path, weights: Path | None, feeds: Arrays, wanted: Wanted) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a frozen graph or SavedModel as TensorFlow computes them.

    A SavedModel's inputs and outputs go by the keys of its signature, as they do in the compiled model.
    """
    tf = _import("tensorflow", "pip install tensorflow").compat.v1
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        inputs, outputs = _saved_model(tf, session, model) if model.is_dir() else _graph(tf, model)
        names = {name: outputs.get(name, _with_slot(name)) for name in wanted}
        known = {name: tensor for name, tensor in names.items() if _has_tensor(graph, tensor)}
        given = {inputs.get(name, _with_slot(name)): array for name, array in feeds.items()}
        values = session.run(known, given)
    return {name: np.asarray(value) for name, value in values.items()}


def _graph(tf: Any, model: Path) -> tuple[dict[str, str], dict[str, str]]:
    definition = tf.GraphDef()
    if model.suffix == ".pbtxt":
        importlib.import_module("google.protobuf.text_format").Parse(model.read_text(), definition)
    else:
        definition.ParseFromString(model.read_bytes())
    tf.import_graph_def(definition, name="")
    return {}, {}


def _saved_model(tf: Any, session: Any, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Load the meta graph for serving; the tensors of its signature by their keys."""
    try:
        meta = tf.saved_model.load(session, ["serve"], str(folder))
    except (OSError, RuntimeError) as error:
        message = f"TensorFlow does not load {folder.name} as a SavedModel for serving"
        lines = (str(error).splitlines()[0],)
        raise UsageError(Diagnostic("no-judge", message, lines=lines, cures=("--against reference",))) from error
    signatures = dict(meta.signature_def)
    signature = signatures.get("serving_default") or next(iter(signatures.values()))
    inputs = {key: info.name for key, info in signature.inputs.items()}
    return inputs, {key: info.name for key, info in signature.outputs.items()}


def by_opencv(model: Path, weights: Path | None, feeds: Arrays, wanted: Wanted) -> dict[str, npt.NDArray[Any]]:
    """The outputs of a Caffe net's layers as OpenCV 4 computes them."""
    cv2 = _import("cv2", "pip install 'opencv-python-headless<5'")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        message = f"OpenCV {cv2.__version__} reads no Caffe files"
        raise UsageError(Diagnostic("no-judge", message, cures=("pip install 'opencv-python-headless<5'",)))
    net = cv2.dnn.readNetFromCaffe(str(model), str(weights) if weights else "")
    for name, array in feeds.items():
        net.setInput(np.ascontiguousarray(array), name)
    known = set(net.getLayerNames())
    tensors = {layer: tensor for tensor, layer in wanted.items() if layer in known}
    return dict(zip(tensors.values(), net.forward(list(tensors)), strict=True)) if tensors else {}


def by_caffe(model: Path, weights: Path | None, feeds: Arrays, wanted: Wanted) -> dict[str, npt.NDArray[Any]]:
    """The blobs of a net as Caffe computes them; an in-place blob is its last value."""
    caffe = _import("caffe", "build Caffe with its Python interface")
    net = caffe.Net(str(model), str(weights), caffe.TEST) if weights else caffe.Net(str(model), caffe.TEST)
    for name, array in feeds.items():
        net.blobs[name].reshape(*array.shape)
        net.blobs[name].data[...] = array
    net.forward()
    return {name: net.blobs[name].data.copy() for name in wanted if name in net.blobs}


def by_onnx(model: Path, weights: Path | None, feeds: Arrays, wanted: Wanted) -> dict[str, npt.NDArray[Any]]:
    """The tensors of another ONNX file, by ONNX Runtime.

    Raises:
        UsageError: it is no ONNX file, or has other inputs.
    """
    from regraft.runtime.compare import session_of_all

    try:
        loaded = onnx.load(model, format="protobuf")
    except FileNotFoundError:
        raise UsageError(Diagnostic("no-file", f"{model} does not exist", cures=("check the path",))) from None
    except (OSError, ValueError, DecodeError) as error:
        raise UsageError(Diagnostic("not-onnx", f"{model.name} is no ONNX model", cures=("check the path",))) from error
    session = session_of_all(loaded)
    missing = [str(info) for info in session.inputs if info.name not in feeds]
    if missing:
        message = f"{model.name} has an input that the model has not: {missing[0]}"
        cures = ("--rename, or the names that the other file was written with",)
        raise UsageError(Diagnostic("other-inputs", message, cures=cures))
    return session.run({info.name: feeds[info.name] for info in session.inputs})


JUDGES: dict[str, Judge] = {"caffe": by_caffe, "tensorflow": by_tensorflow, "opencv": by_opencv, "onnx": by_onnx}


def _import(module: str, cure: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        cures = (cure, "--against reference, which needs nothing installed")
        raise UsageError(Diagnostic("no-judge", f"{module} is not installed here", cures=cures)) from error


def _with_slot(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _has_tensor(graph: Any, name: str) -> bool:
    try:
        graph.get_tensor_by_name(name)
    except (KeyError, ValueError):
        return False
    return True
