"""The same files read by TensorFlow itself: everything must be equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.frontends.tensorflow import schema
from regraft.frontends.tensorflow.checkpoint import Checkpoint
from regraft.frontends.tensorflow.dtypes import KNOWN_TYPES, DType, dtype_of
from regraft.frontends.tensorflow.graphdef import FuncRef, FunctionDef, NodeDef, Placeholder, TensorRef, read_graphdef
from regraft.frontends.tensorflow.saved_model import read_meta_graph, read_saved_model
from regraft.frontends.tensorflow.text import read_text_graphdef

tf = pytest.importorskip("tensorflow", reason="TensorFlow, the judge, is not installed")
pytestmark = pytest.mark.judge

GRAPHS = [
    "aizoo_facemask_tf/graph.pb",
    "cifar_checkpoint/frozen_model.pb",
    "fsrcnn_x2/graph.pb",
    "mtcnn_tf/graph.pb",
    "tf_pose/graph.pb",
]
SAVED_MODELS = ["basic_pitch", "cifar_saved_model", "mnist_conv_saved_model"]


def test_field_numbers():
    """The descriptors of the text reader are TensorFlow's own, as far as they go."""
    from google.protobuf import descriptor_pool
    from tensorflow.core.protobuf import saved_model_pb2  # noqa: F401 (registers the messages)

    nested = {"Dim": "TensorShapeProto.Dim", "ListValue": "AttrValue.ListValue", "ArgAttrs": "FunctionDef.ArgAttrs"}
    nested |= {"ArgDef": "OpDef.ArgDef", "MetaInfoDef": "MetaGraphDef.MetaInfoDef", "CooSparse": "TensorInfo.CooSparse"}
    nested |= {"NodeList": "CollectionDef.NodeList", "BytesList": "CollectionDef.BytesList"}
    nested |= {"CompositeTensor": "TensorInfo.CompositeTensor"}
    nested |= {"ObjectReference": "TrackableObjectGraph.TrackableObject.ObjectReference"}
    theirs = descriptor_pool.Default()
    for name in schema._MESSAGES:
        if name == "CheckpointState":
            continue
        real = theirs.FindMessageTypeByName(f"tensorflow.{nested.get(name, name)}").fields_by_name
        for field in schema.new_message(name).DESCRIPTOR.fields:
            found = real[field.name]
            assert (found.number, found.is_repeated) == (field.number, field.is_repeated), (name, field.name)
            assert found.type == field.type or {found.type, field.type} <= {5, 14}, (name, field.name)


def test_types():
    for number in KNOWN_TYPES:
        try:
            theirs = tf.dtypes.as_dtype(number)
        except TypeError:  # 0 (invalid), and types newer than this TensorFlow
            continue
        ours = dtype_of(number)
        assert ours.name == theirs.name
        if ours.numpy is not None and not ours.is_ref and ours.numpy.metadata is None:
            expected = np.dtype(theirs.as_numpy_dtype)
            assert ours.numpy.itemsize == expected.itemsize and (expected.names or ours.numpy == expected)


def shape_of(proto: Any) -> tuple[int | None, ...] | None:
    if proto.unknown_rank:
        return None
    return tuple(None if dim.size == -1 else dim.size for dim in proto.dim)


def assert_tensor(ours: Any, proto: Any) -> None:
    assert isinstance(ours, TensorRef) and ours.dtype.number == proto.dtype
    assert ours.shape == shape_of(proto.tensor_shape)
    if ours.dtype.numpy is None:
        return
    expected, found = tf.make_ndarray(proto), ours.array()
    assert found.shape == expected.shape and found.dtype.itemsize == expected.dtype.itemsize
    if expected.dtype == object:
        assert found.tolist() == expected.tolist()
    else:
        assert found.tobytes() == expected.tobytes()


def assert_attr(ours: Any, proto: Any) -> None:
    kind = proto.WhichOneof("value") if hasattr(proto, "placeholder") else None
    if kind == "list":
        filled = [(f.name, values) for f, values in proto.list.ListFields()]
        assert len(filled) <= 1
        name, values = filled[0] if filled else ("i", [])
        assert isinstance(ours, tuple) and len(ours) == len(values)
        for mine, value in zip(ours, values, strict=True):
            assert_value(name, mine, value)
    elif kind is not None:
        assert_value(kind, ours, getattr(proto, kind))


def assert_value(kind: str, ours: Any, value: Any) -> None:
    if kind == "type":
        assert isinstance(ours, DType) and ours.number == value
    elif kind == "shape":
        assert ours == shape_of(value)
    elif kind == "tensor":
        assert_tensor(ours, value)
    elif kind == "func":
        assert isinstance(ours, FuncRef) and ours.name == value.name
        assert_attrs(ours.attrs, value.attr)
    elif kind == "placeholder":
        assert ours == Placeholder(value)
    else:
        assert type(ours) is type(value) and (ours == value or ours != ours)


def assert_attrs(ours: dict[str, Any], protos: Any) -> None:
    assert set(ours) == {key for key, proto in protos.items() if proto.WhichOneof("value")}
    for key, value in ours.items():
        assert_attr(value, protos[key])


