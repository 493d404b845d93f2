"""The command `regraft`: its verbs and flags, how errors are shown, and exit codes. What the verbs do is in `commands`.

Exit codes: 0 fine, 1 the model's fault, 2 wrong usage, 3 a bug in regraft, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module, metadata

from regraft.commands import flags
from regraft.commands.output import print_errors
from regraft.errors import RegraftError

WELCOME = """\
regraft compiles trained Caffe and TensorFlow networks to ONNX and runs them.

  regraft demo                                     a first look, nothing to download
  regraft compile deploy.prototxt net.caffemodel   Caffe to net.onnx
  regraft compile graph.pb                         TensorFlow to graph.onnx
  regraft run net.onnx --image photo.jpg           run it

regraft --help lists the rest; regraft VERB --help explains one.
"""

OK, FAILED, INTERNAL, INTERRUPTED = 0, 1, 3, 130


class Verb:
    """One verb: its help, flags (a function on the parser), examples, and the `module:function` that does it."""

    def __init__(
        self, name: str, summary: str, command: str, arguments: flags.AddFlags, examples: Sequence[str]
    ) -> None:
        self.name, self.summary, self.command, self.arguments, self.examples = (
            name,
            summary,
            command,
            arguments,
            examples,
        )


VERBS = (
    Verb(
        "compile",
        "compile a Caffe or TensorFlow model to an ONNX file",
        "compiling:compile_model",
        flags.compile_flags,
        (
            "regraft compile deploy.prototxt net.caffemodel -o net.onnx",
            "regraft compile hed.prototxt hed.caffemodel --input-shape data=1,3,500,500 --crop-offset centre",
            "regraft compile graph.pb --inputs image --outputs boxes,scores",
            "regraft compile saved_model/ --signature serving_default --report report.html",
            "regraft compile net.prototxt net.caffemodel --input-type u8 --input-layout NHWC --mean-values 104,117,123",
            "regraft compile graph.pb --rename image=data --outputs-as-nchw maps --precision fp16 --keep-fp32 Softmax",
            "regraft compile deploy.prototxt net.caffemodel --precision int8 --calibration photos/",
            "regraft compile deploy.prototxt net.caffemodel --for opencv -o net.onnx",
        ),
    ),
    Verb(
        "check",
        "say what would fail, and write nothing",
        "compiling:check_model",
        flags.check_flags,
        ("regraft check deploy.prototxt net.caffemodel", "regraft check graph.pb --json"),
    ),
    Verb(
        "run",
        "run a compiled model on arrays or on a photo",
        "running:run_model",
        flags.run_flags,
        (
            "regraft run net.onnx inputs.npz -o outputs.npz",
            "regraft run hed.onnx --image photo.jpg --mean-values 104,117,123 --output sigmoid-fuse -o edges.png",
            "regraft run net.onnx inputs.npz --provider cuda --provider cpu",
            "regraft run net.onnx inputs.npz --profile profile.json",
        ),
    ),
    Verb(
        "diff",
        "compare a compiled model's numbers with another run, tensor by tensor",
        "differing:diff_model",
        flags.diff_flags,
        (
            "regraft diff graph.pb --against tensorflow",
            "regraft diff deploy.prototxt net.caffemodel --against opencv --html diff.html",
            "regraft diff deploy.prototxt net.caffemodel --against reference --images photos/ --html diff.html",
            "regraft diff graph.pb --against onnx other.onnx --arrays inputs.npz",
        ),
    ),
    Verb(
        "inspect",
        "show inputs, outputs, ops, parameters and FLOPs of a model",
        "listing:inspect_model",
        flags.inspect_flags,
        (
            "regraft inspect net.onnx",
            "regraft inspect deploy.prototxt net.caffemodel --input-shape data=1,3,224,224",
            "regraft inspect net.onnx --profile profile.json --open",
        ),
    ),
    Verb(
        "ops",
        "list the layers and ops that regraft lowers",
        "listing:list_ops",
        flags.ops_flags,
        ("regraft ops", "regraft ops caffe", "regraft ops --plugin my_rules.py"),
    ),
    Verb(
        "passes",
        "list the passes in their order",
        "listing:list_passes",
        flags.passes_flags,
        (
            "regraft passes",
            "regraft passes --rewrites --plugin my_rewrites.py",
            "regraft passes -p fold-constants,fuse,erase-dead --without-pass fold-batch-norm",
        ),
    ),
    Verb(
        "build",
        "compile C++ layers of your own, once, and say which layer types they are",
        "building:build_sources",
        flags.build_flags,
        ("regraft build my_layer.cpp", "regraft compile deploy.prototxt net.caffemodel --plugin my_layer.cpp"),
    ),
    Verb(
        "new",
        "write the stub of a layer or a rule of your own",
        "stubs:write_stub",
        flags.new_flags,
        (
            "regraft new layer SpatialInterp --from deploy.prototxt -o my_layers.py",
            "regraft new rule SpatialInterp",
        ),
    ),
    Verb(
        "completion",
        "print a script that completes regraft's command line in bash, zsh or fish",
        "completing:print_completion",
        flags.completion_flags,
        (
            "regraft completion bash >> ~/.bashrc",
            "regraft completion fish > ~/.config/fish/completions/regraft.fish",
        ),
    ),
    Verb(
        "demo",
        "compile and run a small network that finds edges; needs no download",
        "demonstrating:run_demo",
        flags.demo_flags,
        ("regraft demo", "regraft demo --out somewhere"),
    ),
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="regraft",
        description="Compiles trained Caffe and TensorFlow networks, custom layers included, to ONNX, and runs them.",
        epilog="Exit codes: 0 fine, 1 the model's fault, 2 wrong usage, 3 a bug in regraft.",
    )
    top.add_argument("--version", action="version", version=f"regraft {metadata.version('regraft')}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb in VERBS:
        epilog = "examples:\n" + "\n".join(f"  {line}" for line in verb.examples)
        one = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        one.set_defaults(command=verb.command, json=False, parser=top)
        verb.arguments(one)
        one.add_argument(
            "--debug", action="store_true", help="show the traceback of an unexpected error (also REGRAFT_DEBUG=1)"
        )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        print(WELCOME, end="")
        return OK
    args = parser().parse_args(given)
    if args.verb is None:
        parser().error("no verb is given; regraft --help lists them")
    try:
        code = _command(args.command)(args)
        sys.stdout.flush()
        return code
    except RegraftError as error:
        print_errors(error, as_json=args.json)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"error[system]: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return FAILED
    except Exception as error:
        return _our_fault(error, debug=args.debug or os.environ.get("REGRAFT_DEBUG", "") not in ("", "0"))


def _command(place: str) -> flags.Command:
    """Commands are imported when they run: `regraft --help` costs next to nothing."""
    module, _, function = place.partition(":")
    found: flags.Command = getattr(import_module(f"regraft.commands.{module}"), function)
    return found


def _our_fault(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    first = (str(error).strip().splitlines() or [""])[0]
    hint = "" if debug else "; --debug shows where"
    print(
        f"error[internal]: {type(error).__name__}: {first}\n  this is a bug in regraft: please report it{hint}",
        file=sys.stderr,
    )
    return INTERNAL
