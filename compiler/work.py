"""How much a network computes, and so how many threads it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from regraft.costs import WEIGHTED, products
from regraft.ir import Graph, Op, subgraphs

KEY = "regraft.products"
"""The metadata entry of a file: the multiplications with weights of one run."""
WORTH_THREADS = 500_000
"""With fewer multiplications, handing work to other threads takes longer than doing it."""


def entry(graph: Graph) -> dict[str, str]:
    """The metadata entry of a graph of ONNX and custom ops; none when what it computes is not known beforehand."""
    counts = [_products(op) for op in graph.ops]
    return {} if None in counts else {KEY: str(sum(count or 0 for count in counts))}


def _products(op: Op) -> int | None:
    """Multiplications with weights; of an op that has none, the elements of its results."""
    if subgraphs(op) or op.dialect == "layers":
        return None
    if op.dialect == "core":
        return 0
    results = [value.static_shape for value in op.outputs]
    known = [size for size in results if size is not None]
    if len(known) < len(results):
        return None
    if op.dialect != "onnx" or op.type_name not in WEIGHTED:
        return sum(map(prod, known))
    x, weights = (None if value is None else value.static_shape for value in op.inputs[:2])
    if x is None or weights is None:
        return None
    return products(op.type_name, known[0], x, weights, transposed=op.flag("transA", False))


def worthwhile_threads(threads: int | None, metadata: Mapping[str, str]) -> int | None:
    """`threads`, or one where the network of a file with this metadata is too small to gain from more."""
    known = metadata.get(KEY, "")
    return 1 if known.isdigit() and int(known) < WORTH_THREADS else threads