def assert_nodes(ours: list[NodeDef], protos: Any) -> None:
    assert len(ours) == len(protos)
    for node, proto in zip(ours, protos, strict=True):
        assert (node.name, node.op, node.inputs) == (proto.name, proto.op, tuple(proto.input))
        assert node.device == proto.device
        assert_attrs(node.attrs, proto.attr)


def assert_function(ours: FunctionDef, proto: Any) -> None:
    for mine, theirs in ((ours.inputs, proto.signature.input_arg), (ours.outputs, proto.signature.output_arg)):
        assert [(a.name, a.type_attr, a.number_attr, a.type_list_attr, a.is_ref) for a in mine] == [
            (a.name, a.type_attr, a.number_attr, a.type_list_attr, a.is_ref) for a in theirs
        ]
        assert [a.dtype.number if a.dtype else 0 for a in mine] == [a.type for a in theirs]
    assert ours.ret == dict(proto.ret)
    assert_attrs(ours.attrs, proto.attr)
    assert_nodes(ours.nodes, proto.node_def)


def assert_graph(ours: Any, proto: Any) -> None:
    assert_nodes(ours.nodes, proto.node)
    assert set(ours.functions) == {f.signature.name for f in proto.library.function}
    for function in proto.library.function:
        assert_function(ours.functions[function.signature.name], function)
    assert ours.producer == (proto.versions.producer or proto.version)


def their_graph(path: Path) -> Any:
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(path.read_bytes())
    return graph


@pytest.mark.models
@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(models_dir, name):
    assert_graph(read_graphdef(models_dir / name), their_graph(models_dir / name))


@pytest.mark.models
@pytest.mark.parametrize("name", ["fsrcnn_x2/graph.pb", "mtcnn_tf/graph.pb"])
def test_graphs_in_text_form(models_dir, tmp_path, name):
    graph = their_graph(models_dir / name)
    for node in graph.node:  # large constants make the text reader slow, and are the same thing again
        if len(node.attr["value"].tensor.tensor_content) > 4096:
            node.attr["value"].tensor.tensor_content = b""
    tf.io.write_graph(graph, str(tmp_path), "graph.pbtxt", as_text=True)
    ours = read_text_graphdef(tmp_path / "graph.pbtxt")
    assert_graph(ours, graph)
    lines = (tmp_path / "graph.pbtxt").read_text().splitlines()
    assert all(lines[node.line - 1] == "node {" and node.name in lines[node.line] for node in ours.nodes)


@pytest.mark.models
@pytest.mark.parametrize("name", SAVED_MODELS)
def test_saved_models(models_dir, name):
    from tensorflow.core.protobuf import saved_model_pb2

    folder = models_dir / name / "saved_model"
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    ours, theirs = read_saved_model(folder), proto.meta_graphs[0]
    assert_graph(ours.graph, theirs.graph_def)
    assert ours.meta.tags == set(theirs.meta_info_def.tags)
    assert set(ours.meta.signatures) == set(theirs.signature_def)
    for key, signature in ours.meta.signatures.items():
        real = theirs.signature_def[key]
        assert {k: (i.name, i.dtype.number) for k, i in signature.inputs.items()} == {
            k: (i.name, i.dtype) for k, i in real.inputs.items()
        }
        assert {k: i.shape for k, i in signature.outputs.items()} == {
            k: shape_of(i.tensor_shape) if i.HasField("tensor_shape") else None for k, i in real.outputs.items()
        }
    bound = {k: tuple(f.bound_inputs) for k, f in theirs.object_graph_def.concrete_functions.items()}
    assert ours.meta.objects.bound_inputs == bound


def assert_checkpoint(prefix: Path) -> None:
    ours, theirs = Checkpoint(prefix), tf.train.load_checkpoint(str(prefix))
    assert set(ours.keys()) == set(theirs.get_variable_to_shape_map())
    for key in ours:
        expected = theirs.get_tensor(key)
        shape, dtype = ours.shape_dtype(key)
        found = ours.array(key)
        assert dtype.number == theirs.get_variable_to_dtype_map()[key].as_datatype_enum
        assert shape == found.shape == np.shape(expected)
        if found.dtype == object:
            assert found.tolist() == (expected.tolist() if isinstance(expected, np.ndarray) else expected)
        else:
            assert found.tobytes() == np.asarray(expected).tobytes()


@pytest.mark.models
@pytest.mark.parametrize(
    "prefix",
    ["cifar_checkpoint/model.ckpt", *(f"{name}/saved_model/variables/variables" for name in SAVED_MODELS)],
)
def test_checkpoints(models_dir, prefix):
    assert_checkpoint(models_dir / prefix)


@pytest.mark.models
def test_meta_file(models_dir):
    from tensorflow.core.protobuf import meta_graph_pb2

    proto = meta_graph_pb2.MetaGraphDef()
    path = models_dir / "cifar_checkpoint/model.ckpt.meta"
    proto.ParseFromString(path.read_bytes())
    assert_graph(read_meta_graph(path).graph, proto.graph_def)


