"""Small TensorFlow graphs, with and without TensorFlow: written, compiled, run, and compared.

    net = one_op("Conv2D", Feed(image), weights, strides=[1, 1, 1, 1], padding="SAME")     # needs no TensorFlow
    check(net, expected, tmp_path)                  # against numbers of the test's own
    judge(net, tmp_path)                            # against TensorFlow's numbers
    judge(from_tensorflow(lambda tf, x: tf.nn.relu(x), image), tmp_path)

Every comparison runs the model with ONNX Runtime's own optimisations off and on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from agreement import reference_agrees

import regraft

Array = npt.NDArray[Any]

_TYPES = {
    "float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF", "int8": "DT_INT8", "int16": "DT_INT16",
    "int32": "DT_INT32", "int64": "DT_INT64", "uint8": "DT_UINT8", "uint16": "DT_UINT16", "uint32": "DT_UINT32",
    "uint64": "DT_UINT64", "bool": "DT_BOOL", "complex64": "DT_COMPLEX64", "object": "DT_STRING",
}  # fmt: skip


@dataclass(frozen=True)
class Feed:
    """A graph input and its value; `shape` is what its placeholder declares: None in it is any size, "any" any rank."""

    array: Array
    shape: Sequence[int | None] | str | None = None

    @property
    def declared(self) -> tuple[int | None, ...] | None:
        """The placeholder's shape, None when even the rank is unknown."""
        if isinstance(self.shape, str):
            return None
        return tuple(self.array.shape if self.shape is None else self.shape)


@dataclass
class Net:
    """A GraphDef, text or binary, the values to feed and the outputs to look at."""

    graph: str | bytes
    feeds: dict[str, Array]
    outputs: list[str]
    expected: list[Array] = field(default_factory=list)

    def write(self, folder: Path) -> Path:
        """The graph as a file."""
        path = folder / ("net.pbtxt" if isinstance(self.graph, str) else "net.pb")
        path.write_bytes(self.graph.encode() if isinstance(self.graph, str) else self.graph)
        return path

    def compile(self, folder: Path, **options: Any) -> regraft.Model:
        """The compiled model; `options` are those of `regraft.compile`."""
        return regraft.compile(self.write(folder), outputs=self.outputs, **options)

    def run(self, model: regraft.Model, *, optimise: bool) -> list[Array]:
        """The outputs in order."""
        session = model.session(optimise=optimise)
        given = session.run({i.name: self.feeds[i.name] for i in session.inputs})
        return [given[name] for name in self.outputs]

    def tensorflow(self) -> list[Array]:
        """The outputs by TensorFlow; skips the test where it is absent."""
        if self.expected:
            return self.expected
        tf = pytest.importorskip("tensorflow")
        from google.protobuf import text_format

        definition = tf.compat.v1.GraphDef()
        if isinstance(self.graph, str):
            text_format.Parse(self.graph, definition)
        else:
            definition.ParseFromString(self.graph)
        with tf.Graph().as_default(), _session(tf) as session:
            tf.import_graph_def(definition, name="")
            return [np.asarray(a) for a in session.run(self.outputs, self.feeds)]


class GraphText:
    """Writes a text GraphDef node by node; every method gives the name that other nodes read."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.feeds: dict[str, Array] = {}
        self.types: dict[str, str] = {}

    def operand(self, value: Any) -> str:
        """A name as it is, a `Feed` as a placeholder, anything else as a constant."""
        if isinstance(value, str):
            return value
        return self.feed(value) if isinstance(value, Feed) else self.const(np.asarray(value))

    def feed(self, feed: Feed, name: str = "") -> str:
        """A placeholder."""
        name = name or f"x{len(self.feeds)}"
        self.feeds[f"{name}:0"] = feed.array
        attrs = f'attr {{ key: "dtype" value {{ type: {_type(feed.array.dtype)} }} }}'
        if feed.declared is None:
            shape = "unknown_rank: true"
        else:
            shape = " ".join(f"dim {{ size: {-1 if d is None else d} }}" for d in feed.declared)
        attrs += f' attr {{ key: "shape" value {{ shape {{ {shape} }} }} }}'
        return self._node(name, "Placeholder", [], attrs, _type(feed.array.dtype))

    def const(self, array: Array, name: str = "") -> str:
        """A constant; Python integers are int32, as in TensorFlow."""
        if array.dtype == np.float64 and array.size == 0:
            array = array.astype(np.int32)
        kind = _type(array.dtype)
        shape = " ".join(f"dim {{ size: {d} }}" for d in array.shape)
        data = "".join(f"\\{b:03o}" for b in array.tobytes())
        tensor = f'tensor {{ dtype: {kind} tensor_shape {{ {shape} }} tensor_content: "{data}" }}'
        attrs = f'attr {{ key: "dtype" value {{ type: {kind} }} }} attr {{ key: "value" value {{ {tensor} }} }}'
        return self._node(name or f"const{len(self.text)}", "Const", [], attrs, kind)

    def node(self, op: str, *operands: Any, name: str = "", **attrs: Any) -> str:
        """Any op; `T` is the type of the first operand unless it is given (None: the op has no T)."""
        inputs = [self.operand(o) for o in operands]
        kind = self.types.get(inputs[0].partition(":")[0], "DT_FLOAT") if inputs else "DT_FLOAT"
        attrs = {"T": Type(kind), **attrs}
        text = " ".join(f'attr {{ key: "{k}" value {{ {_attr(v)} }} }}' for k, v in attrs.items() if v is not None)
        return self._node(name or f"{op}{len(self.text)}", op, inputs, text, kind)

    def net(self, *outputs: str) -> Net:
        """The graph with these outputs."""
        graph = "\n".join(self.text) + "\nversions { producer: 1000 }\n"
        return Net(graph, dict(self.feeds), [o if ":" in o else f"{o}:0" for o in outputs])

    def _node(self, name: str, op: str, inputs: Sequence[str], attrs: str, kind: str) -> str:
        read = " ".join(f'input: "{i}"' for i in inputs)
        self.text.append(f'node {{ name: "{name}" op: "{op}" {read} {attrs} }}')
        self.types[name] = kind
        return name


@dataclass(frozen=True)
class Type:
    """An attribute that is an element type: `Type("DT_INT64")`."""

    name: str


def _type(dtype: Any) -> str:
    return _TYPES[np.dtype(dtype).name]


def _attr(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return f"b: {str(bool(value)).lower()}"
    if isinstance(value, Type):
        return f"type: {value.name}"
    if isinstance(value, (type, np.dtype)):
        return f"type: {_type(value)}"
    if isinstance(value, (int, np.integer)):
        return f"i: {value}"
    if isinstance(value, float):
        return f"f: {value}"
    if isinstance(value, str):
        return f's: "{value}"'
    return f"list {{ {' '.join(_attr(v) for v in value)} }}"


def _session(tf: Any) -> Any:
    """A session that runs the graph as it is, not what TensorFlow's optimiser makes of it."""
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.compat.v1.Session(config=config)


