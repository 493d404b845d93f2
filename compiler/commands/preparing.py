"""The flags that prepare a model for its use (what is fed, names, precision, the reader), and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft.commands.values import channels, names, pair


def picture_flags(group: argparse._ArgumentGroup) -> None:
    """What is done to what is fed, before the network."""
    group.add_argument(
        "--input-type",
        action="append",
        default=[],
        metavar="[NAME=]TYPE",
        help="feed u8 (or i8, u16, i16, f16) in the place of float32: pictures as they are read (repeatable, by input)",
    )
    group.add_argument(
        "--input-layout",
        action="append",
        default=[],
        metavar="[NAME=]LAYOUT",
        help="feed NHWC to a network of Caffe's, or NCHW to one of TensorFlow's; --input-shape stays the network's own",
    )
    group.add_argument(
        "--inputs-as-nchw", action="append", default=[], metavar="NAMES", help="the same as --input-layout NAME=NCHW"
    )
    group.add_argument(
        "--reverse-input-channels", action="store_true", help="the network wants BGR, and RGB is fed, or the reverse"
    )
    group.add_argument("--mean-file", type=Path, metavar="FILE", help="subtract a mean: .binaryproto or .npy")
    group.add_argument(
        "--mean-values",
        action="append",
        default=[],
        metavar="[NAME=]M,M,M",
        help="subtract these from the channels, in the network's order (repeatable, by input)",
    )
    group.add_argument(
        "--scale-values", action="append", default=[], metavar="[NAME=]S,S,S", help="then divide the channels by these"
    )


def result_flags(group: argparse._ArgumentGroup) -> None:
    """Names and layouts of the result, and who is to read it."""
    group.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="another name for an input or output; other flags use the old one (repeatable)",
    )
    group.add_argument(
        "--output-layout",
        action="append",
        default=[],
        metavar="[NAME=]LAYOUT",
        help="give an output as NCHW or NHWC (repeatable, by output)",
    )
    group.add_argument(
        "--outputs-as-nchw", action="append", default=[], metavar="NAMES", help="the same as --output-layout NAME=NCHW"
    )
    group.add_argument(
        "--for",
        dest="target",
        choices=("opencv",),
        help="write what this reader takes; opencv: standard operators that OpenCV 4 and 5 read with the same numbers",
    )


def precision_flags(group: argparse._ArgumentGroup) -> None:
    """Float16 and int8."""
    group.add_argument(
        "--precision",
        default="fp32",
        choices=("fp32", "fp16", "int8"),
        help="of weights and of what is computed (fp32); the report says what another one costs in accuracy",
    )
    group.add_argument(
        "--keep-fp32",
        action="append",
        default=[],
        metavar="NAMES",
        help="layers, ops or types (Softmax) that stay float32, separated by commas (repeatable)",
    )
    group.add_argument(
        "--fp16-io", action="store_true", help="with --precision fp16: inputs and outputs are float16, too"
    )
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="PATH",
        help="inputs to measure ranges and accuracy on: a folder of pictures, .npy or .npz files, or one such file",
    )


def options(args: argparse.Namespace) -> dict[str, Any]:
    """What these flags say, as `CompileOptions` takes it."""
    from regraft.options import input_types, layouts

    return {
        "mean_file": args.mean_file,
        "mean_values": dict(channels(text, "--mean-values") for text in args.mean_values),
        "scale_values": dict(channels(text, "--scale-values") for text in args.scale_values),
        "reverse_input_channels": args.reverse_input_channels,
        "input_types": input_types(_by_name(args.input_type)),
        "input_layouts": layouts({**_by_name(args.input_layout), **_nchw(args.inputs_as_nchw)}),
        "output_layouts": layouts({**_by_name(args.output_layout), **_nchw(args.outputs_as_nchw)}),
        "rename": dict(pair(text, "--rename", "data=image") for text in args.rename),
        "precision": args.precision,
        "keep_fp32": names(args.keep_fp32) or (),
        "fp16_io": args.fp16_io,
        "calibration": args.calibration,
        "target": args.target,
    }


def _by_name(given: Sequence[str]) -> dict[str, str]:
    """`["u8", "data=f16"]` is {"": "u8", "data": "f16"}."""
    parts = [text.rpartition("=") for text in given]
    return {name.strip(): value.strip() for name, _, value in parts}


def _nchw(given: Sequence[str]) -> dict[str, str]:
    return dict.fromkeys(names(given) or (), "NCHW")
