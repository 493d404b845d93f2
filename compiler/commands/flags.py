"""The flags of every verb, and what they mean as values."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.commands import preparing
from regraft.commands.values import bad, names, pair

if TYPE_CHECKING:
    from regraft.options import CompileOptions

AddFlags = Callable[[argparse.ArgumentParser], None]
Command = Callable[[argparse.Namespace], int]


def _json(parser: argparse.ArgumentParser, what: str = "the result") -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def _plugins(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Python file with layers or rules of your own (repeatable)",
    )


def source_flags(parser: argparse.ArgumentParser) -> None:
    """The model and how it is read: what compile, check and inspect share."""
    parser.add_argument(
        "model", type=Path, help="a Caffe prototxt, a TensorFlow graph (.pb, .pbtxt), SavedModel folder or checkpoint"
    )
    parser.add_argument("weights", nargs="?", type=Path, metavar="WEIGHTS", help="the caffemodel, for Caffe")
    parser.add_argument(
        "--weights", dest="weights_flag", type=Path, metavar="FILE", help="the caffemodel, said by name"
    )
    _network_flags(parser.add_argument_group("the network"))
    preparing.picture_flags(parser.add_argument_group("pictures: what is done to them first"))
    preparing.precision_flags(parser.add_argument_group("precision"))
    result = parser.add_argument_group("the result")
    preparing.result_flags(result)
    _result_flags(result)
    _chosen_passes(result)
    _watched_passes(result)


def _network_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--inputs",
        "--input",
        action="append",
        default=[],
        metavar="NAMES",
        help="where the network begins, separated by commas (repeatable)",
    )
    group.add_argument(
        "--outputs", "--output", action="append", default=[], metavar="NAMES", help="where it ends: any blob or tensor"
    )
    group.add_argument(
        "--input-shape",
        action="append",
        default=[],
        metavar="NAME=1,3,500,500",
        help="the shape of an input; a letter is a size that varies: data=N,3,H,W (repeatable)",
    )
    group.add_argument(
        "--crop-offset",
        default="zero",
        choices=("zero", "centre", "auto"),
        help="how Caffe's Crop without parameters is read: zero (Caffe's own), centre, or auto (coordinate maps)",
    )
    group.add_argument(
        "--dynamic-batch", action="store_true", help="let the first size of every input vary (a symbol N)"
    )
    group.add_argument(
        "--random-weights",
        type=int,
        metavar="SEED",
        help="fill Caffe layers that have no weights with random numbers, to try size and speed",
    )
    group.add_argument(
        "--alias", action="append", default=[], metavar="A=B", help="treat layers or ops of type A as B (repeatable)"
    )
    group.add_argument(
        "--tag", action="append", default=[], help="the meta graph of a SavedModel, by its tags (repeatable)"
    )
    group.add_argument("--signature", help="the signature of a SavedModel")
    group.add_argument(
        "--freeze",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="make a TensorFlow placeholder a constant: is_training=false (repeatable)",
    )
    group.add_argument("--strict", action="store_true", help="parameters that regraft would ignore are errors")
    group.add_argument(
        "--allow-python-layers",
        action="store_true",
        help="import and run the modules that the model names (Caffe's Python layers)",
    )
    _plugins(group)


def _result_flags(result: argparse._ArgumentGroup) -> None:
    result.add_argument(
        "--opset", type=int, help="the ONNX opset; without it the lowest that expresses the model, 17 at least"
    )
    result.add_argument(
        "--portable", action="store_true", help="standard ONNX operators only, for readers that know no functions"
    )
    result.add_argument("--dump-ir", type=Path, metavar="DIR", help="write the graph as text after every pass")


def _chosen_passes(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "-p",
        "--passes",
        action="append",
        metavar="NAMES",
        help="these optimisations only, in this order, separated by commas (regraft passes lists them)",
    )
    group.add_argument(
        "--without-pass",
        action="append",
        default=[],
        metavar="NAME",
        help="leave out a pass or a single rewrite (repeatable)",
    )


def _watched_passes(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--explain",
        action="append",
        default=[],
        metavar="REWRITE",
        help="report how often a rewrite fired, and why not where it nearly did (repeatable)",
    )
    group.add_argument(
        "--verify-passes",
        action="store_true",
        help="run the graph on random inputs after every pass, and name what changes the numbers",
    )


def compile_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft compile`."""
    source_flags(parser)
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="the ONNX file; without it MODEL.onnx in the current folder"
    )
    parser.add_argument(
        "--external-data",
        action="store_true",
        default=None,
        help="weights in a file beside the model (by itself above 1.5 GB)",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report: .html shows the graphs, .json and .txt tell"
    )
    _profile(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")
    _json(parser, "the report")


def check_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft check`."""
    source_flags(parser)
    _json(parser)


def inspect_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft inspect`."""
    source_flags(parser)
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page that shows the graphs")
    parser.add_argument("--open", action="store_true", help="show that page in the browser")
    _profile(parser)
    _json(parser)


def _profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="what `regraft run --profile FILE` wrote: the page shows the times"
    )


def run_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft run`."""
    parser.add_argument("model", type=Path, help="a compiled model (.onnx)")
    parser.add_argument(
        "arrays", nargs="?", type=Path, metavar="INPUTS.npz", help="an array for each input, by its name"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="outputs.npz, or a .png of an output that is a map (repeatable); without it a summary is printed",
    )
    parser.add_argument("--output", metavar="NAME", help="the output that becomes the picture; without it the last map")
    parser.add_argument(
        "--provider",
        action="append",
        default=[],
        metavar="NAME",
        help="cuda, tensorrt, cpu, ... in order of preference (repeatable)",
    )
    parser.add_argument("--threads", type=int, help="threads inside an op")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="run several times, and write how long each node and layer takes"
    )
    parser.add_argument(
        "--allow-python-layers", action="store_true", help="import and run the modules of layers that the model names"
    )
    _plugins(parser)
    image = parser.add_argument_group("a photo as input")
    image.add_argument("--image", type=Path, metavar="FILE", help="a photo for the model's only input")
    image.add_argument(
        "--size", metavar="WIDTHxHEIGHT", help="resize the photo; without it to the input's size where that is fixed"
    )
    image.add_argument(
        "--channel-order", choices=("bgr", "rgb", "grey"), help="without it bgr for models from Caffe, rgb for others"
    )
    image.add_argument(
        "--mean-values",
        default="0",
        metavar="M,M,M",
        help="subtracted from each channel, in the order of --channel-order",
    )
    image.add_argument("--scale-values", default="1", metavar="S,S,S", help="then each channel is divided by these")
    _json(parser)


