"""What OpenCV's importers can read at all."""

from __future__ import annotations

from regraft.errors import Diagnostic, UnsupportedError, UsageError
from regraft.ir import DType, Graph, Op, TensorType
from regraft.passes.rules import Note, RuleContext

# fmt: off
KNOWN = frozenset((
    "Abs", "Acos", "Acosh", "Add", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool",
    "BatchNormalization", "Cast", "Ceil", "Celu", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
    "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace", "Div", "Dropout", "Einsum", "Elu", "Equal", "Erf",
    "Exp", "Expand", "Flatten", "Floor", "GRU", "Gather", "GatherElements", "Gelu", "Gemm", "GlobalAveragePool",
    "GlobalMaxPool", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization",
    "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "MatMul", "Max",
    "MaxPool", "Min", "Mod", "Mul", "Neg", "Not", "PRelu", "Pad", "Pow", "Range", "Reciprocal", "ReduceL1",
    "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize", "Round", "ScatterElements", "Selu",
    "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth",
    "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Tile", "TopK", "Transpose",
    "Unsqueeze", "Where",
))
# fmt: on
"""Operators that the importers of OpenCV 4 and 5 both have, as their sources list them."""

PARAMETERS = {"Expand": 1, "Pad": 1, "Reshape": 1, "Resize": 1, "Slice": 1, "Tile": 1, "TopK": 1, "ConstantOfShape": 0}
"""Ops whose sizes OpenCV reads from the file, and the first input that holds them."""
SMALL = {DType.I8, DType.U8, DType.I16, DType.U16, DType.U32, DType.U64}
MOVES = ("Concat", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze")
WHOLE_NUMBERS = (
    *("Add", "ArgMax", "ArgMin", "Equal", "Greater", "Less", "MaxPool", "Mod", "Mul", "Shape", "Sub", "TopK", "Where"),
)
"""What is exact on integers when they are computed in float32, as far as it counts."""


def refuse_unknown(graph: Graph, context: RuleContext) -> int:
    """See that nothing is left that OpenCV does not import.

    Raises:
        UnsupportedError: something is; all of it is listed.
    """
    stuck = [(op, reason) for op in graph.topological() if (reason := _reason(op))]
    if not graph.inputs:
        cure = "choose outputs that depend on an input: --outputs NAME"
        raise UnsupportedError(Diagnostic("not-for-opencv", "OpenCV reads no network without inputs", cures=(cure,)))
    if stuck:
        rows = tuple(f"{op.type_name}   {op.source.layer or op.name}   {op.source.place}: {why}" for op, why in stuck)
        message = f"{len(stuck)} op{'s are' if len(stuck) > 1 else ' is'} not read by OpenCV's ONNX importer"
        cures = (
            "cut the network before it: --outputs NAME",
            "leave --for opencv out, and run the network with regraft.dnn, which has OpenCV's interface",
        )
        raise UnsupportedError(Diagnostic("not-for-opencv", message, lines=rows, cures=cures))
    return 0


def _reason(op: Op) -> str:
    """Why OpenCV does not read an op, or computes otherwise, or nothing."""
    if op.kind == "core.Constant" and op.output.dtype is DType.BOOL and op.output.uses:
        return "a constant of truth values"
    if op.dialect in ("core", "opencv"):
        return "truth values as an input" if op.kind == "core.Input" and op.output.dtype is DType.BOOL else ""
    if op.dialect != "onnx" or op.type_name not in KNOWN:
        return "not known"
    if any(v.type is not None and v.type.sequence for v in op.outputs):
        return "gives a list of tensors"
    if op.type_name.startswith("Reduce") and op.outputs[0].rank == 0:
        return "gives a number without dimensions"
    if any(0 in (v.static_shape or ()) for v in op.outputs):
        return "gives an empty tensor"
    if op.type_name in PARAMETERS and any(
        v is not None and v.array is None for v in op.inputs[PARAMETERS[op.type_name] :]
    ):
        return "its sizes are computed"
    return _bad_type(op) or _bad_padding(op)


def _bad_type(op: Op) -> str:
    """OpenCV computes in float32, whatever the type; integers are exact as far as float32 is, and never wrap."""
    computed = [v for v in (*op.inputs, *op.outputs) if v is not None and v.array is None]
    types = {v.dtype for v in computed if v.dtype is not None}
    if types & {DType.F64, DType.F16, DType.BF16}:
        return "computes in another precision than float32"
    if op.type_name == "Cast":
        return "" if op.attrs["to"] in (DType.F32, DType.I32, DType.I64) else "casts to a type that is not OpenCV's"
    if types & SMALL and op.type_name not in MOVES:
        return "computes with bytes or short integers"
    if types & {DType.I32, DType.I64} and op.type_name not in (*MOVES, *WHOLE_NUMBERS):
        return "computes with integers"
    return ""


def _bad_padding(op: Op) -> str:
    """Other padding than by a constant is for height and width."""
    pads = op.inputs[1] if op.type_name == "Pad" and op.attrs.get("mode", "constant") != "constant" else None
    if pads is None or pads.array is None:
        return ""
    half = pads.array.size // 2
    widths = pads.array.reshape(2, half)
    return (
        "" if half == 4 and not widths[:, :2].any() else "pads otherwise than by a constant, and not height and width"
    )


def check_sizes(graph: Graph, context: RuleContext) -> int:
    """Leave out inputs that nothing reads, and see that all sizes are numbers.

    Raises:
        UsageError: an input has a size that is open.
    """
    changes = 0
    for op in [op for op in graph.inputs if not graph.users(op)]:
        context.notes.append(Note("note", "OpenCV reads no input that no layer uses: it is left out", op.source))
        graph.erase(op)
        changes += 1
    for op in graph.inputs:
        if op.output.static_shape is None:
            sizes = [str(dim) if isinstance(dim, int) else "224" for dim in op.output.shape or (1, 3, 224, 224)]
            cure = f"--input-shape {op.name}={','.join(sizes)}"
            message = f"OpenCV's importer wants sizes that are numbers: {op.name} is {op.output.type}"
            raise UsageError(Diagnostic("no-size", message, cures=(cure,)))
    return changes


def fix_batches(graph: Graph) -> None:
    """Let the batch of every input that leaves it open, and nothing else, be 1."""
    for op in graph.inputs:
        known = op.output.type or TensorType()
        if known.shape and isinstance(known.shape[0], str) and all(isinstance(dim, int) for dim in known.shape[1:]):
            op.output.type = op.attrs["type"] = TensorType(known.dtype, (1, *known.shape[1:]))
