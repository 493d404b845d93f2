"""Which function computes which kind of source op; and what such a function is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.ir import Attributes, DType, Graph, Op

Array = npt.NDArray[Any]
Result = Any
"""One array, or a list of one an output. Lists of arrays (TensorArrays) and tables are values of their own kinds."""
Evaluator = Callable[..., Result]
"""(call, one argument an input) -> its results"""

EVALUATORS: dict[str, Evaluator] = {}
"""All evaluators by op kind: `caffe.Convolution`, `tf.Conv2D`."""


class NotEvaluated(Exception):
    """The reference does not know the op, or not this form of it; the text says why."""


@dataclass(frozen=True, slots=True)
class Several:
    """The outputs of an op that has not exactly one."""

    values: tuple[Any, ...]


@dataclass
class Call(Attributes):
    """One op that is computed: its attributes, as the file gives them, and the arrays that it reads.

    Attributes are read by `integer`, `flag` and so on, as those of an `Op`. `settings` are those of the compilation
    that say how a file is read (`crop_offset`). `graph` runs a graph inside the op: its inputs and what it captures go
    in, its outputs come out.
    """

    op: Op
    inputs: tuple[Any, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    graph: Callable[[Graph, Sequence[Any], Sequence[Any]], list[Any]] | None = None

    @property
    def attrs(self) -> dict[str, Any]:  # type: ignore[override]
        """What the file gives."""
        return self.op.attrs

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Values of attributes that are not given."""
        return self.op.defaults

    @property
    def outputs(self) -> int:
        """How many outputs are wanted."""
        return len(self.op.outputs)

    @property
    def bottoms(self) -> tuple[Array, ...]:
        """A Caffe layer's inputs that are no weights."""
        return self.inputs[: self.integer("num_bottoms", len(self.inputs))]

    @property
    def blobs(self) -> tuple[Array, ...]:
        """A Caffe layer's weights."""
        return self.inputs[self.integer("num_bottoms", len(self.inputs)) :]

    def given(self, name: str) -> Any:
        """An attribute, None when neither the file nor the op's definition has it."""
        return self.attrs.get(name, self.defaults.get(name))

    def dtype(self, name: str, default: Any = None) -> np.dtype[Any]:
        """An attribute that is an element type.

        Raises:
            NotEvaluated: numpy has no such type.
        """
        found = self.attrs.get(name, default)
        if isinstance(found, DType) and found is not DType.BF16:
            return found.numpy
        raise NotEvaluated(f"its {name} is {found}, which numpy has not")


def evaluates(*kinds: str) -> Callable[[Evaluator], Evaluator]:
    """Register the function that computes these kinds."""

    def register(function: Evaluator) -> Evaluator:
        for kind in kinds:
            assert kind not in EVALUATORS, kind
            EVALUATORS[kind] = function
        return function

    return register


def pointwise(dialect: str, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Register plain numpy functions, which need the arrays alone."""
    for name, function in functions.items():
        evaluates(f"{dialect}.{name}")(_without_call(function))


def _without_call(function: Callable[..., Any]) -> Evaluator:
    def evaluator(call: Call, *inputs: Any) -> Any:
        return function(*inputs)

    return evaluator


def several(values: Iterable[Any]) -> Several:
    """Results of an op with several outputs, or none."""
    return Several(tuple(values))
