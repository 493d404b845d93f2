"""Strings against TensorFlow: what comes out as text is compared as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import Array, from_tensorflow

WORDS = np.array(["Hello World", "a,b,,c", "", "x  y z"], object)
NUMBERS = np.array(["1", "-2.5", "1e3"], object)
CASES: dict[str, tuple[Callable[..., Any], tuple[Array, ...]]] = {
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