def one_op(op: str, *operands: Any, outputs: int = 1, **attrs: Any) -> Net:
    """A graph of one op called `y`: `Feed`s are its graph inputs, arrays and numbers constants (ints are int32)."""
    graph = GraphText()
    made = [np.asarray(o, np.int32) if isinstance(o, (int, list, tuple)) else o for o in operands]
    graph.node(op, *made, name="y", **attrs)
    return graph.net(*[f"y:{i}" for i in range(outputs)])


def from_tensorflow(build: Callable[..., Any], *feeds: Array | Feed) -> Net:
    """The graph that `build(tf, *placeholders)` makes in TensorFlow, with its outputs; skips where that is absent."""
    tf = pytest.importorskip("tensorflow")
    given = [f if isinstance(f, Feed) else Feed(np.asarray(f)) for f in feeds]
    with tf.Graph().as_default() as graph, _session(tf) as session:
        inputs = [tf.compat.v1.placeholder(f.array.dtype, f.declared, f"x{i}") for i, f in enumerate(given)]
        made = build(tf, *inputs)
        results = made if isinstance(made, (list, tuple)) else [made]
        results = [tf.identity(r, f"y{i}") for i, r in enumerate(results)]
        values = {f"x{i}:0": f.array for i, f in enumerate(given)}
        expected = [np.asarray(a) for a in session.run(results, values)]
        return Net(graph.as_graph_def().SerializeToString(), values, [r.name for r in results], expected)


def check(
    net: Net,
    expected: Array | Sequence[Array],
    folder: Path,
    *,
    rtol: float = 1e-5,
    atol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> regraft.Model:
    """Compile, run with optimisations off and on, and compare dtype, shape and numbers; the reference as well.

    A number matches within `rtol` times its size plus `atol`, which is by default `rtol` times the largest number.
    """
    wanted = [expected] if isinstance(expected, np.ndarray) else list(expected)
    model = net.compile(folder, **(options or {}))
    named = dict(zip(net.outputs, wanted, strict=True))
    reference_agrees((net.write(folder), None), net.feeds, named, options or {}, rtol=rtol, atol=atol)
    for optimise in (False, True):
        for name, actual, want in zip(net.outputs, net.run(model, optimise=optimise), wanted, strict=True):
            message = f"{name}, ONNX Runtime's optimisations {'on' if optimise else 'off'}"
            assert actual.dtype == want.dtype, f"{message}: {actual.dtype}, not {want.dtype}"
            assert actual.shape == want.shape, f"{message}: {actual.shape}, not {want.shape}"
            finite = want[np.isfinite(want)] if want.dtype.kind == "f" else want
            largest = float(np.abs(finite).max()) if finite.size and want.dtype.kind == "f" else 0.0
            slack = rtol * largest if atol is None else atol
            np.testing.assert_allclose(
                actual, want, rtol=rtol if want.dtype.kind == "f" else 0, atol=slack, err_msg=message
            )
    return model


def judge(net: Net, folder: Path, **tolerance: Any) -> regraft.Model:
    """`check` against TensorFlow's own numbers."""
    return check(net, net.tensorflow(), folder, **tolerance)


def refused(net: Net, folder: Path, says: str) -> None:
    """The compilation must fail, and say so."""
    with pytest.raises(regraft.CompileError) as error:
        net.compile(folder)
    assert says in str(error.value)


def numbers(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Array:
    """Reproducible numbers around zero, integers from -100 to 100 for integer types."""
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        return random.integers(0 if np.dtype(dtype).kind == "u" else -100, 100, shape).astype(dtype)
    return random.standard_normal(shape).astype(dtype)
