"""TensorArrays and TensorLists as ONNX sequences. Source: tensor_array_ops.cc and list_kernels.cc.

A TensorArray is two tensors in TensorFlow: a handle, which is here a constant that tells whether the array grows, and
the flow, which is here the sequence. Elements that nothing has written yet are zeros; sizes that the element's shape
leaves open are zero in them.
"""

from __future__ import annotations

import numpy as np

from regraft.ir import UNKNOWN, Builder, DType, Graph, Shape, TensorType, Value, capture
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import scalar, size_of, to_int64, vector
from regraft.passes.tensorflow.node import TensorFlowNode
from regraft.passes.tracing import plain, uncast

FRESH = "fresh-list"
"""In the provenance of a sequence: nothing has been written to it."""


@rule("tf.TensorArrayV3", "tf.TensorArrayV2")
def tensor_array(node: TensorFlowNode, build: Builder, size: Value) -> list[Value]:
    """Handle and flow of an array of `size` elements (int32 scalar) that are not written yet."""
    dtype, shape = node.dtype("dtype"), node.get("element_shape", None)
    handle = build.constant(np.asarray(node.flag("dynamic_size", False)))
    return [handle, fresh(build, size, dtype, shape)]


@rule("tf.TensorArrayReadV3", "tf.TensorArrayReadV2")
def read(node: TensorFlowNode, build: Builder, handle: Value, index: Value, flow: Value) -> Value:
    """The element at `index`."""
    return element(build, flow, index)


@rule("tf.TensorArrayWriteV3", "tf.TensorArrayWriteV2")
def write(node: TensorFlowNode, build: Builder, handle: Value, index: Value, value: Value, flow: Value) -> Value:
    """The array with `value` at `index`; one that grows may be written right behind its end."""
    grows = bool(node.array(handle, "handle").any())
    return replaced(build, flow, index, value, grows=grows)


@rule("tf.TensorArrayGatherV3", "tf.TensorArrayGatherV2")
def gather(node: TensorFlowNode, build: Builder, handle: Value, indices: Value, flow: Value) -> Value:
    """The elements at `indices` as one tensor, along a new first dimension."""
    return gathered(build, flow, indices)


@rule("tf.TensorArrayScatterV3", "tf.TensorArrayScatterV2")
def scatter(node: TensorFlowNode, build: Builder, handle: Value, indices: Value, value: Value, flow: Value) -> Value:
    """A new array with the rows of `value` written at `indices`, which are 0, 1, 2 and so on (TensorArray.unstack)."""
    if FRESH not in flow.op.provenance:
        raise node.refuse("it scatters into an array that has been written before", cure="use one array for it alone")
    if not _counts_up(indices):
        raise node.refuse("its indices are not 0, 1, 2 and so on", cure="use TensorArray.unstack")
    return unstacked(build, value)


@rule("tf.TensorArrayConcatV3", "tf.TensorArrayConcatV2")
def concat(node: TensorFlowNode, build: Builder, handle: Value, flow: Value) -> list[Value]:
    """All elements joined along their first dimension. The second result, their lengths, must not be used."""
    if node.outputs > 1:
        raise node.refuse("the lengths of the elements are used")
    return [build.ConcatFromSequence(flow, axis=0)]


@rule("tf.TensorArraySplitV3", "tf.TensorArraySplitV2")
def split(node: TensorFlowNode, build: Builder, handle: Value, value: Value, lengths: Value, flow: Value) -> Value:
    """An array of the parts of `value`, `lengths` (int64 vector) rows each."""
    return build.SplitToSequence(value, to_int64(build, lengths), axis=0)


@rule("tf.TensorArraySizeV3", "tf.TensorArraySizeV2")
def size(node: TensorFlowNode, build: Builder, handle: Value, flow: Value) -> Value:
    """The number of elements, an int32 scalar."""
    return length(build, flow)


@rule("tf.TensorListReserve")
def reserve(node: TensorFlowNode, build: Builder, element_shape: Value, size: Value) -> Value:
    """A list of `size` elements that are not written yet."""
    return fresh(build, size, _element(node), declared(element_shape))


@rule("tf.EmptyTensorList")
def empty_list(node: TensorFlowNode, build: Builder, element_shape: Value, most: Value) -> Value:
    """A list of no elements."""
    return _empty(build, _element(node), declared(element_shape))


@rule("tf.TensorListFromTensor")
def from_tensor(node: TensorFlowNode, build: Builder, tensor: Value, element_shape: Value) -> Value:
    """The rows of a tensor as a list."""
    return unstacked(build, tensor)


