"""The loss of connectionist temporal classification: over all ways to spread labels over time."""

from __future__ import annotations

import numpy as np

from regraft.ir import Builder, DType, Value, repeat
from regraft.passes.rules import rule
from regraft.passes.tensorflow.common import cast, reduce, to_int64
from regraft.passes.tensorflow.node import TensorFlowNode

_ZERO, _ONE = np.asarray(0, np.int64), np.asarray(1, np.int64)


@rule("tf.CTCLoss", "tf.CTCLossV2")
def ctc_loss(
    node: TensorFlowNode, build: Builder, x: Value, indices: Value, values: Value, lengths: Value
) -> list[Value]:
    """-log of the labels' probability (batch,) under scores x (time, batch, classes) float, of which `lengths` count.

    The labels are sparse: indices (n, 2), values (n,). The blank is the last class, of CTCLossV2 the first. Labels for
    which the time is too short cost 0 with `ignore_longer_outputs_than_inputs`; else, where TensorFlow raises an error,
    infinity. Its gradient is refused. Source: ctc_loss_op.cc, ctc_loss_calculator.h.
    """
    if any(value.uses for value in node.op.outputs[1:]):
        raise node.refuse("its gradient is a part of training", cure="choose outputs that need the loss only")
    merges = node.flag("ctc_merge_repeated", True)
    blank = _blank(node, build, x)
    labels, counts = _dense_labels(node, build, x, indices, values, blank)
    spread = _with_blanks(build, labels, blank)
    scores = build.LogSoftmax(cast(build, x, DType.F64), axis=2)
    steps = to_int64(build, lengths)
    ways = _forward(build, scores, spread, blank, steps, merges=merges)
    loss = build.Neg(_final(build, ways, counts))
    none = build.Equal(steps, [0])
    if node.flag("ignore_longer_outputs_than_inputs", False):
        none = build.Or(none, build.Greater(counts, steps))
    loss = cast(build, build.Where(none, _number(build, 0), loss), x.dtype or DType.F32)
    return [loss, x]


def _number(build: Builder, value: float) -> Value:
    return build.constant(np.asarray(value, np.float64))


