"""`regraft inspect`, `regraft ops` and `regraft passes`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import webbrowser
from pathlib import Path

from regraft import catalogue
from regraft.commands import flags
from regraft.commands.output import Progress, print_json, write_text
from regraft.commands.values import names
from regraft.inspection import inspect
from regraft.plugins import load_plugins


def inspect_model(args: argparse.Namespace) -> int:
    """Show what a source model or an ONNX file holds. One that does not compile is shown with the reasons."""
    path, weights = flags.source(args)
    with Progress() as progress:
        progress("reading")
        options = flags.options(args)
        found = inspect(path, weights, options)
        if args.report or args.open or args.profile:
            target = args.report or Path(tempfile.mkdtemp(prefix="regraft-")) / f"{path.resolve().name}.html"
            progress("drawing")
            write_text(target, found.page(args.profile))
    if args.report or args.open or args.profile:
        print(f"wrote {target}", file=sys.stderr)
    if args.open and not webbrowser.open(target.resolve().as_uri()):
        print("no browser is found here: open the page yourself", file=sys.stderr)
    if args.json:
        print_json(vars(found.summary))
    else:
        print(found.summary)
    return 1 if found.summary.problems else 0


def list_ops(args: argparse.Namespace) -> int:
    """The support table."""
    for said in load_plugins(args.plugin):
        print(said, file=sys.stderr)
    lines = catalogue.supported(args.dialect or "")
    if args.json:
        print_json([vars(line) for line in lines])
        return 0
    width = max((len(line.name) for line in lines), default=0)
    for dialect, title in catalogue.DIALECTS.items():
        group = [line for line in lines if line.dialect == dialect]
        if group:
            print(f"{title}: {len(group)}")
            print("\n".join(f"  {line.name:{width}}  {line.summary}".rstrip() for line in group))
    return 0


def list_passes(args: argparse.Namespace) -> int:
    """The pipeline in its order, with the reason for each place."""
    for said in load_plugins(args.plugin):
        print(said, file=sys.stderr)
    lines = catalogue.passes(flags.chosen_passes(args), names(args.without_pass) or ())
    if args.json:
        print_json([vars(line) for line in lines])
        return 0
    width = max(len(line.name) for line in lines)
    for line in lines:
        print(f"{line.stage:12}  {line.name:{width}}  {line.reason}".rstrip())
        if args.rewrites:
            print("".join(f"{'':14}{name}\n" for name in line.rewrites), end="")
    return 0
