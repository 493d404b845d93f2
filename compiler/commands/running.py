"""`regraft run`: arrays or a photo in, arrays or a picture out."""

from __future__ import annotations

import argparse
import time
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.commands import flags
from regraft.commands.output import Progress, print_json, write_text
from regraft.commands.values import numbers
from regraft.errors import Diagnostic, RunError, UsageError, did_you_mean, listing
from regraft.images import Preparation, is_map, map_to_picture, picture_to_blob, write_png
from regraft.inspection import inspect_onnx, model_nodes
from regraft.loading import load
from regraft.plugins import load_plugins
from regraft.profiling import Profile, from_trace

_FEWEST_RUNS, _MOST_RUNS, _PROFILE_SECONDS = 5, 50, 2.0
_SHOWN_LAYERS = 5
Arrays = Mapping[str, npt.NDArray[Any]]


def run_model(args: argparse.Namespace) -> int:
    """Run once and write or summarise the outputs."""
    _check_usage(args)
    load_plugins(args.plugin)
    with Progress() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # said below, by name
        progress("loading")
        model = load(args.model, allow_python_layers=args.allow_python_layers)
        session = model.session(providers=args.provider or None, threads=args.threads, profile=args.profile is not None)
        feeds = _picture(args, session) if args.image else read_arrays(args.arrays)
        progress("running")
        started = time.perf_counter()
        outputs = session.run(feeds)
        seconds = time.perf_counter() - started
        profile = _profile(args, session, feeds, progress) if args.profile else None
    for path in args.out:
        _write(path, outputs, args)
    _print(args, outputs, session.provider_report, seconds)
    if profile and not args.json:
        _print_profile(profile, args.profile)
    return 0


def _profile(args: argparse.Namespace, session: Any, feeds: Arrays, progress: Progress) -> Profile:
    """Run some more times, and write what the nodes took; the run before was the warm-up."""
    progress("profiling")
    seconds: list[float] = []
    while len(seconds) < _FEWEST_RUNS or (len(seconds) < _MOST_RUNS and sum(seconds) < _PROFILE_SECONDS):
        started = time.perf_counter()
        session.run(feeds)
        seconds.append(time.perf_counter() - started)
    profile = from_trace(session.trace(), model_nodes(args.model))
    profile.model, profile.seconds = args.model.name, median(seconds)
    write_text(args.profile, profile.to_json())
    return profile


def _print_profile(profile: Profile, path: Path) -> None:
    """The layers that take longest."""
    whole = sum(node.microseconds for node in profile.nodes)
    for layer, spent in list(profile.layers().items())[:_SHOWN_LAYERS]:
        print(f"{spent / 1e3:10.3f} ms {100 * spent / whole:5.1f} %  {layer}")
    print(f"wrote {path} ({profile.runs} runs, {(profile.seconds or 0) * 1e3:.1f} ms each)")


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file. Names may have the prefix `in:`; arrays named `out:...` are left out.

    Raises:
        RunError: there is no such file, or it is no npz file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name.removeprefix("in:"): file[name] for name in file.files if not name.startswith("out:")}
    except FileNotFoundError:
        raise RunError(Diagnostic("no-file", f"{path} does not exist", cures=("check the path",))) from None
    except (OSError, ValueError, AttributeError, EOFError) as error:
        cure = "numpy.savez('inputs.npz', data=array)"
        raise RunError(Diagnostic("no-npz", f"{path} is not an .npz file of plain arrays", cures=(cure,))) from error


