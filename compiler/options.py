"""What a compilation can be told, in one frozen object that the command line and `regraft.compile` share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from regraft.errors import Diagnostic, UsageError, did_you_mean, listing
from regraft.ir import Array, DType, Shape

CROP_OFFSETS = ("zero", "centre", "auto")
PRECISIONS = ("fp32", "fp16", "int8")
TARGETS = ("opencv",)
INPUT_TYPES: Mapping[str, DType] = {
    name: dtype
    for dtype, names in (
        (DType.U8, ("u8", "uint8")),
        (DType.I8, ("i8", "int8")),
        (DType.U16, ("u16", "uint16")),
        (DType.I16, ("i16", "int16")),
        (DType.F16, ("f16", "fp16", "float16")),
        (DType.F32, ("f32", "fp32", "float32")),
    )
    for name in names
}
"""What can be fed in the place of float32, which holds all of it exactly."""


@dataclass(frozen=True)
class CompileOptions:
    """All settings of `regraft.compile`; see there for what each means."""

    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    input_shapes: Mapping[str, Shape] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    allow_python_layers: bool = False
    opset: int | None = None
    portable: bool = False
    crop_offset: str = "zero"
    dynamic_batch: bool = False
    mean_file: Path | None = None
    mean_values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    scale_values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reverse_input_channels: bool = False
    input_types: Mapping[str, DType] = field(default_factory=dict)
    input_layouts: Mapping[str, str] = field(default_factory=dict)
    output_layouts: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    precision: str = "fp32"
    keep_fp32: tuple[str, ...] = ()
    fp16_io: bool = False
    calibration: Path | None = None
    target: str | None = None
    random_weights: int | None = None
    strict: bool = False
    tags: tuple[str, ...] | None = None
    signature: str | None = None
    freeze: Mapping[str, Any] = field(default_factory=dict)
    dump_ir: Path | None = None
    passes: tuple[str, ...] | None = None
    without_passes: tuple[str, ...] = ()
    explain: tuple[str, ...] = ()
    verify_passes: bool = False
    optimise: bool = True
    layer_outputs: tuple[str, ...] = ()
    """Outputs by the names of layers, beside `outputs`: `regraft.passes.io.layer_values` says how they are named."""
    layer_blobs: Mapping[str, Sequence[Array]] = field(default_factory=dict)
    """Weights of layers, by the same names, that take the place of the file's."""

    def __post_init__(self) -> None:
        _one_of("crop_offset", self.crop_offset, CROP_OFFSETS)
        _one_of("precision", self.precision, PRECISIONS)
        if self.target is not None:
            _one_of("target", self.target, TARGETS)
        if self.precision == "int8" and self.calibration is None:
            cures = ("--calibration DIR, a folder of pictures", "--calibration inputs.npz")
            raise UsageError(Diagnostic("bad-option", "int8 needs inputs to measure ranges on", cures=cures))
        if self.precision != "fp16" and self.fp16_io:
            raise UsageError(Diagnostic("bad-option", "fp16_io goes with precision fp16", cures=("--precision fp16",)))
        if self.target == "opencv" and (self.precision != "fp32" or self.verify_passes):
            message = f"a file for OpenCV is float32: precision is {self.precision}"
            if self.verify_passes:
                message = "passes for OpenCV make ops that only it runs: they cannot be verified by running"
            raise UsageError(Diagnostic("bad-option", message, cures=("leave one of the two out",)))
        if self.precision == "fp32" and (self.keep_fp32 or self.calibration):
            cures = ("--precision fp16", "--precision int8")
            message = f"{'keep_fp32' if self.keep_fp32 else 'calibration'} says nothing without another precision"
            raise UsageError(Diagnostic("bad-option", message, cures=cures))
        if self.opset is not None and not 13 <= self.opset <= 30:
            raise UsageError(Diagnostic("bad-option", f"opset {self.opset} cannot be", cures=("an opset from 13 on",)))

    @property
    def settings(self) -> dict[str, object]:
        """What legalisation rules may ask for."""
        return {
            "crop_offset": self.crop_offset,
            "strict": self.strict,
            "random_weights": self.random_weights,
            "output_layouts": {self._new_name(name): layout for name, layout in self.output_layouts.items()},
        }

    def _new_name(self, name: str) -> str:
        """What an input or output is called when `rename` has been followed; `:0` may be left out."""
        plain = {old.removesuffix(":0"): new for old, new in self.rename.items()}
        return self.rename.get(name) or plain.get(name.removesuffix(":0"), name)


