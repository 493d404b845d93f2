"""`regraft diff`: the same numbers, or the first layer where they part."""

from __future__ import annotations

import argparse
from pathlib import Path

from regraft.commands import flags
from regraft.commands.output import Progress, write_text
from regraft.commands.running import read_arrays
from regraft.commands.values import bad, numbers, pair
from regraft.diff import Inputs, channel_order, diff
from regraft.images import Preparation


def diff_model(args: argparse.Namespace) -> int:
    """Compare, print, and exit with 1 when a tensor is beyond the tolerance."""
    judge, *files = args.against
    if len(files) > 1 or (judge == "onnx") != bool(files):
        cure = "--against onnx FILE.onnx; the other judges take no file"
        raise bad(f"--against {' '.join(args.against)}", cure)
    model, weights = flags.source(args)
    with Progress() as progress:
        report = diff(
            model,
            weights,
            flags.options(args),
            judge,
            file=Path(files[0]) if files else None,
            inputs=_inputs(args, model),
            tolerance=args.tolerance,
            progress=progress,
        )
    if args.html:
        write_text(args.html, report.to_html())
    print(report.to_json() if args.json else report)
    return 1 if report.first else 0


def _inputs(args: argparse.Namespace, model: Path) -> Inputs:
    if not args.images and (args.image_size or args.channel_order):
        raise bad("--image-size and --channel-order go with --images", "--images photo.jpg")
    photo = Preparation(
        args.channel_order or (channel_order(model, reversed_=args.reverse_input_channels) if args.images else "bgr"),
        flags.size(args.image_size),
        numbers(args.image_mean, "--image-mean"),
        numbers(args.image_scale, "--image-scale"),
    )
    shapes = dict(_shape(text) for text in args.feed_shape)
    arrays = read_arrays(args.arrays) if args.arrays else {}
    return Inputs(arrays, tuple(args.images), photo, args.seed, shapes)


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, sizes = pair(text, "--feed-shape", "data=1,3,224,224")
    try:
        return name, tuple(int(size) for size in sizes.split(","))
    except ValueError:
        raise bad(f"--feed-shape {text!r}: sizes are whole numbers", "--feed-shape data=1,3,224,224") from None
