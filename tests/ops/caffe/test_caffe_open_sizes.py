"""One file for pictures of several sizes: layers whose numbers depend on the size find them when the net runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import caffe_reference as reference
import numpy as np
import pytest
from caffe_cases import Array, Case, bare_session, case, close, compile_case, numbers, tops
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def open_shapes(c: Case) -> dict[str, tuple[str | int, ...]]:
    """Batch, height and width of each bottom as symbols."""
    return {f"x{i}": (f"N{i}", b.shape[1], f"H{i}", f"W{i}") for i, b in enumerate(c.bottoms)}


def at_sizes(layer_type: str, c: Case, runs: Sequence[tuple[Sequence[Array], Sequence[Array]]], folder: Path) -> None:
    """One model for all runs: bottoms, and the tops that are expected; with and without regraft's kernels."""
    model = compile_case(layer_type, replace(c, options={"input_shapes": open_shapes(c)}), folder)
    session, bare = model.session(), bare_session(model)
    names = [i.name for i in session.inputs]
    for bottoms, expected in runs:
        feed = {name: bottoms[int(name[1:])] for name in names}
        found = session.run(feed)
        for name, without, want in zip(tops(c), bare.run(tops(c), feed), expected, strict=True):
            close(found[name], want, 2e-6, name)
            close(without, want, 2e-6, f"{name} without kernels")


PRIORS: list[tuple[str, dict[str, Any], bool]] = [
    ("min_size: 8 max_size: 16", {"sizes": [(8, 8), (128**0.5, 128**0.5)], "offset": 0.5}, False),
    ("min_size: 12.5 step: 10 offset: 0.3", {"sizes": [(12, 12)], "offset": 0.3, "step": (10, 10)}, False),
    ("min_size: 40 clip: true img_h: 50 img_w: 70", {"sizes": [(40, 40)], "offset": 0.5, "clip": True}, True),
    ("min_size: 8 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2", {"sizes": [(8, 8)], "offset": 0.5}, False),
]


@pytest.mark.parametrize(("params", "wanted", "fixed"), PRIORS)
def test_prior_box_at_sizes(params: str, wanted: dict[str, Any], fixed: bool, tmp_path: Path) -> None:
    variance = [0.1, 0.1, 0.2, 0.2] if "variance" in params else [0.1]
    runs = []
    for cells, pixels in (((3, 4), (48, 60)), ((2, 7), (33, 100)), ((1, 1), (9, 9))):
        image = (50, 70) if fixed else pixels
        step = [float(np.float32(a) / np.float32(b)) for a, b in zip(image, cells, strict=True)]
        boxes = reference.prior_boxes(cells, image, **{"step": step, **wanted})
        expected = np.stack([boxes, np.tile(np.float32(variance), boxes.size // len(variance))])[None]
        runs.append(([numbers(1, 2, *cells), numbers(1, 3, *pixels)], [expected]))
    at_sizes("PriorBox", case("", f"prior_box_param {{ {params} }}", *runs[0][0]), runs, tmp_path)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_pooling_at_sizes(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any window: also such that Caffe drops, or that lie wholly outside."""
    kernel, stride = (data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5))) for _ in range(2))
    pad = tuple(data.draw(st.integers(0, k - 1)) for k in kernel)
    method, floor = data.draw(st.sampled_from(["MAX", "AVE"])), data.draw(st.booleans())
    params = (
        f"pooling_param {{ pool: {method} kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} "
        f"stride_w: {stride[1]} pad_h: {pad[0]} pad_w: {pad[1]} round_mode: {'FLOOR' if floor else 'CEIL'} }}"
    )
    runs = []
    for size in ((9, 8), (6, 13), (12, 7)):
        x = numbers(2, 2, *size)
        expected = reference.pool(x, method, kernel=kernel, stride=stride, pad=pad, floor=floor)[0]
        runs.append(([x], [expected]))
    at_sizes("Pooling", case("", params, runs[0][0][0]), runs, tmp_path_factory.mktemp("pool"))


@pytest.mark.parametrize("cut", [0, 1])
def test_unpooling_at_sizes(cut: int, tmp_path: Path) -> None:
    """Places are those of a plane of 2 * H by 2 * W, less a row and a column that were not there."""
    runs = []
    for size in ((6, 8), (4, 10)):
        plane = numbers(2, 3, size[0] - cut, size[1] - cut)
        best, mask = reference.pool(plane, "MAX", kernel=(2, 2), stride=(2, 2))
        full = np.zeros_like(plane)
        for n, c, i, j in np.ndindex(*best.shape):
            full[n, c].flat[int(mask[n, c, i, j])] = best[n, c, i, j]
        runs.append(([best, mask], [full]))
    out = "pad_out_h: true pad_out_w: true" if cut else ""
    at_sizes("Upsample", case("", f"upsample_param {{ scale: 2 {out} }}", *runs[0][0]), runs, tmp_path)
    if not cut:
        c = case("", "pooling_param { kernel_size: 2 stride: 2 }", *runs[0][0])
        at_sizes("MaxUnpool", c, runs, tmp_path)


@pytest.mark.parametrize("reverse", [False, True])
def test_reorg_at_sizes(reverse: bool, tmp_path: Path) -> None:
    runs = []
    for size in ((4, 6), (2, 8)):
        x = numbers(2, 8, *size)
        batch, channels, height, width = x.shape
        few = channels // 4
        out = np.zeros_like(x).reshape(-1)
        for b, k, j, i in np.ndindex(*x.shape):  # darknet's reorg_cpu
            w2, h2 = i * 2 + (k // few) % 2, j * 2 + (k // few) // 2
            there = w2 + width * 2 * (h2 + height * 2 * (k % few + few * b))
            here = i + width * (j + height * (k + channels * b))
            out[there if reverse else here] = x.reshape(-1)[here if reverse else there]
        shape = (batch, few, height * 2, width * 2) if reverse else (batch, channels * 4, height // 2, width // 2)
        runs.append(([x], [out.reshape(shape)]))
    params = f"reorg_param {{ stride: 2 reverse: {str(reverse).lower()} }}"
    at_sizes("Reorg", case("", params, runs[0][0][0]), runs, tmp_path)


def test_arg_max_at_sizes(tmp_path: Path) -> None:
    """Of equals the last, whatever the size."""
    runs = []
    for size in ((3, 4), (5, 2)):
        x = np.round(numbers(2, 3, *size))
        last = size[1] - 1 - x[..., ::-1].argmax(-1)
        runs.append(([x], [last[..., None].astype(np.float32)]))
    at_sizes("ArgMax", case("", "argmax_param { axis: -1 }", runs[0][0][0]), runs, tmp_path)
