"""Shapes as values, reshaping, joining and taking apart, against TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import FLOATS, INTEGERS, LARGE_UNSIGNED, Case, case, loosened, rankless, raw, typed
from harness import Feed, check, numbers, one_op

ALL = (*FLOATS, *INTEGERS, *LARGE_UNSIGNED)
X = numbers(2, 3, 4)
BATCH = Feed(X, (None, 3, 4))
CASES: list[Case] = [
    *typed("Reshape", raw("Reshape", _=("tensor",), shape=[4, -1]), [(2, 3, 4)], ALL),
    *typed("Transpose", raw("Transpose", _=("x",), perm=[2, 0, 1]), [(2, 3, 4)], ALL),
    *typed("ExpandDims", raw("ExpandDims", _=("input",), axis=1), [(2, 3)], ALL),
    *typed("Squeeze", raw("Squeeze", _=("input",), axis=[1]), [(2, 1, 3)], ALL),
    *typed("BroadcastTo", raw("BroadcastTo", _=("input",), shape=[2, 3, 4]), [(3, 1)], ALL),
    *typed(
        "Tile",
        raw("Tile", _=("input",), multiples=[2, 3]),
        [(2, 3)],
        (*FLOATS, np.int8, np.int16, np.int32, np.int64, np.uint8),
    ),
    *typed("Pack", lambda tf, a, b: tf.stack([a, b], 1), [(2, 3), (2, 3)], ALL),
    *typed("ConcatV2", lambda tf, a, b: tf.concat([a, b], 1), [(2, 3), (2, 1)], ALL),
    *typed("Unpack", lambda tf, a: tf.unstack(a, axis=1), [(2, 3)], ALL),
    *typed("Split", lambda tf, a: tf.split(a, 2, axis=1), [(2, 4)], ALL),
    *typed("SplitV", lambda tf, a: tf.split(a, [1, 3], axis=1), [(2, 4)], ALL),
    *[
        case(f"Shape {t}", lambda tf, x, t=t: tf.shape(x, out_type=getattr(tf, t)), f)
        for t in ("int32", "int64")
        for f in (X, BATCH)
    ],
    *[
        case(f"Size {t}", lambda tf, x, t=t: tf.size(x, out_type=getattr(tf, t)), f)
        for t in ("int32", "int64")
        for f in (X, BATCH)
    ],
    *[case("Rank", lambda tf, x: tf.raw_ops.Rank(input=x), f) for f in (X, BATCH, rankless(X))],
    case("ShapeN", lambda tf, x, y: tf.raw_ops.ShapeN(input=[x, y]), BATCH, loosened(numbers(5))),
    case("Shape of unknown rank", raw("Shape", _=("input",)), rankless(X)),
    case("Size of unknown rank", raw("Size", _=("input",)), rankless(X)),
    case("Reshape to a scalar", raw("Reshape", _=("tensor",), shape=np.zeros(0, np.int32)), numbers(1)),
    case("Reshape of nothing", raw("Reshape", _=("tensor",), shape=[0, 5]), numbers(5, 0)),
    case("Reshape of nothing with -1", raw("Reshape", _=("tensor",), shape=[3, -1]), loosened(numbers(3, 0))),
    case("Reshape to a fed shape", raw("Reshape", _=("tensor", "shape")), X, np.array([6, -1], np.int32)),
    case("Reshape to a fed int64 shape", raw("Reshape", _=("tensor", "shape")), X, np.array([4, 6], np.int64)),
    case("Reshape by the batch", lambda tf, x: tf.reshape(x, [tf.shape(x)[0], -1]), BATCH),
    case("Reshape by the batch, packed", lambda tf, x: tf.reshape(x, tf.stack([tf.shape(x)[0], 4, 3])), BATCH),
    case("Reshape by two sizes", lambda tf, x: tf.reshape(x, [tf.shape(x)[0] * tf.shape(x)[1], 4]), loosened(X)),
    case(
        "Reshape to the shape of another",
        lambda tf, x, y: tf.reshape(x, tf.shape(y)),
        loosened(X),
        loosened(numbers(4, 6)),
    ),
    case("Reshape by concat", lambda tf, x: tf.reshape(x, tf.concat([tf.shape(x)[:1], [2, 6]], 0)), BATCH),
    case(
        "Reshape by product",
        lambda tf, x: tf.reshape(x, [tf.reduce_prod(tf.shape(x)[:2]), tf.shape(x)[2]]),
        loosened(X),
    ),
    case("ExpandDims behind", raw("ExpandDims", _=("input",), axis=-1), BATCH),
    case("ExpandDims of a scalar", raw("ExpandDims", _=("input",), axis=0), X[0, 0, 0]),
    case("ExpandDims at a fed axis", raw("ExpandDims", _=("input", "axis")), X, np.array(1, np.int32)),
    case("Squeeze of all", raw("Squeeze", _=("input",), axis=[]), numbers(1, 3, 1)),
    case("Squeeze from behind", raw("Squeeze", _=("input",), axis=[-1, 0]), loosened(numbers(1, 3, 1))),
    case("Transpose of unknown sizes", raw("Transpose", _=("x",), perm=[1, 2, 0]), loosened(X)),
    case("Transpose of a scalar", raw("Transpose", _=("x",), perm=np.zeros(0, np.int32)), X[0, 0, 0]),
    *[
        case(
            f"Transpose by a fed order, {np.dtype(t).name} {order}",
            raw("Transpose", _=("x", "perm")),
            loosened(numbers(*(2, 3, 4, 5)[: len(order)], dtype=t)),
            np.array(order, p),
        )
        for order in ([0], [1, 0], [2, 0, 1], [3, 1, 0, 2])
        for t, p in ((np.float32, np.int32), (np.int8, np.int64), (np.bool_, np.int32))
    ],
    case("Transpose by range", lambda tf, x: tf.transpose(x), X),
    case(
        "BroadcastTo a fed shape",
        raw("BroadcastTo", _=("input", "shape")),
        numbers(3, 1),
        np.array([2, 3, 4], np.int64),
    ),
    case("BroadcastTo of a scalar", raw("BroadcastTo", _=("input",), shape=[2, 3]), np.float32(3)),
    case(
        "BroadcastArgs",
        lambda tf, x, y: tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y)),
        loosened(numbers(3, 1)),
        loosened(numbers(2, 1, 4)),
    ),
    case(
        "BroadcastArgs fed",
        raw("BroadcastArgs", _=("s0", "s1")),
        loosened(np.array([3, 1], np.int32)),
        loosened(np.array([2, 1, 4], np.int32)),
    ),
    case("Tile by fed multiples", raw("Tile", _=("input", "multiples")), X, np.array([1, 2, 3], np.int64)),
    case("Tile of a scalar", raw("Tile", _=("input",), multiples=np.zeros(0, np.int32)), np.float32(2)),
    case("Tile by zero", raw("Tile", _=("input",), multiples=[0, 2, 1]), X),
    *[
        case(f"Pack along {a}", lambda tf, x, y, a=a: tf.raw_ops.Pack(values=[x, y], axis=a), X, X + 1)
        for a in (0, 1, 3, -1, -4)
    ],
    case("Pack of scalars", lambda tf, x, y: tf.stack([x, y]), np.float32(1), np.float32(2)),
    case("Pack of one", lambda tf, x: tf.raw_ops.Pack(values=[x], axis=1), X),
    *[case(f"Unpack along {a}", lambda tf, x, a=a: tf.unstack(x, axis=a), X) for a in (0, 1, -1)],
    case("Unpack, one used", lambda tf, x: tf.unstack(x, axis=1)[1], BATCH),
    case("Unpack of one", lambda tf, x: tf.unstack(x, axis=0), numbers(1, 3)),
    *[
        case(f"ConcatV2 along {a}", lambda tf, x, y, a=a: tf.concat([x, y, x], a), loosened(X), X + 1)
        for a in (0, 1, -1)
    ],
    case("ConcatV2 with nothing", lambda tf, x, y: tf.concat([x, y], 0), numbers(2, 3), numbers(0, 3)),
    case("Concat", lambda tf, x, y: tf.raw_ops.Concat(concat_dim=1, values=[x, y]), X, X + 1),
    case(
        "ConcatOffset",
        lambda tf, x, y: tf.raw_ops.ConcatOffset(concat_dim=1, shape=[tf.shape(x), tf.shape(y)]),
        BATCH,
        BATCH,
    ),
    *[
        case(f"Split along {a}", lambda tf, x, a=a, n=n: tf.split(x, n, axis=a), f)
        for a, n in ((0, 2), (1, 3), (-1, 2))
        for f in (X, loosened(X))
    ],
    case("Split, the second used", lambda tf, x: tf.split(x, 3, axis=1)[1], BATCH),
    case("Split in one", lambda tf, x: tf.raw_ops.Split(axis=1, value=x, num_split=1), X),
    case("SplitV with a rest", lambda tf, x: tf.split(x, [1, -1, 1], axis=2), loosened(X)),
    case(
        "SplitV by fed sizes",
        raw("SplitV", _=("value", "size_splits"), axis=2, num_split=2),
        X,
        np.array([3, 1], np.int64),
    ),
    case(
        "SplitV by fed sizes with a rest",
        raw("SplitV", _=("value", "size_splits"), axis=2, num_split=2),
        X,
        np.array([-1, 1], np.int32),
    ),
    case("SplitV in one", raw("SplitV", _=("value",), size_splits=[2], axis=0, num_split=1), X),
    case("SplitV with an empty piece", lambda tf, x: tf.split(x, [0, 4], axis=2), X),
]


@pytest.mark.judge
@pytest.mark.parametrize("c", CASES, ids=str)
def test_as_tensorflow(c: Case, tmp_path: Path) -> None:
    c.judge(tmp_path)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_as_numpy(dtype: Any, tmp_path: Path) -> None:
    x = (numbers(2, 3, 4) > 0).astype(dtype)
    feed = Feed(x, (None, 3, 4))
    check(one_op("Reshape", feed, [4, -1]), x.reshape(4, -1), tmp_path)
    check(one_op("Transpose", feed, [2, 0, 1]), x.transpose(2, 0, 1), tmp_path)
    check(one_op("ConcatV2", feed, feed, 1, N=2), np.concatenate([x, x], 1), tmp_path)
    check(one_op("Pack", feed, feed, axis=-1, N=2), np.stack([x, x], -1), tmp_path)
    check(one_op("Tile", feed, [2, 1, 3]), np.tile(x, (2, 1, 3)), tmp_path)
    check(one_op("Shape", feed), np.array([2, 3, 4], np.int32), tmp_path)


def test_a_batch_leaves_no_shape_arithmetic(tmp_path: Path) -> None:
    """Flattening behind a dynamic batch is one Reshape, and the flat size is known."""
    net = one_op("Reshape", Feed(X, (None, 3, 4)), [-1, 12])
    model = check(net, X.reshape(-1, 12), tmp_path)
    assert {n.op_type for n in model.proto.graph.node} <= {"Reshape", "Identity"}
    assert [d.dim_value for d in model.proto.graph.output[0].type.tensor_type.shape.dim][1] == 12