def _blank(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """The blank's class, an int64 vector of one element."""
    if node.op.type_name == "CTCLossV2":
        return build.constant(np.zeros(1, np.int64))
    return build.Sub(build.Slice(build.Shape(x), [2], [3], [0]), [1])


def _range(build: Builder, size: Value) -> Value:
    return build.Range(_ZERO, build.Squeeze(size, [0]), _ONE)


def _dense_labels(
    node: TensorFlowNode, build: Builder, x: Value, indices: Value, values: Value, blank: Value
) -> tuple[Value, Value]:
    """Labels (batch, most) with blanks behind, and how many each has; repetitions are merged first if so asked."""
    rows = build.Squeeze(build.Slice(indices, [0], [1], [1]), [1])
    labels = to_int64(build, values)
    if node.flag("preprocess_collapse_repeated", False):
        before = [build.Concat([-1], build.Slice(v, [0], [-1], [0]), axis=0) for v in (rows, labels)]
        same = build.And(*(build.Equal(v, b) for v, b in zip((rows, labels), before, strict=True)))
        kept = build.Not(same)
        rows, labels = (build.Compress(v, kept, axis=0) for v in (rows, labels))
    batch = build.Slice(build.Shape(x), [1], [2], [0])
    belongs = build.Equal(build.Unsqueeze(_range(build, batch), [1]), build.Unsqueeze(rows, [0]))
    counts = build.ReduceSum(build.Cast(belongs, to=DType.I64), [1], keepdims=0)
    starts = build.CumSum(counts, _ZERO, exclusive=1)
    places = build.Sub(_range(build, build.Shape(rows)), build.Gather(starts, rows, axis=0))
    most = reduce(build, "ReduceMax", build.Concat(counts, [0], axis=0), [0], keepdims=True)
    empty = build.Expand(blank, build.Concat(batch, most, axis=0))
    where = build.Concat(build.Unsqueeze(rows, [1]), build.Unsqueeze(places, [1]), axis=1)
    return build.ScatterND(empty, where, labels), counts


def _with_blanks(build: Builder, labels: Value, blank: Value) -> Value:
    """Blanks before, between and behind labels (batch, n): (batch, 2 n + 1)."""
    batch = build.Slice(build.Shape(labels), [0], [1], [0])
    pairs = build.Concat(
        build.Unsqueeze(build.Expand(blank, build.Shape(labels)), [2]), build.Unsqueeze(labels, [2]), axis=2
    )
    width = build.Mul(build.Slice(build.Shape(labels), [1], [2], [0]), [2])
    flat = build.Reshape(pairs, build.Concat(batch, width, axis=0), allowzero=1)
    return build.Concat(flat, build.Expand(blank, build.Concat(batch, [1], axis=0)), axis=1)


def _behind(build: Builder, x: Value, steps: int) -> Value:
    """x (batch, n) moved by `steps` columns, the impossible (log 0) before."""
    batch = build.Slice(build.Shape(x), [0], [1], [0])
    nothing = build.Expand(_number(build, -np.inf), build.Concat(batch, [steps], axis=0))
    return build.Slice(build.Concat(nothing, x, axis=1), [0], [-steps], [1])


def _log_of_sum(build: Builder, *terms: Value) -> Value:
    """log(sum(exp(terms))); of impossible terms only, impossible."""
    largest = build.Max(*terms)
    safe = build.Where(build.IsInf(largest), _number(build, 0), largest)
    total = build.Exp(build.Sub(terms[0], safe))
    for term in terms[1:]:
        total = build.Add(total, build.Exp(build.Sub(term, safe)))
    return build.Add(build.Log(total), safe)


def _forward(build: Builder, scores: Value, spread: Value, blank: Value, lengths: Value, *, merges: bool) -> Value:
    """log of the probability (batch, n) to stand at each of the spread labels in the last step that counts."""
    columns = _range(build, build.Slice(build.Shape(spread), [1], [2], [0]))
    is_blank = build.Equal(spread, blank)
    skips = build.And(build.Not(is_blank), build.GreaterOrEqual(columns, np.asarray(2, np.int64)))
    if merges:
        batch = build.Slice(build.Shape(spread), [0], [1], [0])
        before = build.Concat(build.Expand(blank, build.Concat(batch, [2], axis=0)), spread, axis=1)
        skips = build.And(skips, build.Not(build.Equal(spread, build.Slice(before, [0], [-2], [1]))))
    stays = build.Or(is_blank, build.constant(np.asarray(merges)))
    first = build.GatherElements(build.Gather(scores, _ZERO, axis=0), spread, axis=1)
    start = build.Where(build.Less(columns, np.asarray(2, np.int64)), first, _number(build, -np.inf))
    steps = build.Sub(build.Squeeze(build.Slice(build.Shape(scores), [0], [1], [0]), [0]), _ONE)
    return repeat(build, steps, [start, scores, spread, stays, skips, lengths], _advance)[0]


def _advance(build: Builder, index: Value, ways: Value, *fixed: Value) -> list[Value]:
    """One step: who stands at a label stood there, at the one before, or at the one before the blank between."""
    scores, spread, stays, skips, lengths = fixed
    step = build.Add(index, _ONE)
    impossible = _number(build, -np.inf)
    stayed = build.Where(stays, ways, impossible)
    skipped = build.Where(skips, _behind(build, ways, 2), impossible)
    likely = build.GatherElements(build.Gather(scores, step, axis=0), spread, axis=1)
    made = build.Add(likely, _log_of_sum(build, stayed, _behind(build, ways, 1), skipped))
    inside = build.Unsqueeze(build.Less(step, lengths), [1])
    return [build.Where(inside, made, ways), *fixed]


def _final(build: Builder, ways: Value, counts: Value) -> Value:
    """log of the probability to end with the last label or the blank behind it."""
    last = build.Unsqueeze(build.Mul(counts, [2]), [1])
    with_blank = build.Squeeze(build.GatherElements(ways, last, axis=1), [1])
    place = build.Max(build.Sub(last, [1]), [0])
    without = build.Squeeze(build.GatherElements(ways, place, axis=1), [1])
    without = build.Where(build.Equal(counts, [0]), _number(build, -np.inf), without)
    return _log_of_sum(build, with_blank, without)
