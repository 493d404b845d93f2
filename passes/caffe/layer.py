"""A Caffe layer as its rule sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.ir import Array, Builder, Value
from regraft.passes.rules import Refusal, SourceOp


class CaffeLayer(SourceOp):
    """Bottoms are a rule's positional arguments; blobs (weights) and hyper-parameters are read from the layer.

    Hyper-parameters have Caffe's defaults: `layer.integer("num_output")`, `layer.flag("bias_term")`;
    `layer.has("height")` tells whether the file gives one.
    """

    @property
    def arguments(self) -> Sequence[Value | None]:
        """The bottoms."""
        return self.op.inputs[: self.integer("num_bottoms", 0)]

    @property
    def blobs(self) -> list[Value]:
        """The layer's weights, constants as a rule."""
        return [v for v in self.op.inputs[self.integer("num_bottoms", 0) :] if v is not None]

    def given(self, name: str) -> Any:
        """What the file gives for a hyper-parameter, None when it gives nothing: what Caffe asks with `has_...()`."""
        return self.attrs.get(name)

    def blob(self, index: int, what: str) -> Array:
        """Weight `index` as an array; `what` names it in the error when the caffemodel has none."""
        if index >= len(self.blobs):
            raise self.lacks(what)
        array = self.blobs[index].array
        if array is None:
            raise self.refuse(f"its {what} are computed by the network; they must be constant")
        return array

    def weight(self, build: Builder, index: int, what: str, shape: Sequence[int | None]) -> Value:
        """Weight `index` in float32 and in the shape that is needed, None standing for any size.

        It stays the very value that the file gave where it has that shape. Older files write four dims always: as in
        Caffe, ones on the left are dropped.
        """
        array = self.blob(index, what)
        extra = array.ndim - len(shape)
        dims = array.shape[max(extra, 0) :]
        fits = extra >= 0 and all(size == 1 for size in array.shape[:extra])
        if not (fits and all(want in (None, have) for have, want in zip(dims, shape, strict=True))):
            raise self.refuse(
                f"its {what} have the shape {_dims(array.shape)}, and {_dims(shape)} is needed",
                cure="pass the caffemodel that was trained with this prototxt",
            )
        if extra == 0 and array.dtype == np.float32:
            return self.blobs[index]
        return build.constant(array.reshape(dims).astype(np.float32, copy=False), name=self.blobs[index].name)

    def lacks(self, what: str) -> Refusal:
        """The refusal of a layer without weights."""
        return self.refuse(
            f"has no {what}: the caffemodel has no layer of this name, or no weights were given",
            cure="pass the .caffemodel that was trained with this prototxt",
        )

    def shape(self, value: Value, least: int = 0) -> tuple[int | str, ...]:
        """The shape of a bottom, whose rank must be known and not below `least`."""
        if value.shape is None:
            raise self.refuse("the rank of its bottom is unknown", cure="give the net's input shapes")
        if len(value.shape) < least:
            raise self.refuse(f"its bottom {value.type} has {len(value.shape)} axes, and at least {least} are needed")
        return value.shape

    def image(self, value: Value) -> tuple[int | str, ...]:
        """The shape of a bottom that must be of rank 4."""
        if len(self.shape(value)) != 4:
            raise self.refuse(f"its bottom {value.type} is no image of rank 4")
        return self.shape(value)

    def static_shape(self, value: Value, why: str) -> tuple[int, ...]:
        """The shape of a bottom whose every size must be known; `why` ends the sentence in the error."""
        return self.static_sizes(value, 0, why)

    def static_sizes(self, value: Value, start: int, why: str) -> tuple[int, ...]:
        """The sizes of a bottom from axis `start` on, which must be known; `why` ends the sentence in the error."""
        sizes = [size for size in self.shape(value)[start:] if isinstance(size, int)]
        if len(sizes) < len(self.shape(value)) - start:
            raise self.refuse(
                f"needs a bottom of fixed size {why}, not {value.type}", cure="give the net's input shapes"
            )
        return tuple(sizes)

    def axis(self, axis: int, rank: int, field: str = "axis") -> int:
        """A canonical axis: negative ones count from the end."""
        if not -rank <= axis < rank:
            raise self.refuse(f"axis {axis} is outside a bottom of rank {rank}", field=field)
        return axis % rank

    def refuse_unless(self, field: str, *harmless: object) -> None:
        """Refuse a field whose meaning is not implemented, unless it is absent or has a harmless value."""
        if self.has(field) and self.get(field) not in harmless:
            raise self.refuse(f"{field} {self.get(field)} is not supported", field=field)


def _dims(shape: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape) or "one number"