def diff_flags(parser: argparse.ArgumentParser) -> None:
    """What `diff` takes."""
    source_flags(parser)
    parity = parser.add_argument_group("the comparison")
    parity.add_argument(
        "--against",
        nargs="+",
        required=True,
        metavar=("JUDGE", "FILE"),
        help="reference (the file as it is, in numpy: needs nothing installed), caffe, tensorflow, opencv, or onnx and "
        "the file to compare with",
    )
    parity.add_argument("--tolerance", type=float, default=1e-4, help="difference over largest value (1e-4)")
    parity.add_argument("--html", type=Path, metavar="FILE", help="write a page with a plot along the network")
    _json(parser)
    fed = parser.add_argument_group("what both are fed: random numbers, unless it is said")
    fed.add_argument("--arrays", type=Path, metavar="FILE", help="inputs by name, an .npz file")
    fed.add_argument(
        "--images",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="photos or folders of them, each compared by itself: the worst of all counts",
    )
    fed.add_argument("--image-size", metavar="WIDTHxHEIGHT", help="resize the photos; else to the input's size")
    fed.add_argument("--channel-order", choices=("bgr", "rgb", "grey"), help="of the photos; else the framework's")
    fed.add_argument("--image-mean", default="0", metavar="B,G,R", help="subtracted from the channels of the photos")
    fed.add_argument("--image-scale", default="1", metavar="S,S,S", help="then each channel is divided by these")
    fed.add_argument("--seed", type=int, default=0, help="of the random numbers (0)")
    fed.add_argument(
        "--feed-shape",
        action="append",
        default=[],
        metavar="NAME=1,3,224,224",
        help="the size of a random input that the model leaves open (repeatable)",
    )


