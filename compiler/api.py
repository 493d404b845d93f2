"""`regraft.compile`: the one module that wires the others together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from regraft import emit, work
from regraft.errors import OpsetError, listing
from regraft.frontends import Frontend, Imported, sniff
from regraft.ir import Graph, walk
from regraft.layers import UserLayers
from regraft.live import exported
from regraft.lowering import function_bodies, lower, open_graph, try_sizes
from regraft.model import Model
from regraft.options import CompileOptions, GivenOptions, from_given
from regraft.passes import Note, PassManager, RuleContext
from regraft.passes.io import drop_unread_inputs
from regraft.plugins import load_plugins
from regraft.report import Report, SourceFile, layer_records, op_counts, rule_counts, source_files, without_nodes
from regraft.report_page import Trace
from regraft.sources import channel_axis, fed_channels, op_table, read

if TYPE_CHECKING:
    from regraft.precision import PrecisionStage

Progress = Callable[[str], None]
"""Called with a few words when a stage begins."""


def compile(
    model: str | Path | object,
    weights: str | Path | None = None,
    *,
    progress: Progress | None = None,
    **options: Unpack[GivenOptions],
) -> Model:
    """Compile a trained network to ONNX.

    Args:
        model: a Caffe prototxt, caffemodel or folder, a TensorFlow graph (`.pb`, `.pbtxt`) or SavedModel folder; or a
            Keras model, a `tf.function` with an `input_signature` or a concrete function, where TensorFlow is.
        weights: the caffemodel, for Caffe.
        inputs, outputs: where to cut the network, by blob or tensor names; None keeps what the file declares.
        input_shapes: sizes of inputs by name; a string is a symbolic size (`{"data": ("N", 3, 224, 224)}`).
        plugins: Python files with rules, passes or layers of your own.
        aliases: layer or op types to be treated as others (`{"SpatialInterp": "Interp"}`).
        allow_python_layers: whether modules named in the model (Caffe's Python layers) may be imported and run.
        opset: the ONNX opset; None takes the lowest that expresses the model, 17 at least.
        portable: write only standard ONNX operators, for readers that know no functions.
        crop_offset: how Caffe's Crop without parameters is read: `zero` (Caffe's own), `centre`, or `auto` (by the
            coordinate maps of both paths).
        mean_file: a mean picture to subtract (`.binaryproto`, `.npy`); of a larger one the middle is taken.
        mean_values, scale_values: a number a channel to subtract and then to divide by, for all pictures or by input.
        reverse_input_channels: whether the network's channels are in the other order (BGR) than what is fed (RGB).
        input_types, input_layouts: what is fed in the place of float32 and the network's own layout: `"u8"`, `"NHWC"`,
            or by input (`{"data": "NHWC"}`); `input_shapes` are the network's own all the same.
        output_layouts: `"NCHW"` or `"NHWC"` for outputs, or by output.
        precision: `fp16` or `int8` in the place of `fp32`; the report says what it costs.
        keep_fp32: layers, ops or types that stay float32.
        fp16_io: with `fp16`, whether inputs and outputs are float16 too.
        calibration: a folder of pictures, `.npy` or `.npz` files, or one of these: what `int8` takes its ranges from,
            and what accuracy is measured on.
        target: `opencv`, for a file that OpenCV 4 and 5 read.
        rename: new names of inputs and outputs (`{"data": "image"}`); other options use the old ones.
        dynamic_batch: whether the first dimension of every input may have any size.
        random_weights: a seed; Caffe layers without weights get random ones, to try size and speed.
        strict: whether ignored parameters are errors.
        tags, signature: what to take from a SavedModel.
        freeze: values of TensorFlow placeholders that become constants (`{"is_training": False}`).
        dump_ir: a folder for the graph's text after every pass.
        passes, without_passes: names of the only optimisations wanted, in their order; names of passes or single
            rewrites to leave out. `regraft passes` lists them.
        explain: names of rewrites; the report says how often each fired, and why not where it nearly did.
        verify_passes: whether the graph is run on random inputs after every pass, and compared with before.
        progress: called with a few words when a stage begins.

    Raises:
        ModelFileError: a file is missing, damaged or something else.
        UnsupportedError: layers or parameters that cannot be lowered exactly; all of them are listed.
        UsageError: names or options that cannot be.
    """
    if not isinstance(model, (str, Path)):
        with exported(model) as folder:
            return compile_with(folder, None, from_given(options), progress)
    return compile_with(Path(model), Path(weights) if weights else None, from_given(options), progress)


def compile_with(path: Path, weights: Path | None, options: CompileOptions, progress: Progress | None = None) -> Model:
    """`compile` with its options in one object."""
    try:
        return _compile(path, weights, options, progress or (lambda stage: None))
    except OpsetError as error:
        if options.opset is not None:
            raise
        return compile_with(path, weights, replace(options, opset=error.needed), progress)


def _compile(path: Path, weights: Path | None, options: CompileOptions, progress: Progress) -> Model:
    started = time.perf_counter()
    opset = options.opset or emit.DEFAULT_OPSET
    frontend = sniff(path)
    plugged = load_plugins(options.plugins)
    users = UserLayers(allow_python=options.allow_python_layers, search=[path.resolve().parent])
    table = op_table(opset, frontend, users)
    progress("reading")
    imported = read(frontend, path, weights, options, table)
    try_sizes(imported.graph, frontend, path, weights, options)
    graph = imported.graph
    trace = Trace(graph, imported.files)
    settings = {**options.settings, "channel_axis": channel_axis(frontend)}
    context = RuleContext({**settings, "expand_layer": users.expand, "place_layer": users.place})
    progress("lowering")
    stage = _precision(options, frontend, users, progress) if options.precision != "fp32" else None
    manager = lower(graph, options, context, users, trace, stage.passes if stage else ())
    if options.inputs is None and imported.found and not imported.declared:  # read only in training: no input
        context.remove((op.source for op in drop_unread_inputs(graph)), "no output needs it")
    progress("checking")
    files = source_files(imported.files)
    layers = layer_records(imported.layers, {**imported.dropped, **context.removed}, graph)
    emitted = emit.emit(
        graph,
        opset=opset,
        functions={**function_bodies(graph, table), **users.functions},
        metadata={
            **_metadata(imported, files, users),
            "regraft.channels": fed_channels(frontend, options),
            **without_nodes(layers),
            **work.entry(graph),
        },
        producer_version=version(),
    )
    emit.check(emitted)
    report = _report(imported, files, graph, context, manager, opset)
    report.layers = layers
    report.weight_bytes = emitted.weight_bytes
    emitted = stage.finish(emitted, report) if stage else emitted
    if options.target == "opencv":
        emit.without_domain(emitted, "opencv")
    report.seconds = time.perf_counter() - started
    report.notes[:0] = plugged
    tracers = context.setting("tracers", {})
    report.notes += [f"rewrite {name}: {tracers.get(name, 'its pass did not run')}" for name in options.explain]
    return Model(emitted, report, users.needed(), trace)


def _precision(options: CompileOptions, frontend: Frontend, users: UserLayers, progress: Progress) -> PrecisionStage:
    from regraft.precision import PrecisionStage  # onnxruntime is not needed to compile to float32

    def session() -> dict[str, Any]:
        needed = users.needed()
        return {"layers": needed.layers, "libraries": needed.libraries}

    return PrecisionStage(options, fed_channels(frontend, options), partial(open_graph, users), session, progress)


def version() -> str:
    """The installed version of regraft."""
    return metadata.version("regraft")


def _metadata(imported: Imported, files: Sequence[SourceFile], users: UserLayers) -> dict[str, str]:
    entries = {f"regraft.source.{i}": f"{f.name} sha256:{f.sha256}" for i, f in enumerate(files)}
    return {"regraft.version": version(), "regraft.format": imported.format, **entries, **users.metadata()}


def _report(
    imported: Imported,
    files: list[SourceFile],
    graph: Graph,
    context: RuleContext,
    manager: PassManager,
    opset: int,
) -> Report:
    report = Report(imported.format, files, opset)
    report.inputs = {op.name: str(op.output.type) for op in graph.inputs}
    report.outputs = {op.name: str(op.inputs[0].type) for op in graph.outputs if op.inputs[0]}
    every = [op for body in walk(graph) for op in body]
    report.ops, report.rules = op_counts(every), rule_counts(every)
    report.passes = [vars(s) for s in manager.statistics]
    notes = [*(Note(n.level, n.message, n.source) for n in imported.notes), *context.notes]
    report.warnings = _grouped(n for n in notes if n.level == "warning")
    report.notes = _grouped(n for n in notes if n.level == "note")
    report.transposes = [f"{op.outputs[0].name} {op.outputs[0].type}" for op in every if op.kind == "onnx.Transpose"]
    arrays = {id(op.attrs["value"]): op.attrs["value"].size for op in every if op.kind == "core.Constant"}
    report.parameters = sum(arrays.values())
    return report


def _grouped(notes: Iterable[Note]) -> list[str]:
    """One sentence for all places that say the same."""
    places: dict[str, list[str]] = {}
    for note in notes:
        places.setdefault(note.message, []).append(str(note.source))
    lines = []
    for message, sources in places.items():
        named = listing(list(dict.fromkeys(filter(None, sources))))
        lines.append(f"{named}: {message}" if named else message)
    return lines