@rule("tf.TensorListGetItem")
def get_item(node: TensorFlowNode, build: Builder, items: Value, index: Value, element_shape: Value) -> Value:
    """The element at `index`; zeros of `element_shape` where nothing was written."""
    return element(build, items, index)


@rule("tf.TensorListSetItem")
def set_item(node: TensorFlowNode, build: Builder, items: Value, index: Value, item: Value) -> Value:
    """The list with `item` at `index`."""
    return replaced(build, items, index, item, grows=node.flag("resize_if_index_out_of_bounds", False))


@rule("tf.TensorListStack")
def stack(node: TensorFlowNode, build: Builder, items: Value, element_shape: Value) -> Value:
    """All elements as one tensor, along a new first dimension."""
    return stacked(build, items)


@rule("tf.TensorListConcat", "tf.TensorListConcatV2")
def list_concat(node: TensorFlowNode, build: Builder, items: Value, *ignored: Value) -> list[Value]:
    """All elements joined along their first dimension. The second result, their lengths, must not be used."""
    if node.outputs > 1:
        raise node.refuse("the lengths of the elements are used")
    return [build.ConcatFromSequence(items, axis=0)]


@rule("tf.TensorListSplit")
def list_split(node: TensorFlowNode, build: Builder, tensor: Value, element_shape: Value, lengths: Value) -> Value:
    """A list of the parts of `tensor`, `lengths` (int64 vector) rows each."""
    return build.SplitToSequence(tensor, to_int64(build, lengths), axis=0)


@rule("tf.TensorListGather")
def list_gather(node: TensorFlowNode, build: Builder, items: Value, indices: Value, element_shape: Value) -> Value:
    """The elements at `indices` as one tensor, along a new first dimension."""
    return gathered(build, items, indices)


@rule("tf.TensorListScatter", "tf.TensorListScatterV2")
def list_scatter(node: TensorFlowNode, build: Builder, tensor: Value, indices: Value, *rest: Value) -> Value:
    """A list with the rows of `tensor` at `indices`, which are 0, 1, 2 and so on (TensorArray.unstack)."""
    if not _counts_up(indices):
        raise node.refuse("its indices are not 0, 1, 2 and so on", cure="use TensorArray.unstack")
    return unstacked(build, tensor)


@rule("tf.TensorListLength")
def list_length(node: TensorFlowNode, build: Builder, items: Value) -> Value:
    """The number of elements, an int32 scalar."""
    return length(build, items)


@rule("tf.TensorListPushBack")
def push_back(node: TensorFlowNode, build: Builder, items: Value, item: Value) -> Value:
    """The list with one more element at its end."""
    return build.SequenceInsert(items, item)


@rule("tf.TensorListPopBack")
def pop_back(node: TensorFlowNode, build: Builder, items: Value, element_shape: Value) -> list[Value]:
    """The list without its last element, and that element."""
    last = build.constant(np.asarray(-1, np.int64))
    return [build.SequenceErase(items, last), build.SequenceAt(items, last)]


@rule("tf.TensorListElementShape")
def list_element_shape(node: TensorFlowNode, build: Builder, items: Value) -> Value:
    """The shape that all elements share, -1 where they do not; int32 or int64 (`shape_type`)."""
    shape = items.shape
    if shape is None:
        raise node.refuse("the rank of the list's elements is unknown")
    return build.constant([d if isinstance(d, int) else -1 for d in shape], node.dtype("shape_type", DType.I32))


def fresh(build: Builder, size: Value, dtype: DType, shape: Shape | None) -> Value:
    """A sequence of `size` (scalar) elements of this type that are all zero."""
    if size.array is not None and not size.array.any():
        made = _empty(build, dtype, shape)
    else:
        dims = [d if isinstance(d, int) else 0 for d in shape or ()]
        whole = build.Concat(vector(build, size), np.asarray(dims, np.int64), axis=0)
        zeros = build.ConstantOfShape(whole, value=np.zeros(1, dtype.numpy))
        made = build.SplitToSequence(zeros, axis=0, keepdims=0)
    made.type = TensorType(dtype, shape, sequence=True)
    made.op.provenance = (*made.op.provenance, FRESH)
    return made


def unstacked(build: Builder, tensor: Value) -> Value:
    """The rows of a tensor as a sequence."""
    made = build.SplitToSequence(tensor, axis=0, keepdims=0)
    made.type = TensorType(tensor.dtype, None if tensor.shape is None else tensor.shape[1:], sequence=True)
    return made