def write_arrays(path: Path, arrays: Arrays) -> None:
    """An npz file; names may be any, those of `numpy.savez`'s own parameters too."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=True)


def _check_usage(args: argparse.Namespace) -> None:
    if args.model.suffix != ".onnx":
        cure = f"regraft compile {args.model} -o {args.model.stem}.onnx"
        raise UsageError(Diagnostic("not-compiled", f"{args.model.name} is no compiled model", cures=(cure,)))
    if (args.image is None) == (args.arrays is None):
        what = "nothing to run on is given" if args.image is None else "both a photo and arrays are given"
        raise UsageError(
            Diagnostic(
                "bad-option", what, cures=("regraft run net.onnx inputs.npz", "regraft run net.onnx --image photo.jpg")
            )
        )
    for path in args.out:
        if path.suffix not in (".npz", ".png"):
            raise UsageError(
                Diagnostic("bad-option", f"{path} is neither .npz nor .png", cures=("-o outputs.npz", "-o map.png"))
            )


def _channels(args: argparse.Namespace) -> str:
    if args.channel_order:
        return str(args.channel_order)
    said = inspect_onnx(args.model).metadata
    usual = "bgr" if said.get("regraft.format", "").startswith("Caffe") else "rgb"
    return said.get("regraft.channels", usual)


def _picture(args: argparse.Namespace, session: Any) -> dict[str, npt.NDArray[Any]]:
    if len(session.inputs) != 1:
        message = f"the model has {len(session.inputs)} inputs: {listing([str(i) for i in session.inputs])}"
        raise UsageError(Diagnostic("bad-option", message, cures=("feed an .npz file",)))
    info = session.inputs[0]
    how = Preparation(
        _channels(args),
        flags.size(args.size),
        numbers(args.mean_values, "--mean-values"),
        numbers(args.scale_values, "--scale-values"),
    )
    if info.dtype is not None and info.dtype.kind in "iu" and (any(how.mean) or any(n != 1 for n in how.scale)):
        message = f"{info.name} is {info.dtype}: what is to be subtracted or divided by is built in, or would be lost"
        raise UsageError(Diagnostic("bad-option", message, cures=("leave --mean-values and --scale-values out",)))
    blob = picture_to_blob(args.image, info.shape, how)
    return {info.name: blob.astype(info.dtype) if info.dtype is not None else blob}


def _write(path: Path, outputs: Arrays, args: argparse.Namespace) -> None:
    if path.suffix == ".npz":
        try:
            write_arrays(path, outputs)
        except OSError as error:
            raise RunError(
                Diagnostic("cannot-write", f"{path} cannot be written: {error.strerror or error}")
            ) from error
        return
    picture = map_to_picture(outputs[_map_name(outputs, args.output)], _channels(args))
    write_png(path, picture)


def _map_name(outputs: Arrays, wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in outputs:
            near = did_you_mean(wanted, outputs) or list(outputs)
            raise UsageError(Diagnostic("unknown-output", f"no output is called {wanted!r}", cures=(listing(near),)))
        return wanted
    maps = [name for name, array in outputs.items() if is_map(array)]
    if not maps:
        lines = tuple(f"{name}: {'x'.join(map(str, array.shape))}" for name, array in outputs.items())
        raise RunError(
            Diagnostic("no-map", "no output is a map of one or three channels", lines=lines, cures=("-o outputs.npz",))
        )
    return maps[-1]


def _print(args: argparse.Namespace, outputs: Arrays, providers: Any, seconds: float) -> None:
    summaries = {name: _summary(array) for name, array in outputs.items()}
    if args.json:
        written = [str(path) for path in (*args.out, args.profile) if path]
        report = {"requested": providers.requested, "used": providers.used}
        print_json({"ok": True, "seconds": seconds, "providers": report, "outputs": summaries, "written": written})
        return
    for name, summary in summaries.items():
        numbers = ", ".join(f"{key} {value:.6g}" for key, value in summary.items() if isinstance(value, float))
        print(f"{name}: {'x'.join(map(str, summary['shape'])) or 'scalar'} {summary['dtype']}  {numbers}".rstrip())
    for path in args.out:
        print(f"wrote {path}" + (f" ({_map_name(outputs, args.output)})" if path.suffix == ".png" else ""))
    print(f"{providers}; {seconds * 1e3:.1f} ms")


def _summary(array: npt.NDArray[Any]) -> dict[str, Any]:
    summary: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size and array.dtype.kind in "biuf":
        numbers = array.astype(np.float64)
        summary |= {"min": float(numbers.min()), "mean": float(numbers.mean()), "max": float(numbers.max())}
    return summary
