"""Inputs to measure on: a folder of pictures or arrays, one such file, or random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import Diagnostic, RunError, listing
from regraft.images import Preparation, picture_to_blob
from regraft.runtime import TensorInfo

Feeds = Mapping[str, npt.NDArray[Any]]

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")
ARRAYS = (".npz", ".npy")
_RANDOM_SAMPLES = 2


@dataclass(frozen=True)
class Samples:
    """What is fed, one after the other; read when it is asked for. `where` says in words where it is from."""

    where: str
    files: tuple[Path, ...]
    inputs: tuple[TensorInfo, ...]
    channels: str
    arrays: tuple[Feeds, ...] = ()

    def __iter__(self) -> Iterator[Feeds]:
        yield from self.arrays
        for path in self.files:
            yield from self._of(path)

    def _of(self, path: Path) -> Iterator[Feeds]:
        if path.suffix.lower() in PICTURES:
            yield {self.inputs[0].name: _picture(path, self.inputs, self.channels)}
        else:
            yield from _batches(path, _read_arrays(path, self.inputs), self.inputs)


def load_samples(path: Path, inputs: Sequence[TensorInfo], channels: str) -> Samples:
    """The samples of a file or folder, its subfolders too, in the order of their names.

    Args:
        channels: the order in which pictures are fed, `bgr` or `rgb`.

    Raises:
        RunError: there is no such file, or nothing in the folder that can be fed.
    """
    if not path.exists():
        raise RunError(Diagnostic("no-file", f"{path} does not exist", cures=("check the path",)))
    known = (*PICTURES, *ARRAYS)
    every = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    files = tuple(p for p in every if p.suffix.lower() in known and not p.name.startswith("."))
    if not files:
        message = f"{path} holds no pictures and no arrays" if path.is_dir() else f"{path} is no picture and no arrays"
        raise _bad(message, f"files that end in {listing(known)}")
    return Samples(str(path), files, tuple(inputs), channels)


def random_samples(inputs: Sequence[TensorInfo], seed: int = 0) -> Samples | None:
    """Reproducible numbers: 0 to 1 for floats, 0 to 255 for bytes; an open batch is 1. None where sizes are open."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(_RANDOM_SAMPLES):
        feeds = {}
        for info in inputs:
            shape = [1 if i == 0 and not isinstance(d, int) else d for i, d in enumerate(info.shape or ())]
            sizes = [d for d in shape if isinstance(d, int)]
            if info.dtype is None or info.dtype.kind not in "biuf" or len(sizes) < len(shape):
                return None
            high = 256 if info.dtype == np.uint8 else 2
            random = generator.random(sizes) if info.dtype.kind == "f" else generator.integers(0, high, sizes)
            feeds[info.name] = np.asarray(random).astype(info.dtype)
        made.append(feeds)
    return Samples(f"{len(made)} random inputs", (), tuple(inputs), "", tuple(made))


def _picture(path: Path, inputs: Sequence[TensorInfo], channels: str) -> npt.NDArray[Any]:
    if len(inputs) != 1:
        raise _bad(f"a picture does not say which of {listing([i.name for i in inputs])} it is", "feed .npz files")
    info = inputs[0]
    shape = info.shape or ()
    grey = len(shape) == 4 and 1 in (shape[1], shape[3]) and 3 not in (shape[1], shape[3])
    blob = picture_to_blob(path, info.shape, Preparation("grey" if grey else channels))
    batch = shape[0]
    repeated = np.repeat(blob, batch, axis=0) if isinstance(batch, int) else blob
    return repeated.astype(info.dtype or np.float32)


def _read_arrays(path: Path, inputs: Sequence[TensorInfo]) -> Feeds:
    try:
        loaded = np.load(path, allow_pickle=False)
        found = {inputs[0].name: loaded} if isinstance(loaded, np.ndarray) else {n: loaded[n] for n in loaded.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise _bad(f"{path} does not hold plain arrays", "numpy.savez('sample.npz', data=array)") from error
    if isinstance(loaded, np.ndarray) and len(inputs) > 1:
        raise _bad(f"{path} holds one array, and there are {len(inputs)} inputs", "feed .npz files")
    plain = {name.removeprefix("in:"): array for name, array in found.items() if not name.startswith("out:")}
    missing = [info.name for info in inputs if info.name not in plain]
    if missing:
        raise _bad(f"{path} has no array {missing[0]!r}", f"name the arrays {listing([i.name for i in inputs])}")
    return {info.name: _typed(path, plain[info.name], info) for info in inputs}


def _typed(path: Path, array: npt.NDArray[Any], info: TensorInfo) -> npt.NDArray[Any]:
    if info.dtype is None or array.dtype == info.dtype:
        return array
    if not np.can_cast(array.dtype, info.dtype, "same_kind"):
        raise _bad(f"{path}: {info.name} is {array.dtype}, and must be {info.dtype}", f"astype(numpy.{info.dtype})")
    return array.astype(info.dtype)


def _batches(path: Path, arrays: Feeds, inputs: Sequence[TensorInfo]) -> Iterator[Feeds]:
    """The arrays as they are, or cut along the first dimension where they hold several times what is fed at once."""
    if all(_fits(arrays[info.name].shape, info.shape) for info in inputs):
        yield arrays
        return
    sizes = {}
    for info in inputs:
        array, wanted = arrays[info.name], info.shape or ()
        batch = wanted[0] if wanted and isinstance(wanted[0], int) else 1
        if not array.ndim or not batch or len(array) % batch or not _fits((batch, *array.shape[1:]), info.shape):
            shape = "x".join(map(str, array.shape)) or "scalar"
            raise _bad(f"{path}: {info.name} is {shape}, and must be {info}", "the sizes of one sample, or of several")
        sizes[info.name] = batch
    counts = {len(arrays[name]) // batch for name, batch in sizes.items()}
    if len(counts) != 1:
        raise _bad(f"{path} holds different numbers of samples for its inputs", "as many of each")
    for i in range(counts.pop()):
        yield {name: arrays[name][i * batch : (i + 1) * batch] for name, batch in sizes.items()}


def _fits(shape: Sequence[int], wanted: Sequence[int | str | None] | None) -> bool:
    return wanted is None or (
        len(shape) == len(wanted) and all(not isinstance(w, int) or w == s for s, w in zip(shape, wanted, strict=True))
    )


def _bad(message: str, cure: str) -> RunError:
    return RunError(Diagnostic("bad-calibration", message, cures=(cure,)))