def test_checkpoint_of_all_types_with_parts(tmp_path):
    chance = np.random.default_rng(0)
    types = ["float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32"]
    types += ["int64", "uint64", "bool", "complex64", "complex128"]
    tensors = {f"v/{name}": tf.cast(tf.constant(chance.integers(0, 2, (3, 5))), name) for name in types}
    tensors |= {"s/scalar": tf.constant(b"one"), "s/empty": tf.zeros([0, 3], tf.string), "e": tf.zeros([2, 0])}
    tensors["s/many"] = tf.constant([[b"", b"a\0\xff"], [b"x" * 300, "é".encode()]])
    tensors["large"] = tf.constant(chance.standard_normal((300, 1000)), tf.float32)
    names, slices = list(tensors), [""] * len(tensors)
    whole = chance.standard_normal((200, 3)).astype(np.float32)
    parts = [tf.constant(whole[:70]), tf.constant(whole[70:])]
    prefix = str(tmp_path / "all.ckpt")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=[*names, "p\xff/arts", "p\xff/arts"],
        shape_and_slices=[*slices, "200 3 0,70:-", "200 3 70,130:-"],
        tensors=[*tensors.values(), *parts],
    )
    assert_checkpoint(Path(prefix))
    np.testing.assert_array_equal(Checkpoint(prefix).array("p\xff/arts"), whole)


def test_checkpoint_in_shards(tmp_path):
    for shard in range(2):
        tf.raw_ops.SaveV2(
            prefix=str(tmp_path / f"part{shard}"),
            tensor_names=[f"w{shard}"],
            shape_and_slices=[""],
            tensors=[tf.fill([4, shard + 2], float(shard))],
        )
    prefix = str(tmp_path / "merged")
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(tmp_path / "part0"), str(tmp_path / "part1")], destination_prefix=prefix
    )
    assert len(list(tmp_path.glob("merged.data-*-of-00002"))) == 2
    assert_checkpoint(Path(prefix))


class Model(tf.Module):
    """Two variables of one name, a table with an asset, a constant, and a function of two results."""

    def __init__(self, words: Path) -> None:
        super().__init__()
        self.first = tf.Variable([1.0, 2.0], name="same")
        self.second = tf.Variable([3.0, 4.0], name="same")
        init = tf.lookup.TextFileInitializer(str(words), tf.string, 0, tf.int64, 1, delimiter=" ")
        self.table = tf.lookup.StaticHashTable(init, -1)
        self.counts = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        self.constant = tf.constant([5.0, 6.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], name="x"), tf.TensorSpec([None], tf.string, name="words")])
    def __call__(self, x: Any, words: Any) -> dict[str, Any]:
        y = x * self.first - self.second + self.constant
        return {"y": y, "ids": self.table.lookup(words) + self.counts.lookup(words)}


def test_saved_model_of_tensorflow_2(tmp_path):
    (tmp_path / "words.txt").write_text("a 1\nb 2\n")
    module = Model(tmp_path / "words.txt")
    module.counts.insert(tf.constant(["a"]), tf.constant([10], tf.int64))
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"call": module.__call__})
    model = read_saved_model(tmp_path / "model")
    assert model.signature is not None and model.signature.key == "call" and model.checkpoint is not None
    assert {k: (i.dtype.name, i.shape) for k, i in model.signature.inputs.items()} == {
        "x": ("float32", (None, 2)),
        "words": ("string", (None,)),
    }
    assert list(model.signature.outputs) == ["ids", "y"]
    assert list(model.meta.assets.values()) == ["words.txt"] and model.asset("words.txt").read_text() == "a 1\nb 2\n"
    assert model.meta.init_op
    values = {key: source.read(model.checkpoint).tolist() for key, source in model.restored.variables.items()}
    assert sorted(values.values()) == [[1.0, 2.0], [3.0, 4.0]]
    assert_call_reads_in_order(model, values)
    (keys, counts) = next(iter(model.restored.tables.values()))
    assert keys.read(model.checkpoint).tolist() == [b"a"] and counts.read(model.checkpoint).tolist() == [10]


def assert_call_reads_in_order(model: Any, values: dict[str, list[float]]) -> None:
    """The variables that the signature's call is given, in order, are the ones that its function is bound to."""
    call = next(n for n in model.graph.nodes if isinstance(f := n.attrs.get("f"), FuncRef) and "signature" in f.name)
    handles = [name for name in call.inputs if name in values]
    assert sorted(values[h] for h in handles) == [[1.0, 2.0], [3.0, 4.0]]
    bound = model.bound[call.attrs["f"].name]
    keys = [b.key for b in bound if b.kind == "variable"]
    assert [model.restored.variables[h].key for h in handles] == keys
    by_key = {key: model.checkpoint.array(key).tolist() for key in keys}
    assert by_key == {"first/.ATTRIBUTES/VARIABLE_VALUE": [1.0, 2.0], "second/.ATTRIBUTES/VARIABLE_VALUE": [3.0, 4.0]}