def rows_of(items: Value) -> Value | None:
    """The tensor whose rows the sequence is made of, None for other sequences."""
    op = plain(items).op
    whole = op.kind == "onnx.SplitToSequence" and len(op.inputs) == 1
    return op.inputs[0] if whole and op.integer("axis", 0) == 0 and not op.integer("keepdims", 1) else None


def element(build: Builder, items: Value, index: Value) -> Value:
    """The element of a sequence at `index`."""
    rows, place = rows_of(items), scalar(build, index)
    return build.SequenceAt(items, place) if rows is None else build.Gather(rows, place, axis=0)


def stacked(build: Builder, items: Value) -> Value:
    """All elements of a sequence as one tensor, along a new first dimension."""
    rows = rows_of(items)
    return build.ConcatFromSequence(items, axis=0, new_axis=1) if rows is None else build.Identity(rows)


def length(build: Builder, items: Value) -> Value:
    """The number of elements of a sequence, an int32 scalar."""
    rows = rows_of(items)
    count = build.SequenceLength(items) if rows is None else build.Squeeze(size_of(build, rows, 0), [0])
    return build.Cast(count, to=DType.I32)


def replaced(build: Builder, items: Value, index: Value, value: Value, *, grows: bool) -> Value:
    """A sequence with `value` at `index`; behind its end when it `grows`."""
    place = scalar(build, index)
    rest = _without(build, items, place) if grows else build.SequenceErase(items, place)
    return build.SequenceInsert(rest, value, place)


def gathered(build: Builder, items: Value, indices: Value) -> Value:
    """The elements at `indices` as one tensor; all of them where the indices are those of the whole sequence."""
    whole = stacked(build, items)
    return whole if _counts_up(indices, items) else build.Gather(whole, indices, axis=0)


def declared(element_shape: Value) -> Shape | None:
    """The element shape that a tensor holds: None for -1, which means any rank; -1 in a vector is any size."""
    array = element_shape.array
    if array is None:
        known = element_shape.elements
        return None if known is None else tuple(d if isinstance(d, str) or d >= 0 else UNKNOWN for d in known)
    if array.ndim == 0:
        return None
    return tuple(int(d) if d >= 0 else UNKNOWN for d in array)


def _element(node: TensorFlowNode) -> DType:
    if node.get("element_dtype") == "variant":
        raise node.refuse("a list of lists has no counterpart in ONNX", field="element_dtype")
    return node.dtype("element_dtype")


def _empty(build: Builder, dtype: DType, shape: Shape | None) -> Value:
    made = build.SequenceEmpty(dtype=dtype)
    made.type = TensorType(dtype, shape, sequence=True)
    return made


def _without(build: Builder, items: Value, place: Value) -> Value:
    """A sequence without the element at `place`; as it is where `place` is its end."""
    inside = build.Less(to_int64(build, place), build.SequenceLength(items))
    branches = []
    for name in ("erased", "kept"):
        branch = Graph(build.graph.table, name)
        inner = Builder(branch, source=build.source, provenance=build.provenance)
        sequence = capture(branch, 0, items)
        result = inner.SequenceErase(sequence, capture(branch, 1, place)) if name == "erased" else sequence
        branch.add_output(f"{items.name}/{name}", result)
        branches.append(branch)
    made = build.many("onnx.If", inside, items, place, then_branch=branches[0], else_branch=branches[1])[0]
    made.type = items.type
    return made


def _counts_up(indices: Value, items: Value | None = None) -> bool:
    """Whether indices are 0, 1, 2 and so on; with `items`, as many as these."""
    if indices.array is not None:
        return items is None and bool((indices.array == np.arange(indices.array.size)).all())
    counter = uncast(indices)
    if counter.op.kind != "onnx.Range":
        return False
    start, limit, step = counter.op.inputs
    if start is None or limit is None or step is None or start.array is None or step.array is None:
        return False
    counts = int(start.array) == 0 and int(step.array) == 1
    return counts and (items is None or _is_length(uncast(limit), items))


def _is_length(value: Value, items: Value) -> bool:
    """Whether a value is the number of elements of `items`, by what `length` makes of it."""
    rows = rows_of(items)
    if rows is None:
        return value.op.kind == "onnx.SequenceLength" and value.op.inputs[0] is items
    part = value.op.inputs[0] if value.op.kind == "onnx.Squeeze" else None
    shape = part.op.inputs[0] if part is not None and part.op.kind == "onnx.Slice" else None
    if part is None or shape is None or shape.op.kind != "onnx.Shape" or shape.op.inputs[0] is not rows:
        return False
    bounds = [v.array for v in part.op.inputs[1:3] if v is not None and v.array is not None]
    return [b.tolist() for b in bounds] == [[0], [1]]
