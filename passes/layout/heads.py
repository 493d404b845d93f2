"""Detection heads: maps of several scales, flattened to rows and joined; one Transpose serves them all."""

from __future__ import annotations

from regraft.ir import UNKNOWN, Builder, Dim, Op, Value
from regraft.passes.layout.moves import MOST_TURNS, UNARY, turns
from regraft.passes.layout.permutations import channels_last, permutation
from regraft.passes.rewrite import Rewriter, rewrite


@rewrite("onnx.Concat")
def join_heads(op: Op, rewriter: Rewriter) -> Value | None:
    """Concat(f(Reshape(Transpose(x_i))))   =>   Reshape(Transpose(f(Concat(Reshape(x_i)))))

        x_i (N, C, H_i, W_i) --Transpose--> (N, H_i, W_i, C) --Reshape--> (N, rows_i, K) --f--> --Concat axis 1-->
    =>  x_i --Reshape--> (N, C, H_i * W_i) --Concat axis 2--> --f--> --Transpose--> (N, S, C) --Reshape--> (N, rows, K)

    f is a chain of elementwise ops, the same for all. C is the same for all, so the rows of one pixel stay together
    and in order.
    """
    values = [v for v in op.inputs if v is not None]
    chains = [_chain(v) for v in values]
    first = chains[0]
    if len(values) < 2 or any(c is None for c in chains) or first is None or op.integer("axis") not in (1, -2):
        return None
    if turns(op) >= MOST_TURNS:
        return None
    maps = [_map(chain[-1]) for chain in chains if chain is not None]
    images = [image for image in maps if image is not None]
    names = [[_signature(step) for step in chain[:-1]] for chain in chains if chain is not None]
    if len(images) != len(values) or any(name != names[0] for name in names):
        return None
    channels = {image.shape[1] if image.shape else None for image in images}
    rows = {v.shape[2] if v.shape else None for v in values}
    if len(channels) != 1 or len(rows) != 1:
        return None
    wide, narrow = channels.pop(), rows.pop()
    if not isinstance(wide, int) or not isinstance(narrow, int):
        return None
    return _joined(rewriter.build, images, wide, narrow, first[:-1])


def _joined(build: Builder, images: list[Value], wide: int, narrow: int, chain: list[Op]) -> Value:
    flat = build.Concat(*(build.Reshape(image, [0, wide, -1]) for image in images), axis=2)
    for step in reversed(chain):
        flat = Builder.like(step, "join-heads").many(step.kind, flat, *step.inputs[1:], **step.attrs)[0]
    rows = build.Transpose(flat, perm=channels_last(3))
    return rows if wide == narrow else build.Reshape(rows, [0, -1, narrow])


def _chain(value: Value) -> list[Op] | None:
    """The elementwise ops from `value` up to a Reshape, which is the last; None when there is something else."""
    chain = [value.op]
    while chain[-1].kind in UNARY:
        source = chain[-1].inputs[0]
        if source is None:
            return None
        chain.append(source.op)
    if chain[-1].kind != "onnx.Reshape" or any(len(step.outputs[0].uses) != 1 for step in chain):
        return None
    return chain


def _map(reshape: Op) -> Value | None:
    """x when `reshape` cuts the pixels of Transpose(x), channels last, into rows of equal length."""
    pixels, result = reshape.inputs[0], reshape.outputs[0].shape
    if pixels is None or permutation(pixels) != channels_last(4) or result is None or len(result) != 3:
        return None
    if reshape.flag("allowzero", False):
        return None
    image, channels, narrow = pixels.op.inputs[0], (pixels.shape or ())[3], result[2]
    if not isinstance(channels, int) or not isinstance(narrow, int) or narrow < 1 or channels < 1 or channels % narrow:
        return None
    return image if _same_batch(pixels, result[0], result[1], channels // narrow) else None


def _same_batch(pixels: Value, batch: Dim, rows: Dim, rows_a_pixel: int) -> bool:
    """Whether the first dimension of the result is the batch, and not something else of a size that happens to fit."""
    shape = pixels.shape or ()
    if batch != UNKNOWN and batch == shape[0]:
        return True
    _, height, width, _ = shape
    return isinstance(height, int) and isinstance(width, int) and rows == height * width * rows_a_pixel > 0


def _signature(op: Op) -> tuple[object, ...]:
    """What two ops of equal effect share: kind, attributes, and the further inputs."""
    return op.kind, tuple(sorted((k, str(v)) for k, v in op.attrs.items())), op.inputs[1:]
