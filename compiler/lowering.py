"""From a source graph to one that can be emitted: the passes that run, as the options say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from regraft import emit
from regraft.custom_ops.schema import OPS
from regraft.errors import Diagnostic, UnsupportedError, UsageError, did_you_mean, listing
from regraft.frontends import Frontend
from regraft.ir import Array, Dumper, Graph, OpTable, copy_graph, verify, walk
from regraft.layers import UserLayers
from regraft.options import CompileOptions
from regraft.passes import (
    AS_OPENCV_READS,
    BUILT_IN,
    FOR_OPENCV,
    OUTPUT_LAYOUTS,
    PORTABLE,
    Pass,
    PassManager,
    RuleContext,
    RuleSet,
    check_patterns,
    finish,
    legalisation,
    optimisations,
)
from regraft.passes.io import said, set_input_shapes, trial_shapes
from regraft.report_page import Trace
from regraft.sources import op_table, read

if TYPE_CHECKING:
    from regraft.runtime import Session


def lower(
    graph: Graph,
    options: CompileOptions,
    context: RuleContext,
    users: UserLayers,
    trace: Trace,
    last: Sequence[Pass] = (),
) -> PassManager:
    """Run the passes on a source graph, those of `last` after all others: afterwards it is ready for the writer.

    Raises:
        UnsupportedError: layers or parameters that cannot be lowered exactly; all of them are listed.
        UsageError: a pass, rewrite or alias that there is not.
    """
    rules = BUILT_IN.extended(users.rules())
    for new, known in options.aliases.items():
        _alias(rules, graph, new, known)
    chosen = _chosen(options, context)
    observe = _observer(options, chosen, context, users)
    observe("read", graph)
    manager = PassManager(observe)
    manager.run([legalisation(rules), OUTPUT_LAYOUTS], graph, context)
    trace.lowered(graph)
    if options.optimise:
        manager.run_to_fixpoint(chosen, graph, context)
    for_opencv = options.target == "opencv"
    if options.portable or for_opencv:
        manager.run([*(FOR_OPENCV if for_opencv else ()), PORTABLE], graph, context)
        manager.run_to_fixpoint(chosen if options.optimise else (), graph, context)
    manager.run([*last, *(AS_OPENCV_READS if for_opencv else ()), *finish], graph, context)
    verify(graph, dialects={"onnx", "ml", "regraft", "layers", "opencv"})
    trace.finished(graph)
    return manager


def try_sizes(wanted: Graph, frontend: Frontend, path: Path, weights: Path | None, options: CompileOptions) -> None:
    """Lower a Caffe network with other sizes in the place of symbols: a layer that bakes a size in refuses them.

    Raises:
        UnsupportedError: names the sizes that were tried and the layers that do not take them.
    """
    symbols = any(isinstance(dim, str) for op in wanted.inputs for dim in op.output.shape or ())
    if frontend.dialect != "caffe" or not symbols:
        return
    users = UserLayers(allow_python=options.allow_python_layers, search=[path.resolve().parent])
    table = op_table(options.opset or emit.DEFAULT_OPSET, frontend, users)
    plain = replace(options, input_shapes={}, dynamic_batch=False)
    graph = read(frontend, path, weights, plain, table).graph
    shapes = trial_shapes(wanted, graph)
    if not shapes:
        return
    set_input_shapes(graph, shapes)
    try:
        legalisation(BUILT_IN.extended(users.rules())).run(graph, RuleContext(options.settings))
    except UnsupportedError as error:
        message = f"the network does not take the symbolic sizes that are asked for: tried with {said(shapes)}"
        cause = Diagnostic("size-baked-in", message, cures=("give these sizes as numbers",))
        raise UnsupportedError([cause, *error.diagnostics]) from None


def function_bodies(graph: Graph, table: OpTable) -> dict[str, Graph]:
    """The ONNX bodies of the operators of ours that the graph holds, by their kinds."""
    bodies = {}
    for kind in dict.fromkeys(op.kind for body in walk(graph) for op in body if op.dialect == "regraft"):
        op = OPS.find(kind.partition(".")[2])
        body = op.body_graph(table) if op else None
        if body is not None:
            bodies[kind] = body
    return bodies


def _chosen(options: CompileOptions, context: RuleContext) -> Sequence[Pass]:
    """The passes to repeat; what the options say of single rewrites goes to the context."""
    check_patterns(op_table(emit.NEWEST_OPSET))
    chosen, off = optimisations(options.passes, options.without_passes)
    context.settings["without_rewrites"] = off
    known = [name for each in optimisations()[0] for name in each.rewrites]
    strange = [name for name in options.explain if name not in known]
    if strange:
        near = did_you_mean(strange[0], known)
        cures = (f"did you mean {listing(near)}?",) if near else ("regraft passes --rewrites lists them",)
        raise UsageError(Diagnostic("unknown-rewrite", f"there is no rewrite {strange[0]!r}", cures=cures))
    if options.explain:
        context.settings["tracers"] = {}
    return chosen


def _observer(
    options: CompileOptions, passes: Sequence[Pass], context: RuleContext, users: UserLayers
) -> Callable[[str, Graph], None]:
    """What looks at the graph after it was read, and after every pass that changed it."""
    seen: list[Callable[[str, Graph], None]] = [Dumper(options.dump_ir)] if options.dump_ir else []
    if options.verify_passes:
        from regraft.verification import NumericCheck  # it runs the graph, with ONNX Runtime

        check = NumericCheck(partial(_run_graph, users), passes, context)
        seen.append(lambda name, graph: None if name == "read" else check(name, graph))

    def observe(name: str, graph: Graph) -> None:
        for each in seen:
            each(name, graph)

    return observe


def open_graph(users: UserLayers, graph: Graph) -> Session:
    """A session of a graph of ONNX and custom ops, as it is now."""
    from regraft.runtime import Session  # onnxruntime is not needed to compile

    whole = copy_graph(graph)
    PassManager().run(finish, whole, RuleContext())
    functions = {**function_bodies(whole, whole.table), **users.functions}
    made = emit.emit(whole, opset=whole.table.version("onnx"), functions=functions)
    needed = users.needed()
    return Session(emit.serialize(made), optimise=False, layers=needed.layers, libraries=needed.libraries)


def _run_graph(users: UserLayers, graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    session = open_graph(users, graph)
    return session.run({info.name: feeds[info.name] for info in session.inputs})


def _alias(rules: RuleSet, graph: Graph, new: str, known: str) -> None:
    """Let the graph's ops of type `new` be lowered as those of type `known` are."""
    dialects = {op.dialect for body in walk(graph) for op in body if op.type_name == new}
    for dialect in dialects or {"caffe", "tf"}:
        try:
            rules.alias(f"{dialect}.{new}", f"{dialect}.{known}")
        except KeyError:
            near = did_you_mean(known, [kind.partition(".")[2] for kind in rules.kinds(dialect)])
            if dialects:
                raise UsageError(Diagnostic("bad-alias", f"{known} has no lowering", cures=tuple(near))) from None
