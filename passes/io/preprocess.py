"""What programs do to a picture before the network: type, layout, channel order, mean, scale; done inside the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from regraft.errors import Diagnostic, UsageError, listing
from regraft.ir import Array, Builder, DType, Graph, Op, Shape, TensorType, Value
from regraft.passes.io.layouts import FIRST, changes, check_layout, to_first, to_last
from regraft.passes.io.names import EVERY, by_input, known_name

ChannelValues = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Preprocessing:
    """What is done to what is fed, in this order: brought into the network's layout, converted to the network's element
    type, channels reversed, mean subtracted, divided by the scale. Mean and scale are in the order of the network's
    channels, after they were reversed, as in OpenVINO's Model Optimizer. Keys are input names, or `EVERY` for all
    pictures.
    """

    mean: Array | None = None
    mean_values: ChannelValues = field(default_factory=dict)
    scale_values: ChannelValues = field(default_factory=dict)
    reverse_channels: bool = False
    types: Mapping[str, DType] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_pictures(self) -> bool:
        """Whether something is wanted that only a picture has."""
        return self.reverse_channels or self.mean is not None or bool(self.mean_values or self.scale_values)

    def __bool__(self) -> bool:
        return self.of_pictures or bool(self.types or self.layouts)


def preprocess(graph: Graph, wanted: Preprocessing, channel_axis: int) -> None:
    """Put the preprocessing between what is fed and the network; the network's `channel_axis` is 1, or 3 for the last.

    Types and layouts may be wanted of inputs that are no pictures, by their names.

    Raises:
        UsageError: there is no such input, or what is wanted does not fit it.
    """
    if not wanted:
        return
    known = [op.name for op in graph.inputs]
    pictures = [op.name for op in graph.inputs if op.output.rank == 4]
    types, layouts = by_input(wanted.types, known), by_input(wanted.layouts, known)
    _check_pictures(graph, wanted, pictures)
    for op in list(graph.inputs):
        general = EVERY if op.name in pictures else op.name
        uses = op.output.uses
        result = _as_fed(
            op, types.get(op.name, types.get(general)), layouts.get(op.name, layouts.get(general)), channel_axis
        )
        if op.name in pictures:
            result = _normalised(result, wanted, op.name, channel_axis)
        for use in uses:
            graph.set_input(use.op, use.index, result)


def _check_pictures(graph: Graph, wanted: Preprocessing, pictures: Sequence[str]) -> None:
    for_all = wanted.of_pictures or EVERY in wanted.types or EVERY in wanted.layouts
    numbers = (wanted.mean_values, wanted.scale_values)
    strange = [n for values in numbers for n in values if n and known_name(n, pictures) is None]
    if strange or (for_all and not pictures):
        message = f"no input {strange[0]!r} is a picture" if strange else "no input is a picture, of rank 4"
        names = listing([f"{op.name} {op.output.type}" for op in graph.inputs])
        raise UsageError(Diagnostic("no-picture", message, lines=(f"the inputs are {names}",)))


def _as_fed(op: Op, dtype: DType | None, layout: str | None, axis: int) -> Value:
    """Give the input the type and layout in which it is fed; returns the value that the network had as its input."""
    x = op.output
    own = x.type or TensorType()
    if layout is not None:
        check_layout(layout, op.name, x)
    turned = changes(layout, axis)
    fed = dtype or own.dtype
    if fed is not own.dtype and own.dtype not in (DType.F32, DType.F64):
        message = f"{op.name} is {own}: only floating-point inputs can be fed as another type"
        raise UsageError(Diagnostic("bad-option", message, cures=(f"feed {op.name} as it is",)))
    order = _own_to_fed(layout, own.shape or ()) if turned else ()
    x.type = op.attrs["type"] = TensorType(fed, tuple((own.shape or ())[i] for i in order) if turned else own.shape)
    build = Builder(op.graph, source=op.source, provenance=("preprocess",))
    result = build.Transpose(x, perm=_inverse(order)) if turned else x
    if fed is own.dtype:
        return result
    return build.Cast(result, to=own.dtype)


def _own_to_fed(layout: str | None, shape: Shape) -> tuple[int, ...]:
    return to_first(len(shape)) if layout in FIRST else to_last(len(shape))


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(order.index(i) for i in range(len(order)))


def _normalised(x: Value, wanted: Preprocessing, name: str, axis: int) -> Value:
    """Channels reversed, mean subtracted, divided by the scale."""
    build = Builder(x.op.graph, source=x.op.source, provenance=("preprocess",))
    result = x
    if wanted.reverse_channels:
        count = _channels(x, axis, "reverse_input_channels", name)
        result = build.Gather(result, list(range(count))[::-1], axis=axis)
    if wanted.mean is not None:
        result = build.Sub(result, build.constant(_fitted(wanted.mean, x, axis, name), x.dtype))
    for values, step in ((wanted.mean_values, build.Sub), (wanted.scale_values, build.Div)):
        numbers = values.get(known_name(name, values) or EVERY)
        if numbers is not None:
            result = step(result, build.constant(_by_channel(numbers, x, axis, name), x.dtype))
    return result


def _channels(x: Value, axis: int, what: str, name: str) -> int:
    size = (x.shape or ())[axis]
    if not isinstance(size, int):
        message = f"{what}: the number of channels of {name} is unknown"
        raise UsageError(Diagnostic("bad-option", message, cures=(f"--input-shape {name}=1,3,224,224",)))
    return size


def _by_channel(numbers: Sequence[float], x: Value, axis: int, name: str) -> Array:
    count = (x.shape or ())[axis]
    if isinstance(count, int) and len(numbers) not in (1, count):
        message = f"{len(numbers)} values for the {count} channels of {name}"
        raise UsageError(Diagnostic("bad-option", message, cures=(f"give one value, or {count}",)))
    shape = [1, 1, 1, 1]
    shape[axis] = len(numbers)
    return np.asarray(numbers, np.float32).reshape(shape)


def _fitted(mean: Array, x: Value, axis: int, name: str) -> Array:
    """A mean picture (channels first) in the layout of `x`; of a larger one its middle, as Caffe crops in TEST."""
    picture = mean.astype(np.float32).reshape((1,) * (4 - mean.ndim) + mean.shape)
    if mean.ndim == 1:
        picture = picture.reshape(1, -1, 1, 1)
    shape = x.shape or ()
    channels = shape[axis]
    height, width = shape[2:4] if axis == 1 else shape[1:3]
    rows, columns = _middle(picture.shape[2], height), _middle(picture.shape[3], width)
    if rows is None or columns is None or (isinstance(channels, int) and picture.shape[1] not in (1, channels)):
        size = "x".join(map(str, mean.shape))
        cure = "give the mean of each channel: --mean-values 104,117,123"
        raise UsageError(Diagnostic("bad-mean", f"a mean of {size} does not fit {name} {x.type}", cures=(cure,)))
    found = picture[:, :, rows, columns]
    return found if axis == 1 else np.moveaxis(found, 1, -1)


def _middle(have: int, want: int | str) -> slice | None:
    """The middle `want` of `have`, None where that cannot be."""
    if have == 1:
        return slice(0, 1)
    if not isinstance(want, int) or want > have:
        return None
    return slice((have - want) // 2, (have - want) // 2 + want)
