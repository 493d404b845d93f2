"""What both runs are fed: arrays of a file, photos, and reproducible random numbers for all that is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import Diagnostic, RunError, UsageError, listing
from regraft.frontends import sniff
from regraft.images import Preparation, picture_to_blob
from regraft.runtime import TensorInfo

Feeds = dict[str, npt.NDArray[Any]]
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")
_SIZE_CURES = ("--feed-shape NAME=1,3,224,224", "--arrays inputs.npz", "--images photo.jpg")


@dataclass(frozen=True)
class Inputs:
    """Where the inputs come from.

    arrays: by input name. images: photos and folders of photos, one run each, for the only input that takes pictures.
    photo: what is done to a photo; `channels` of None is the order of the framework. seed: of the random numbers that
    fill all other inputs. shapes: sizes of random inputs, for those that the model leaves open.
    """

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    images: tuple[Path, ...] = ()
    photo: Preparation = field(default_factory=Preparation)
    seed: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def samples(self, infos: Sequence[TensorInfo]) -> Iterator[tuple[str, Feeds]]:
        """What is fed, one run after the other, each with a name.

        Raises:
            UsageError: a name is no input, an input's size is open, or a photo fits no input.
            RunError: a photo cannot be read.
        """
        names = [info.name for info in infos]
        strange = [name for name in (*self.arrays, *self.shapes) if name not in names]
        if strange:
            cures = (f"one of {listing(names)}",)
            raise UsageError(Diagnostic("no-such-input", f"no input is called {strange[0]!r}", cures=cures))
        left = [info for info in infos if info.name not in self.arrays]
        if not self.images:
            yield "", {**self.arrays, **self._random(left)}
            return
        target = _picture_input(left)
        others = {**self.arrays, **self._random([info for info in left if info is not target])}
        for path in _photos(self.images):
            blob = picture_to_blob(path, target.shape, self.photo)
            yield path.name, {**others, target.name: blob.astype(target.dtype or np.float32)}

    def _random(self, infos: Sequence[TensorInfo]) -> Feeds:
        """Uniform in 0..1 for floats, 0 or 1 for integers, 0 to 255 for bytes; an open batch is 1."""
        generator = np.random.default_rng(self.seed)
        feeds: Feeds = {}
        for info in infos:
            dims = self.shapes.get(info.name) or [
                1 if i == 0 and not isinstance(d, int) else d for i, d in enumerate(info.shape or ())
            ]
            sizes = [d for d in dims if isinstance(d, int)]
            if (info.shape is None and info.name not in self.shapes) or len(sizes) < len(dims):
                raise UsageError(Diagnostic("no-size", f"input {info} has no fixed size", cures=_SIZE_CURES))
            if info.dtype is None or info.dtype.kind not in "biuf":
                raise UsageError(
                    Diagnostic("no-size", f"input {info} takes no numbers", cures=("--arrays inputs.npz",))
                )
            high = 256 if info.dtype == np.uint8 else 2
            random = generator.random(sizes) if info.dtype.kind == "f" else generator.integers(0, high, sizes)
            feeds[info.name] = np.asarray(random).astype(info.dtype)
        return feeds


def channel_order(model: Path, *, reversed_: bool) -> str:
    """The order of a photo's channels: that of the framework, or the other where the options turn it round."""
    orders = ("bgr", "rgb") if sniff(model).dialect == "caffe" else ("rgb", "bgr")
    return orders[bool(reversed_)]


def _picture_input(infos: Sequence[TensorInfo]) -> TensorInfo:
    found = [info for info in infos if info.shape is not None and len(info.shape) == 4]
    if len(found) != 1:
        some = f"{len(found)} inputs take pictures" if found else "no input takes pictures"
        lines = tuple(map(str, infos))
        cure = "--arrays inputs.npz, for all of them or for all but one"
        raise UsageError(Diagnostic("no-picture-input", some, lines=lines, cures=(cure,)))
    return found[0]


def _photos(given: Sequence[Path]) -> list[Path]:
    """The files, and those in the folders, by name."""
    photos: list[Path] = []
    for path in given:
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES) if path.is_dir() else [path]
        if not inside:
            cures = (f"files that end in {listing(PICTURES)}",)
            raise RunError(Diagnostic("no-picture", f"{path} holds no pictures", cures=cures))
        photos += inside
    return photos
