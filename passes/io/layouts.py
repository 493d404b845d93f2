"""In which order the dimensions of inputs and outputs lie: channels first (NCHW) or channels last (NHWC)."""

from __future__ import annotations

from collections.abc import Mapping

from regraft.errors import Diagnostic, UsageError, listing
from regraft.ir import Builder, Graph, Op, Value
from regraft.passes.io.names import EVERY, by_output

FIRST = ("NCW", "NCHW", "NCDHW")
LAST = ("NWC", "NHWC", "NDHWC")
LAYOUTS = (*FIRST, *LAST)


def to_first(rank: int) -> tuple[int, ...]:
    """The permutation that brings channels from the last place to the second: (0, 3, 1, 2) for pictures."""
    return (0, rank - 1, *range(1, rank - 1))


def to_last(rank: int) -> tuple[int, ...]:
    """The permutation that brings channels from the second place to the last: (0, 2, 3, 1) for pictures."""
    return (0, *range(2, rank), 1)


def changes(wanted: str | None, channel_axis: int) -> bool:
    """Whether a layout is another than the network's own; `channel_axis` of the network is 1, or else its last."""
    return wanted is not None and (wanted in FIRST) != (channel_axis == 1)


def check_layout(layout: str, name: str, value: Value) -> None:
    """See whether a layout is one, and has as many letters as the value has dimensions.

    Raises:
        UsageError: it is not, or has not.
    """
    if layout not in LAYOUTS:
        message = f"{layout!r} is no layout"
        raise UsageError(Diagnostic("bad-layout", message, cures=(f"one of {listing(LAYOUTS)}",)))
    if value.rank == len(layout):
        return
    known = value.type or "of an unknown shape"
    suits = [each for each in LAYOUTS if len(each) == value.rank]
    cure = "give the input shapes" if value.rank is None else listing(suits) if suits else "leave it as it is"
    raise UsageError(Diagnostic("bad-layout", f"{layout} does not fit {name}, which is {known}", cures=(cure,)))


def set_output_layouts(graph: Graph, wanted: Mapping[str, str], channel_axis: int) -> int:
    """Give outputs in the layouts that are wanted, by name; the key `EVERY` is for all that it fits.

    Returns the number of outputs that are turned.

    Raises:
        UsageError: no output has the name, or the layout does not fit its rank.
    """
    layouts = by_output(wanted, [op.name for op in graph.outputs])
    turned = 0
    for op in graph.outputs:
        value = op.inputs[0]
        layout = layouts.get(op.name, layouts.get(EVERY))
        if layout is None or value is None or (op.name not in layouts and value.rank != len(layout)):
            continue
        check_layout(layout, op.name, value)
        if changes(layout, channel_axis):
            _transpose_output(op, value, layout)
            turned += 1
    return turned


def _transpose_output(op: Op, value: Value, layout: str) -> None:
    build = Builder(op.graph, source=value.op.source, provenance=(*value.op.provenance, "output-layout"))
    order = to_first(len(layout)) if layout in FIRST else to_last(len(layout))
    op.graph.set_input(op, 0, build.Transpose(value, perm=order))
