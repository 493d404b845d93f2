"""PVANet's quicksort in ONNX's own operators: it decides the order of equal scores, so no other sort will do.

All ranges of one depth are partitioned at once: a trip of the loop for each depth.
"""

from __future__ import annotations

from regraft.custom_ops.ops.looping import Step, loop
from regraft.custom_ops.ops.numbers import dim, reduce
from regraft.ir import UNKNOWN, Builder, DType, TensorType, Value

PLACES = TensorType(DType.I64, (UNKNOWN,))


def partly_sorted(build: Builder, scores: Value, top: Value, *, trips: Value) -> Value:
    """The order (K) that brings the `top` best of the scores (K) to the front, falling.

    `top` and `trips`, the number of steps allowed, are of rank 1 and one element. No more than K steps are needed.
    """
    count = dim(build, scores, 0)
    place = build.Range(*(build.Squeeze(v, [0]) for v in (build.value([0]), count, build.value([1]))))
    first = build.Mul(place, [0])
    last = build.Add(first, build.Sub(count, [1]))
    carried = {name: (value, PLACES) for name, value in (("order", place), ("first", first), ("last", last))}
    captured = {
        "scores": (scores, TensorType(DType.F32, (UNKNOWN,))),
        "top": (top, TensorType(DType.I64, (1,))),
        "place": (place, PLACES),
    }
    return loop(build, trips, _unsorted(build, scores, first, top), carried, captured, _partition)[0]


def _unsorted(build: Builder, scores: Value, first: Value, top: Value) -> Value:
    """Whether a score follows a lower one in a range that begins before `top`: a partition moves nothing else."""
    rises = build.Greater(build.Slice(scores, [1], [2**62], [0]), build.Slice(scores, [0], [-1], [0]))
    matters = build.And(rises, build.Less(build.Slice(first, [1], [2**62], [0]), top))
    count = reduce(build, "ReduceSum", build.Cast(matters, to=DType.I64), [0])
    return build.Greater(count, build.constant(0, DType.I64))


def _partition(
    build: Builder,
    index: Value,
    *,
    order: Value,
    first: Value,
    last: Value,
    scores: Value,
    top: Value,
    place: Value,
) -> Step:
    """One partition of every range around its first score.

    Two hands come from both ends: the left one stops at lower scores, the right one at higher ones, and the two are
    swapped as long as the hands have not met. So the i-th lower score from the left goes where the i-th higher one from
    the right is, if that lies to its right. Then the pivot changes places with the last of the higher scores.
    """
    score = build.Gather(scores, order, axis=0)
    pivot = build.Gather(score, first, axis=0)
    higher, lower = build.Greater(score, pivot), build.Less(score, pivot)
    highs, lows = (_counted_in_range(build, flags, first) for flags in (higher, lower))
    total = build.Gather(highs, last, axis=0)
    right = build.Sub(total, highs)
    low_moves = build.And(lower, build.GreaterOrEqual(right, lows))
    high_moves = build.And(higher, build.Greater(lows, right))
    low_rank, high_rank = build.Add(first, build.Sub(lows, [1])), build.Add(first, right)
    partner = build.Where(
        low_moves,
        _at(build, _placed(build, place, higher, high_rank), low_rank, low_moves),
        build.Where(high_moves, _at(build, _placed(build, place, lower, low_rank), high_rank, high_moves), place),
    )
    order, higher = (build.Gather(v, partner, axis=0) for v in (order, higher))
    ends = build.And(higher, build.Equal(_counted_in_range(build, higher, first), total))
    middle = build.Gather(_placed(build, place, ends, first), first, axis=0)
    swap = build.Where(build.Equal(place, first), middle, build.Where(build.Equal(place, middle), first, place))
    order = build.Gather(order, swap, axis=0)
    before, here = build.Less(place, middle), build.Equal(place, middle)
    new_first = build.Where(before, first, build.Where(here, place, build.Add(middle, [1])))
    new_last = build.Where(before, build.Sub(middle, [1]), build.Where(here, place, last))
    again = _unsorted(build, build.Gather(scores, order, axis=0), new_first, top)
    return Step(again, [order, new_first, new_last])


def _counted_in_range(build: Builder, flags: Value, first: Value) -> Value:
    """How many are true from the beginning of each place's range to the place; false at the beginning itself."""
    total = build.CumSum(build.Cast(flags, to=DType.I64), build.constant(0, DType.I64))
    return build.Sub(total, build.Gather(total, first, axis=0))


def _placed(build: Builder, place: Value, chosen: Value, slots: Value) -> Value:
    """A table by slot of the places chosen; elsewhere of the slots themselves."""
    count = dim(build, place, 0)
    table = build.Concat(place, count, axis=0)
    filled = build.ScatterElements(table, build.Where(chosen, slots, count), place, axis=0)
    return build.Slice(filled, [0], [-1], [0])


def _at(build: Builder, table: Value, slots: Value, wanted: Value) -> Value:
    """Entries of a table where wanted."""
    return build.Gather(table, build.Where(wanted, slots, [0]), axis=0)
