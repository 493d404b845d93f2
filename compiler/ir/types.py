"""Element types, dimensions and tensor types: what is known of a value before it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Dim = int | str
Shape = tuple[Dim, ...]
UNKNOWN: Dim = "?"
"""A dimension of which nothing is known; any other string is a symbol, equal to itself wherever it stands."""


class DType(Enum):
    """An element type; the value is its short name in messages and in the textual form."""

    F32 = "f32"
    F64 = "f64"
    F16 = "f16"
    BF16 = "bf16"
    I8 = "i8"
    I16 = "i16"
    I32 = "i32"
    I64 = "i64"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    BOOL = "bool"
    STRING = "str"
    C64 = "c64"
    C128 = "c128"

    @property
    def is_float(self) -> bool:
        """Whether it is a real floating-point type."""
        return self in (DType.F32, DType.F64, DType.F16, DType.BF16)

    @property
    def is_integer(self) -> bool:
        """Whether it is a signed or unsigned integer type (bool is none)."""
        return self.value[0] in "iu"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype; strings are objects. Raises TypeError for bfloat16, which numpy does not have."""
        if self is DType.BF16:
            raise TypeError("numpy has no bfloat16")
        return _TO_NUMPY[self]

    @property
    def size(self) -> int:
        """Bytes an element; a string counts as 8."""
        return 2 if self is DType.BF16 else _TO_NUMPY[self].itemsize


_TO_NUMPY: dict[DType, np.dtype[np.generic]] = {
    DType.F32: np.dtype(np.float32),
    DType.F64: np.dtype(np.float64),
    DType.F16: np.dtype(np.float16),
    DType.I8: np.dtype(np.int8),
    DType.I16: np.dtype(np.int16),
    DType.I32: np.dtype(np.int32),
    DType.I64: np.dtype(np.int64),
    DType.U8: np.dtype(np.uint8),
    DType.U16: np.dtype(np.uint16),
    DType.U32: np.dtype(np.uint32),
    DType.U64: np.dtype(np.uint64),
    DType.BOOL: np.dtype(np.bool_),
    DType.STRING: np.dtype(object),
    DType.C64: np.dtype(np.complex64),
    DType.C128: np.dtype(np.complex128),
}
_FROM_NUMPY = {dtype: name for name, dtype in _TO_NUMPY.items()}


def dtype_of(array: Array) -> DType:
    """The element type of a numpy array; ml_dtypes' bfloat16 and all string kinds included.

    Raises:
        TypeError: the dtype has no counterpart.
    """
    return _named(array.dtype)


@lru_cache(maxsize=256)
def _named(dtype: np.dtype[np.generic]) -> DType:
    if dtype.kind in "US":
        return DType.STRING
    if dtype.name == "bfloat16":
        return DType.BF16
    found = _FROM_NUMPY.get(dtype.newbyteorder("="))
    if found is None:
        raise TypeError(f"no element type for numpy's {dtype}")
    return found


@dataclass(frozen=True)
class TensorType:
    """What is known of a tensor: its element type, and its shape unless even the rank is unknown (None).

    Of a `sequence` of tensors, both are what its elements have in common.
    """

    dtype: DType | None = None
    shape: Shape | None = None
    sequence: bool = False

    @property
    def rank(self) -> int | None:
        """The number of dimensions, None when unknown."""
        return None if self.shape is None else len(self.shape)

    @property
    def static_shape(self) -> tuple[int, ...] | None:
        """The shape when every dimension is a number, else None."""
        if self.shape is None or not all(isinstance(d, int) for d in self.shape):
            return None
        return tuple(d for d in self.shape if isinstance(d, int))

    def __str__(self) -> str:
        shape = "*" if self.shape is None else "x".join(str(d) for d in self.shape) or "scalar"
        text = f"{shape} {self.dtype.value if self.dtype else '?'}"
        return f"sequence of {text}" if self.sequence else text


def shapes_agree(a: Shape | None, b: Shape | None) -> bool:
    """Whether two shapes can be those of one tensor: equal ranks, and no two numbers that differ."""
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(
        x == y or isinstance(x, str) or isinstance(y, str) for x, y in zip(a, b, strict=True)
    )


def refine(known: TensorType | None, more: TensorType) -> TensorType:
    """The two facts joined, dimension by dimension; `more` gives way where `known` already has a number."""
    if known is None:
        return more
    return TensorType(known.dtype or more.dtype, _refine_shape(known.shape, more.shape), known.sequence)


def _refine_shape(known: Shape | None, more: Shape | None) -> Shape | None:
    if known is None or more is None or len(known) != len(more):
        return more if known is None else known
    return tuple(_refine_dim(a, b) for a, b in zip(known, more, strict=True))


def _refine_dim(known: Dim, more: Dim) -> Dim:
    if isinstance(known, int) or more == UNKNOWN:
        return known
    return more if isinstance(more, int) or known == UNKNOWN else known


@dataclass(frozen=True)
class AttrRef:
    """In the body of a custom op: the value of the calling node's attribute `name`."""

    name: str
    type: str
    """`int`, `float`, `string`, `ints` or `floats`."""


def count(shape: Sequence[int]) -> int:
    """The number of elements, in Python's unbounded integers."""
    total = 1
    for dim in shape:
        total *= dim
    return total
