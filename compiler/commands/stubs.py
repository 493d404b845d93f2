"""`regraft new`: the first lines of a layer or a rule of the user's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from regraft.commands.output import print_json
from regraft.errors import Diagnostic, RegraftError, UsageError
from regraft.options import CompileOptions
from regraft.scaffold import find_example, layer_stub, rule_stub
from regraft.sources import read_source


def write_stub(args: argparse.Namespace) -> int:
    """Write the stub; with `--from` it knows the hyper-parameters that the model gives."""
    if args.out and args.out.exists():
        raise UsageError(
            Diagnostic("would-overwrite", f"{args.out} is there already", cures=("choose another with -o",))
        )
    example = None
    if args.model:
        example = find_example(read_source(args.model, None, CompileOptions()).graph, args.type)
    text = (layer_stub if args.what == "layer" else rule_stub)(args.type, example)
    if args.json:
        print_json({"ok": True, "written": [str(args.out)] if args.out else [], "text": text})
    if args.out:
        _write(args.out, text)
    elif not args.json:
        print(text, end="")
    if args.out and not args.json:
        print(f"wrote {args.out}; use it with: regraft compile MODEL --plugin {args.out}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise RegraftError(Diagnostic("cannot-write", f"{path} cannot be written: {reason}")) from error