class GivenOptions(TypedDict, total=False):
    """The options of `regraft.compile` by name, as users write them."""

    inputs: str | Sequence[str] | None
    outputs: str | Sequence[str] | None
    input_shapes: Mapping[str, Sequence[int | str]] | None
    plugins: Sequence[str | Path]
    aliases: Mapping[str, str] | None
    allow_python_layers: bool
    opset: int | None
    portable: bool
    crop_offset: str
    dynamic_batch: bool
    mean_file: str | Path | None
    mean_values: Mapping[str, Sequence[float]] | Sequence[float] | None
    scale_values: Mapping[str, Sequence[float]] | Sequence[float] | None
    reverse_input_channels: bool
    input_types: Mapping[str, str] | str | None
    input_layouts: Mapping[str, str] | str | None
    output_layouts: Mapping[str, str] | str | None
    rename: Mapping[str, str] | None
    precision: str
    keep_fp32: str | Sequence[str]
    fp16_io: bool
    calibration: str | Path | None
    target: str | None
    random_weights: int | None
    strict: bool
    tags: Sequence[str] | None
    signature: str | None
    freeze: Mapping[str, Any] | None
    dump_ir: str | Path | None
    passes: str | Sequence[str] | None
    without_passes: str | Sequence[str]
    explain: str | Sequence[str]
    verify_passes: bool


def from_given(given: GivenOptions) -> CompileOptions:
    """The options that a user writes, checked and in one form.

    Raises:
        UsageError: there is no such option, or it cannot have this value.
    """
    strange = [name for name in given if name not in GivenOptions.__annotations__]
    if strange:
        near = did_you_mean(strange[0], GivenOptions.__annotations__)
        cures = (f"did you mean {listing(near)}?",) if near else ()
        raise UsageError(Diagnostic("no-such-option", f"compile has no option {strange[0]!r}", cures=cures))
    plain: dict[str, Any] = {name: _READERS.get(name, _same)(value) for name, value in given.items()}
    return CompileOptions(**plain)


def _same(value: Any) -> Any:
    return value


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None


def channel_values(value: Mapping[str, Sequence[float]] | Sequence[float] | None) -> dict[str, tuple[float, ...]]:
    """Numbers for the channels of inputs by their names; a plain list is for every picture."""
    if value is None:
        return {}
    found = value if isinstance(value, Mapping) else {"": value}
    return {name: tuple(float(number) for number in numbers) for name, numbers in found.items()}


def input_types(value: Mapping[str, str] | str | None) -> dict[str, DType]:
    """Element types by the names of inputs; a plain one is for every picture.

    Raises:
        UsageError: there is no such type, or float32 does not hold it exactly.
    """
    found = {}
    for name, text in _by_name(value).items():
        _one_of("input type", text, INPUT_TYPES)
        found[name] = INPUT_TYPES[text]
    return found


def layouts(value: Mapping[str, str] | str | None) -> dict[str, str]:
    """Layouts by the names of inputs or outputs, in capitals; a plain one is for every picture."""
    return {name: text.upper() for name, text in _by_name(value).items()}


def _by_name(value: Mapping[str, str] | str | None) -> dict[str, str]:
    if value is None:
        return {}
    return {"": value} if isinstance(value, str) else dict(value)


def _one_of(what: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        near = did_you_mean(str(value), known)
        cure = f"did you mean {listing(near)}?" if near else f"one of {listing(list(known))}"
        raise UsageError(Diagnostic("bad-option", f"{what} is {value!r}", cures=(cure,)))


def names(value: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """One name or several as a tuple; None stays None."""
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def shapes(value: Mapping[str, Sequence[int | str]] | None) -> dict[str, Shape]:
    """The user's input shapes, checked.

    Raises:
        UsageError: a dimension is negative or neither an integer nor a name.
    """
    result: dict[str, Shape] = {}
    for name, shape in (value or {}).items():
        dims: list[int | str] = []
        for dim in shape:
            if isinstance(dim, str) and dim:
                dims.append(dim)
            elif not isinstance(dim, (str, bool)) and int(dim) == dim and 0 <= dim < 1 << 31:
                dims.append(int(dim))
            else:
                raise UsageError(
                    Diagnostic("bad-shape", f"input shape of {name!r} has {dim!r}", cures=("whole numbers, or a name",))
                )
        result[name] = tuple(dims)
    return result


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "inputs": names,
    "outputs": names,
    "tags": names,
    "input_shapes": shapes,
    "plugins": lambda paths: tuple(Path(p) for p in paths),
    "aliases": lambda aliases: dict(aliases or {}),
    "freeze": lambda values: dict(values or {}),
    "mean_file": _path,
    "mean_values": channel_values,
    "scale_values": channel_values,
    "input_types": input_types,
    "input_layouts": layouts,
    "output_layouts": layouts,
    "rename": lambda names: dict(names or {}),
    "keep_fp32": lambda value: names(value) or (),
    "calibration": _path,
    "dump_ir": _path,
    "passes": names,
    "without_passes": lambda value: names(value) or (),
    "explain": lambda value: names(value) or (),
}
"""How the options that have several forms are read."""
