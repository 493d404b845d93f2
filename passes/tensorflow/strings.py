"""Strings, as far as ONNX's string ops of opset 20 and its Cast go."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from regraft.ir import Array, Builder, DType, Value
from regraft.ir.looping import repeat
from regraft.passes.rules import BUILT_IN, rule
from regraft.passes.tensorflow.common import cast, dtype_of_value, need_opset, reduce, scalar
from regraft.passes.tensorflow.node import TensorFlowNode

STRINGS_SINCE = 20
PUNCTUATION = r"[\\.+*?()|\[\]{}^$]"
"""What means something else than itself in a regular expression."""
UNROLLED = 16
"""Up to so many texts are joined by an op each, more in a loop."""


def text(value: str) -> Array:
    """A string scalar as a constant array."""
    return np.asarray(value, object)


@rule("tf.AsString")
def as_string(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Integers and bools as text; floats are refused, ONNX Runtime writes them otherwise. Source: as_string_op.cc."""
    dtype = dtype_of_value(node, x)
    plain = node.integer("width", -1) == -1 and not node.text("fill", "")
    if dtype is DType.BOOL and plain:
        return build.Where(x, text("true"), text("false"))
    if not dtype.is_integer or not plain:
        raise node.refuse(f"text of {dtype.value} in TensorFlow's form")
    return build.Cast(x, to=DType.STRING)


