"""Strings against TensorFlow: what comes out as text is compared as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import loosened
from harness import Array, Feed, from_tensorflow, one_op, refused

WORDS = np.array(["Hello World", "a,b,,c", "", "x  y z"], object)
NUMBERS = np.array(["1", "-2.5", "1e3"], object)
CASES: dict[str, tuple[Callable[..., Any], tuple[Array | Feed, ...]]] = {
    "AsString of integers": (lambda tf, x: tf.strings.as_string(x), (np.array([[1, -20], [0, 7]], np.int32),)),
    "AsString of bools": (lambda tf, x: tf.strings.as_string(x), (np.array([True, False]),)),
    "StringToNumber": (lambda tf, x: tf.strings.to_number(x), (NUMBERS,)),
    "StringToNumber float64": (lambda tf, x: tf.strings.to_number(x, tf.float64), (NUMBERS,)),
    "StringToNumber int64": (lambda tf, x: tf.strings.to_number(x, tf.int64), (np.array(["12", "-7"], object),)),
    "StringLower": (lambda tf, x: tf.strings.lower(x), (WORDS.reshape(2, 2),)),
    "StringUpper": (lambda tf, x: tf.strings.upper(x), (WORDS,)),
    "StringJoin": (lambda tf, x: tf.strings.join([x, "!", x], separator="-"), (WORDS,)),
    "StringJoin without separator": (lambda tf, x, y: tf.strings.join([x, y]), (WORDS, WORDS[::-1].copy())),
    "RegexFullMatch": (lambda tf, x: tf.strings.regex_full_match(x, "[a-z].*"), (WORDS,)),
    "RegexFullMatch of a constant pattern": (
        lambda tf, x: tf.raw_ops.RegexFullMatch(input=x, pattern=".*[, ].*"),
        (WORDS.reshape(2, 2),),
    ),
    **{
        f"StaticRegexReplace {pattern!r} by {rewrite!r}, {'all' if every else 'the first'}": (
            lambda tf, x, p=pattern, r=rewrite, e=every: tf.raw_ops.StaticRegexReplace(
                input=x, pattern=p, rewrite=r, replace_global=e
            ),
            (np.array([["a,b,,c", ",x,", "", "ab"], [",", ",,", "a.b", "no"]], object),),
        )
        for pattern in (",", "ab", r"\.", ",,")
        for rewrite in ("", "-", "<ä>")
        for every in (True, False)
    },
    "RegexReplace": (
        lambda tf, x: tf.raw_ops.RegexReplace(input=x, pattern=" ", rewrite="__", replace_global=True),
        (WORDS,),
    ),
    "ReduceJoin of many": (lambda tf, x: tf.strings.reduce_join(tf.tile(x, [6]), 0, separator="+"), (WORDS,)),
    "Equal": (lambda tf, x: tf.equal(x, ["", "a,b,,c", "", "q"]), (WORDS,)),
    "NotEqual": (lambda tf, x: tf.not_equal(x, ""), (WORDS,)),
    "StringSplitV2 at commas": (
        lambda tf, x: list(tf.raw_ops.StringSplitV2(input=x, sep=",")),
        (WORDS,),
    ),
    "StringSplitV2 at white space": (lambda tf, x: list(tf.raw_ops.StringSplitV2(input=x, sep="")), (WORDS,)),
    **{
        f"ReduceJoin {axes} {separator!r} {keep}": (
            lambda tf, x, axes=axes, separator=separator, keep=keep: tf.raw_ops.ReduceJoin(
                inputs=x, reduction_indices=np.array(axes, np.int32), keep_dims=keep, separator=separator
            ),
            (WORDS.reshape(2, 2),),
        )
        for axes in ([0], [1], [-1, 0], [0, 1], [])
        for separator in ("", "-")
        for keep in (False, True)
    },
    "Gather": (lambda tf, x: tf.gather(x, [2, 0]), (WORDS,)),
    "Reshape": (lambda tf, x: tf.reshape(x, [2, 2]), (WORDS,)),
    "ConcatV2": (lambda tf, x: tf.concat([x, x], 0), (WORDS,)),
    "Where": (lambda tf, x: tf.where(tf.equal(x, ""), "none", x), (WORDS,)),
}


def plain(array: Array) -> Any:
    """Bytes and text alike as text."""
    return [v.decode() if isinstance(v, bytes) else v for v in array.reshape(-1).tolist()]


@pytest.mark.judge
@pytest.mark.parametrize("name", CASES)
def test_as_tensorflow(name: str, tmp_path: Path) -> None:
    build, feeds = CASES[name]
    net = from_tensorflow(build, *feeds)
    model = net.compile(tmp_path)
    for optimise in (False, True):
        for actual, want in zip(net.run(model, optimise=optimise), net.expected, strict=True):
            assert actual.shape == want.shape
            assert plain(actual) == plain(want)


@pytest.mark.judge
@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (3, 2), (20, 2)])
@pytest.mark.parametrize("axis", [0, -1])
def test_joins_of_unknown_sizes(shape: tuple[int, int], axis: int, tmp_path: Path) -> None:
    words = np.array([f"w{i}" for i in range(shape[0] * shape[1])], object).reshape(shape)
    net = from_tensorflow(lambda tf, x: tf.strings.reduce_join(x, axis, separator=", "), loosened(words))
    (joined,) = net.run(net.compile(tmp_path), optimise=True)
    assert joined.shape == net.expected[0].shape
    assert plain(joined) == plain(net.expected[0])


@pytest.mark.parametrize(("pattern", "rewrite"), [("a+", "b"), ("[ab]", "c"), (r"\d", "0"), ("a", r"\0"), ("", "x")])
def test_patterns_that_are_not_literal_are_refused(pattern: str, rewrite: str, tmp_path: Path) -> None:
    attrs = {"pattern": pattern, "rewrite": rewrite, "replace_global": True}
    net = one_op("StaticRegexReplace", Feed(np.array(["a"], object)), T=None, **attrs)
    refused(net, tmp_path, "ONNX finds literal text only")


def test_bytes_are_text(tmp_path: Path) -> None:
    """TensorFlow's own arrays of texts hold bytes."""
    net = one_op("StringLower", Feed(np.array(["Ä", "bC"], object)), T=None)
    session = net.compile(tmp_path).session()
    for words in (["Ä", "bC"], ["Ä".encode(), b"bC"], ["dE", b"fG"]):
        made = session.run({"x0:0": np.array(words, object)})["y:0"]
        assert plain(made) == [w.lower() for w in plain(np.array(words, object))]
