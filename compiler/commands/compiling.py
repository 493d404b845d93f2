"""`regraft compile` and `regraft check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from regraft.api import compile_with
from regraft.commands import flags
from regraft.commands.output import Progress, errors_as_dicts, print_errors, print_json, write_text
from regraft.errors import CompileError, Diagnostic, RegraftError, UsageError
from regraft.model import Model


def compile_model(args: argparse.Namespace) -> int:
    """Compile, write the file, print the report and the path."""
    path, weights = flags.source(args)
    options = flags.options(args)
    target = output_path(args.out, path, weights)
    if args.profile and (args.report is None or args.report.suffix not in (".html", ".htm")):
        cures = (f"--report report.html --profile {args.profile}",)
        raise UsageError(Diagnostic("bad-option", "only an HTML report shows a profile", cures=cures))
    with Progress() as progress:
        try:
            model = compile_with(path, weights, options, progress)
        except RegraftError as error:
            print_errors(error, as_json=args.json)
            if not args.json:
                print("no file written.", file=sys.stderr)
            return error.exit_code
        model.save(target, external_data=args.external_data, progress=progress.bytes)
    if args.report:
        _write_report(args, model)
    _print_result(args, model, target)
    return 0


def check_model(args: argparse.Namespace) -> int:
    """Compile without writing, and say what stands in the way."""
    path, weights = flags.source(args)
    options = flags.options(args)
    with Progress() as progress:
        try:
            report = compile_with(path, weights, options, progress).report
        except CompileError as error:
            if not args.json:
                raise
            print_json({"ok": False, "errors": errors_as_dicts(error), "warnings": []})
            return error.exit_code
    if args.json:
        print_json({"ok": True, "errors": [], "warnings": report.warnings})
    else:
        for warning in report.warnings:
            print(f"warning: {warning}")
        counts = f"layers: {len(report.layers)}, ONNX nodes: {sum(report.ops.values())}, opset {report.opset}"
        print(f"{path.name} compiles ({counts})")
    return 0


def output_path(out: Path | None, model: Path, weights: Path | None) -> Path:
    """Where the ONNX file goes: `out`, or MODEL.onnx in `out` or in the current folder.

    Raises:
        UsageError: it is one of the files that are read.
    """
    name = f"{model.resolve().name if model.is_dir() else model.stem}.onnx"
    target = Path(name) if out is None else out / name if out.is_dir() else out
    for source in (model, weights):
        if source is not None and target.exists() and source.exists() and target.samefile(source):
            raise UsageError(
                Diagnostic("would-overwrite", f"{target} is the file that is read", cures=("choose another with -o",))
            )
    return target


def _print_result(args: argparse.Namespace, model: Model, target: Path) -> None:
    if args.json:
        print_json({"ok": True, "written": [str(target)], **model.report.to_dict()})
    elif args.quiet:
        for warning in model.report.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    else:
        print(model.report)
        print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB)")


def _write_report(args: argparse.Namespace, model: Model) -> None:
    kind = args.report.suffix
    if kind in (".html", ".htm"):
        text = model.page(args.profile)
    else:
        text = model.report.to_json() if kind == ".json" else str(model.report)
    write_text(args.report, text)
