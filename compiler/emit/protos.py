"""From the graph's ops, types and arrays to ONNX protos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, TypeProto

from regraft.errors import OpsetError
from regraft.ir import UNKNOWN, Array, AttrRef, DType, Op, TensorType, dtype_of

DOMAINS = {"onnx": "", "ml": "ai.onnx.ml", "regraft": "regraft", "layers": "regraft.layers", "opencv": "opencv"}
"""From the dialects that may reach the emitter to ONNX operator domains."""

TO_ONNX: dict[DType, int] = {
    DType.F32: TensorProto.FLOAT,
    DType.F64: TensorProto.DOUBLE,
    DType.F16: TensorProto.FLOAT16,
    DType.BF16: TensorProto.BFLOAT16,
    DType.I8: TensorProto.INT8,
    DType.I16: TensorProto.INT16,
    DType.I32: TensorProto.INT32,
    DType.I64: TensorProto.INT64,
    DType.U8: TensorProto.UINT8,
    DType.U16: TensorProto.UINT16,
    DType.U32: TensorProto.UINT32,
    DType.U64: TensorProto.UINT64,
    DType.BOOL: TensorProto.BOOL,
    DType.STRING: TensorProto.STRING,
    DType.C64: TensorProto.COMPLEX64,
    DType.C128: TensorProto.COMPLEX128,
}
FROM_ONNX = {code: dtype for dtype, code in TO_ONNX.items()}


@lru_cache(maxsize=4096)
def schema(name: str, domain: str, opset: int) -> Any:
    """The operator's `onnx.defs.OpSchema` at this opset, None when ONNX never had it.

    Raises:
        OpsetError: only a newer opset has it.
    """
    try:
        return onnx.defs.get_schema(name, opset, domain)
    except onnx.defs.SchemaError:
        pass
    if not onnx.defs.has(name, domain):
        return None
    newest = onnx.defs.get_schema(name, domain)
    if newest.since_version <= opset:
        return None
    raise OpsetError(name, _first_version(name, domain, opset), opset)


def _first_version(name: str, domain: str, opset: int) -> int:
    for version in range(opset + 1, onnx.defs.onnx_opset_version() + 1):
        try:
            onnx.defs.get_schema(name, version, domain)
        except onnx.defs.SchemaError:
            continue
        return version
    return onnx.defs.onnx_opset_version()


def type_proto(type: TensorType | None) -> TypeProto:
    """The ONNX type; unknown dimensions have no value, symbols are dim_params."""
    proto = TypeProto()
    if type is None:
        return proto
    tensor = proto.sequence_type.elem_type.tensor_type if type.sequence else proto.tensor_type
    if type.dtype is not None:
        tensor.elem_type = TO_ONNX[type.dtype]
    if type.shape is not None:
        tensor.shape.SetInParent()
        for dim in type.shape:
            added = tensor.shape.dim.add()
            if isinstance(dim, int):
                added.dim_value = dim
            elif dim != UNKNOWN:
                added.dim_param = dim
    return proto


def tensor_type(proto: TypeProto) -> TensorType | None:
    """What an ONNX type says; None for optionals, sequences of other things than tensors, and nothing."""
    kind = proto.WhichOneof("value")
    element = proto.sequence_type.elem_type if kind == "sequence_type" else proto
    if element.WhichOneof("value") != "tensor_type":
        return None
    tensor = element.tensor_type
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or UNKNOWN for d in tensor.shape.dim)
    return TensorType(FROM_ONNX.get(tensor.elem_type), shape, kind == "sequence_type")


def tensor_header(array: Array, name: str) -> TensorProto:
    """A TensorProto with name, type and dims, and no data."""
    return TensorProto(name=name, data_type=TO_ONNX[dtype_of(array)], dims=array.shape)


def raw_bytes(array: Array) -> memoryview:
    """The numbers in row-major little-endian order; a view where they already lie so."""
    flat = np.ascontiguousarray(array)
    if flat.dtype.byteorder == ">":
        flat = flat.astype(flat.dtype.newbyteorder("<"))
    return flat.reshape(-1).view(np.uint8).data


def tensor_proto(array: Array, name: str) -> TensorProto:
    """The whole tensor as a proto; strings as bytes."""
    proto = tensor_header(array, name)
    if proto.data_type == TensorProto.STRING:
        proto.string_data.extend(s if isinstance(s, bytes) else str(s).encode() for s in array.reshape(-1))
    else:
        proto.raw_data = raw_bytes(array).tobytes()
    return proto


def node_proto(
    op: Op, inputs: Sequence[str], outputs: Sequence[str], opset: int, graphs: Mapping[str, Any]
) -> NodeProto:
    """One node; `graphs` holds the GraphProtos of attributes that are graphs."""
    node = NodeProto(op_type=op.type_name, domain=DOMAINS[op.dialect], input=inputs, output=outputs)
    known = schema(op.type_name, node.domain, opset) if op.dialect in ("onnx", "ml") else None
    for name, value in op.attrs.items():
        wanted = known.attributes[name].type.value if known is not None and name in known.attributes else 0
        node.attribute.append(attribute_proto(name, graphs.get(name, value), wanted))
    return node


_REF_TYPES = {
    "int": AttributeProto.INT,
    "float": AttributeProto.FLOAT,
    "string": AttributeProto.STRING,
    "ints": AttributeProto.INTS,
    "floats": AttributeProto.FLOATS,
}


def attribute_proto(name: str, value: Any, wanted: int = 0) -> AttributeProto:
    """An attribute; `wanted` is the schema's attribute type, 0 to go by the value's own."""
    if isinstance(value, AttrRef):
        return AttributeProto(name=name, ref_attr_name=value.name, type=_REF_TYPES[value.type])
    if isinstance(value, DType):
        value = TO_ONNX[value]
    if isinstance(value, np.ndarray):
        return AttributeProto(name=name, type=AttributeProto.TENSOR, t=tensor_proto(value, name))
    if isinstance(value, onnx.GraphProto):
        return AttributeProto(name=name, type=AttributeProto.GRAPH, g=value)
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return AttributeProto(name=name, type=AttributeProto.STRING, s=data)
    if isinstance(value, (list, tuple)):
        return _list_attribute(name, value, wanted)
    if wanted == AttributeProto.FLOAT or (not wanted and isinstance(value, (float, np.floating))):
        return AttributeProto(name=name, type=AttributeProto.FLOAT, f=float(value))
    return AttributeProto(name=name, type=AttributeProto.INT, i=int(value))


def _list_attribute(name: str, value: Sequence[Any], wanted: int) -> AttributeProto:
    if wanted == AttributeProto.STRINGS or (value and isinstance(value[0], (str, bytes))):
        data = [v.encode() if isinstance(v, str) else v for v in value]
        return AttributeProto(name=name, type=AttributeProto.STRINGS, strings=data)
    if wanted == AttributeProto.FLOATS or (not wanted and any(isinstance(v, float) for v in value)):
        return AttributeProto(name=name, type=AttributeProto.FLOATS, floats=[float(v) for v in value])
    return AttributeProto(name=name, type=AttributeProto.INTS, ints=[int(v) for v in value])