@rule("tf.StringToNumber")
def string_to_number(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Text as `out_type` (float32); other text than a number is an error. Source: string_to_number_op.cc."""
    return build.Cast(x, to=node.dtype("out_type", DType.F32))


def _cased(action: str) -> Callable[[TensorFlowNode, Builder, Value], Value]:
    def lower(node: TensorFlowNode, build: Builder, x: Value) -> Value:
        if node.text("encoding", "").lower() not in ("", "utf-8"):
            raise node.refuse("an encoding that is not known", field="encoding")
        flat = build.StringNormalizer(
            build.Reshape(x, [-1]), case_change_action=action, is_case_sensitive=1, locale="C"
        )
        return build.Reshape(flat, build.Shape(x))

    lower.__name__ = f"string_{action.lower()}"
    return lower


BUILT_IN.rule("tf.StringLower")(_cased("LOWER"))
BUILT_IN.rule("tf.StringUpper")(_cased("UPPER"))
"""Letters in one case, any shape. Source: string_lower_op.cc, string_upper_op.cc."""


@rule("tf.StringJoin")
def string_join(node: TensorFlowNode, build: Builder, first: Value, *more: Value) -> Value:
    """The texts of all inputs, which broadcast, with `separator` between. Source: string_join_op.cc."""
    need_opset(build, "StringConcat", STRINGS_SINCE)
    separator = node.text("separator", "")
    for each in more:
        first = build.StringConcat(first, text(separator)) if separator else first
        first = build.StringConcat(first, each)
    return first if more else build.Identity(first)


@rule("tf.RegexFullMatch")
def regex_full_match(node: TensorFlowNode, build: Builder, x: Value, pattern: Value) -> Value:
    """Whether the whole text matches the (constant) `pattern`, of RE2 in both; bool. Source: regex_full_match_op.cc."""
    need_opset(build, "RegexFullMatch", STRINGS_SINCE)
    return build.RegexFullMatch(x, pattern=_constant_text(node, pattern, "pattern"))


@rule("tf.StaticRegexReplace")
def static_regex_replace(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Every occurrence of a literal `pattern`, or the first only, replaced. Source: regex_replace_op.cc."""
    return _replaced(node, build, x, node.text("pattern"), node.text("rewrite"))


@rule("tf.RegexReplace")
def regex_replace(node: TensorFlowNode, build: Builder, x: Value, pattern: Value, rewrite: Value) -> Value:
    """StaticRegexReplace whose pattern and replacement are (constant) inputs. Source: regex_replace_op.cc."""
    found, instead = (_constant_text(node, v, what) for v, what in ((pattern, "pattern"), (rewrite, "rewrite")))
    return _replaced(node, build, x, found, instead)


@rule("tf.StaticRegexFullMatch")
def static_regex_full_match(node: TensorFlowNode, build: Builder, x: Value) -> Value:
    """Whether the whole text matches `pattern`, of RE2 in both; bool. Source: regex_full_match_op.cc."""
    need_opset(build, "RegexFullMatch", STRINGS_SINCE)
    return build.RegexFullMatch(x, pattern=node.text("pattern"))


@rule("tf.StringSplitV2")
def string_split(node: TensorFlowNode, build: Builder, x: Value, separator: Value) -> list[Value]:
    """The words of a vector of texts as a sparse matrix: indices (n, 2), values (n,), shape (2,).

    An empty separator means any white space. Source: string_split_op.cc, StringSplitV2Op.
    """
    need_opset(build, "StringSplit", STRINGS_SINCE)
    x = x if x.rank == 1 else build.Reshape(x, [-1])
    between = _constant_text(node, separator, "sep")
    most = node.integer("maxsplit", -1)
    if most >= 0 and not between:
        raise node.refuse("maxsplit at white space", field="maxsplit")
    words, counts = _split(build, x, between, most)
    widest = reduce(build, "ReduceMax", build.Concat([0], counts, axis=0), [0])
    place = build.Range(np.asarray(0, np.int64), widest, np.asarray(1, np.int64))
    there = build.Less(place, build.Unsqueeze(counts, [1]))
    indices = build.Transpose(build.NonZero(there), perm=(1, 0))
    shape = build.Concat(build.Shape(x), build.Unsqueeze(widest, [0]), axis=0)
    return [indices, build.GatherND(words, indices), cast(build, shape, DType.I64)]


@rule("tf.ReduceJoin")
def reduce_join(node: TensorFlowNode, build: Builder, x: Value, axes: Value) -> Value:
    """The texts along the (constant) axes joined with `separator`, the axes in the order given.

    Source: reduce_join_op.cc.
    """
    need_opset(build, "StringConcat", STRINGS_SINCE)
    rank, separator = node.rank(x), node.text("separator", "")
    wanted = [axis % rank for axis in node.constant_integers(axes, "reduction_indices")]
    for axis in wanted:
        x = _joined_along(build, x, axis, separator)
    return x if node.flag("keep_dims", False) or not wanted else build.Squeeze(x, sorted(wanted))


def _joined_along(build: Builder, x: Value, axis: int, separator: str) -> Value:
    """The texts along one axis joined; its size becomes 1."""
    size = (x.shape or ())[axis]
    if isinstance(size, int) and 0 < size <= UNROLLED:
        parts = [build.Slice(x, [i], [i + 1], [axis]) for i in range(size)]
        joined = parts[0]
        for part in parts[1:]:
            joined = build.StringConcat(build.StringConcat(joined, text(separator)) if separator else joined, part)
        return joined

    def step(inner: Builder, index: Value, pieces: Value, so_far: Value) -> list[Value]:
        part = inner.Gather(pieces, inner.Unsqueeze(index, [0]), axis=axis)
        between = inner.Where(inner.Greater(index, np.asarray(0, np.int64)), text(separator), text(""))
        return [pieces, inner.StringConcat(inner.StringConcat(so_far, between), part)]

    rank = x.rank or 0
    given = build.Shape(x)
    front, behind = build.Slice(given, [0], [axis], [0]), build.Slice(given, [axis + 1], [rank], [0])
    nothing = build.Expand(text(""), build.Concat(front, [1], behind, axis=0))
    return repeat(build, scalar(build, build.Slice(given, [axis], [axis + 1], [0])), [x, nothing], step)[1]


def _constant_text(node: TensorFlowNode, value: Value, what: str) -> str:
    given: object = node.array(value, what).reshape(-1)[0]
    return given.decode() if isinstance(given, bytes) else str(given)


def _split(build: Builder, x: Value, between: str, most: int) -> tuple[Value, Value]:
    """The words (n, most of them) of a vector of texts, at `between` or white space, and how many each text has."""
    words, counts = build.many(
        "onnx.StringSplit", x, outputs=2, delimiter=between or None, maxsplit=most if most >= 0 else None
    )
    if not between:
        return words, counts
    # an empty text is one empty word in TensorFlow, none in ONNX Runtime
    nothing = build.Expand(text(""), build.Concat(build.Shape(x), [1], axis=0))
    return build.Concat(words, nothing, axis=1), build.Max(counts, [1])


def _replaced(node: TensorFlowNode, build: Builder, x: Value, pattern: str, rewrite: str) -> Value:
    """The texts split at the pattern, and joined again with the replacement between."""
    literal = re.sub(rf"\\({PUNCTUATION})", "", pattern)
    if not pattern or re.search(PUNCTUATION, literal) or "\\" in rewrite:
        raise node.refuse(
            f"it replaces what matches {pattern!r}, and ONNX finds literal text only",
            cure=f"do it outside and feed its result: --inputs {node.name}:0",
        )
    found = re.sub(rf"\\({PUNCTUATION})", r"\1", pattern)
    need_opset(build, "StringSplit", STRINGS_SINCE)
    words, counts = _split(build, build.Reshape(x, [-1]), found, -1 if node.flag("replace_global", True) else 1)

    def step(inner: Builder, index: Value, pieces: Value, many: Value, so_far: Value) -> list[Value]:
        part = inner.Gather(pieces, index, axis=1)
        joint = inner.And(inner.Greater(index, np.asarray(0, np.int64)), inner.Less(index, many))
        between = inner.Where(joint, text(rewrite), text(""))
        return [pieces, many, inner.StringConcat(inner.StringConcat(so_far, between), part)]

    widest = scalar(build, build.Slice(build.Shape(words), [1], [2], [0]))
    nothing = build.Expand(text(""), build.Shape(counts))
    return build.Reshape(repeat(build, widest, [words, counts, nothing], step)[2], build.Shape(x))