def ops_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft ops`."""
    parser.add_argument("dialect", nargs="?", choices=("caffe", "tf", "regraft"), help="one dialect only")
    _plugins(parser)
    _json(parser, "the table")


def new_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft new`."""
    parser.add_argument(
        "what", choices=("layer", "rule"), help="a layer: Python that runs; a rule: what it becomes in ONNX"
    )
    parser.add_argument("type", help="the layer's or op's type")
    parser.add_argument(
        "--from",
        "--model",
        dest="model",
        type=Path,
        metavar="FILE",
        help="a model that has one: its parameters are put in",
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="the Python file; without it the stub is printed"
    )
    _json(parser)


def build_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft build`."""
    parser.add_argument("source", nargs="+", type=Path, help="a C++ file with layers (regraft/layer.hpp)")
    _json(parser)


def passes_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft passes`."""
    parser.add_argument("--rewrites", action="store_true", help="list the rewrites that a pass is made of, too")
    _plugins(parser)
    _chosen_passes(parser)
    _json(parser)


def completion_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that the script is for")


def demo_flags(parser: argparse.ArgumentParser) -> None:
    """`regraft demo`."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("regraft-demo"),
        metavar="DIR",
        help="where the files go (default: %(default)s)",
    )
    _json(parser, "the report")


def source(args: argparse.Namespace) -> tuple[Path, Path | None]:
    """The model and its weights."""
    if args.weights and args.weights_flag:
        raise bad("the weights are given twice", "net.caffemodel or --weights net.caffemodel")
    return args.model, args.weights or args.weights_flag


def options(args: argparse.Namespace) -> CompileOptions:
    """The options of a compilation."""
    from regraft.options import CompileOptions, shapes

    return CompileOptions(
        inputs=names(args.inputs),
        outputs=names(args.outputs),
        input_shapes=shapes(dict(shape(text) for text in args.input_shape)),
        plugins=tuple(args.plugin),
        aliases=dict(pair(text, "--alias", "Mine=Interp") for text in args.alias),
        allow_python_layers=args.allow_python_layers,
        opset=args.opset,
        portable=args.portable,
        crop_offset=args.crop_offset,
        dynamic_batch=args.dynamic_batch,
        random_weights=args.random_weights,
        strict=args.strict,
        tags=names(args.tag),
        signature=args.signature,
        freeze=dict(frozen(text) for text in args.freeze),
        dump_ir=args.dump_ir,
        passes=chosen_passes(args),
        without_passes=names(args.without_pass) or (),
        explain=names(args.explain) or (),
        verify_passes=args.verify_passes,
        **preparing.options(args),
    )


def chosen_passes(args: argparse.Namespace) -> tuple[str, ...] | None:
    """The passes of `-p`: `-p ""` is none at all, without `-p` it is None."""
    return None if args.passes is None else names(args.passes) or ()


def shape(text: str) -> tuple[str, list[int | str]]:
    """`data=1,3,H,W` is ("data", [1, 3, "H", "W"]); the brackets of `data=[1,3,H,W]` are taken off.

    Raises:
        UsageError: it is not that.
    """
    name, dims = pair(text, "--input-shape", "data=1,3,224,224")
    parts = [part.strip() for part in dims.strip("[]()").split(",") if part.strip()]
    return name, [int(part) if part.lstrip("-").isdigit() else part for part in parts]


def size(text: str | None) -> tuple[int, int] | None:
    """`500x400` as (500, 400); one number is a square.

    Raises:
        UsageError: it is not that.
    """
    if text is None:
        return None
    parts = text.lower().replace(",", "x").split("x")
    if not 1 <= len(parts) <= 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise bad(f"--size {text!r} is not WIDTHxHEIGHT", "--size 500x400")
    return int(parts[0]), int(parts[-1])


def frozen(text: str) -> tuple[str, Any]:
    """`name=value`, the value as JSON has it: true, 0.5, [1, 2]; any other word is a string."""
    name, value = pair(text, "--freeze", "is_training=false")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
