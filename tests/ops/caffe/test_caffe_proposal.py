"""Proposal in PVANet's and py-faster-rcnn's form: as kernel, as function, inlined; ties, empty results."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from caffe_cases import Array, Case, anywhere, bare_session, case, close, compile_text, numbers, refused

from regraft.passes.caffe.proposal import PVANET, PY_FASTER_RCNN, anchors, parse_param_str


def _reference() -> Any:
    """The numpy form that the kernel's own tests use."""
    path = Path(__file__).resolve().parents[2] / "custom_ops" / "reference_regions.py"
    spec = importlib.util.spec_from_file_location("reference_regions", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()
SETTINGS: dict[str, Any] = {
    "feat_stride": 16,
    "base_size": 16,
    "min_size": 16,
    "ratios": [0.5, 1.0, 2.0],
    "scales": [2.0, 4.0, 8.0],
    "pre_nms_topn": 400,
    "post_nms_topn": 30,
    "nms_thresh": 0.7,
}


def proposal_param(p: dict[str, Any]) -> str:
    lists = [f"{name[:-1]}: {v}" for name in ("ratios", "scales") for v in p[name]]
    numbers_ = [f"{k}: {v}" for k, v in p.items() if k not in ("ratios", "scales", "style")]
    return f"proposal_param {{ {' '.join(lists + numbers_)} }}"


def inputs_of(seed: int, decimals: int, info: list[float], size: tuple[int, int] = (6, 7)) -> tuple[Array, ...]:
    """Scores rounded to `decimals`, so that many are equal; deltas; im_info."""
    random = np.random.default_rng(seed)
    scores = np.round(random.random((1, 18, *size)), decimals).astype(np.float32)
    deltas = (random.standard_normal((1, 36, *size)) * 0.3).astype(np.float32)
    return scores, deltas, np.float32([info])


PVANET_INFO = [96.0, 112.0, 1.5, 1.25]


@pytest.mark.parametrize("decimals", [0, 1, 2, 7])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pre_nms_topn": 37},
        {"nms_thresh": 0.3, "post_nms_topn": 200},
        {"nms_thresh": 1.0, "post_nms_topn": 400},
        {"min_size": 40},
    ],
    ids=str,
)
def test_pvanets(decimals: int, changes: dict[str, Any], tmp_path: Path) -> None:
    p = SETTINGS | changes | {"style": "pvanet"}
    bottoms = inputs_of(decimals, decimals, PVANET_INFO)
    expected = reference.proposal(*bottoms[:2], bottoms[2][0], p)
    anywhere("Proposal", case("", proposal_param(p), *bottoms, tops=2), expected, tmp_path, 2e-6)


def test_one_top(tmp_path: Path) -> None:
    bottoms = inputs_of(0, 2, PVANET_INFO)
    expected, _ = reference.proposal(*bottoms[:2], bottoms[2][0], SETTINGS | {"style": "pvanet"})
    anywhere("Proposal", case("", proposal_param(SETTINGS), *bottoms), expected, tmp_path, 2e-6)


@pytest.mark.parametrize("order", ["falling", "rising", "equal"])
def test_scores_already_sorted(order: str, tmp_path: Path) -> None:
    """What the quicksort likes least."""
    scores, deltas, info = inputs_of(1, 7, PVANET_INFO, (2, 3))
    ramp = np.linspace(1, 0.1, 54, dtype=np.float32)
    flat = {"falling": ramp, "rising": ramp[::-1], "equal": np.full(54, 0.5, np.float32)}[order]
    scores[0, 9:] = flat.reshape(2, 3, 9).transpose(2, 0, 1)
    p = SETTINGS | {"style": "pvanet", "nms_thresh": 0.9, "min_size": 1}
    expected = reference.proposal(scores, deltas, info[0], p)
    anywhere("Proposal", case("", proposal_param(p), scores, deltas, info, tops=2), expected, tmp_path, 2e-6)


PYTHON_PROPOSAL = """
    layer { name: "in" type: "Input" top: "s" top: "d" top: "i" input_param {
        shape { dim: 1 dim: 18 dim: 5 dim: 6 } shape { dim: 1 dim: 36 dim: 5 dim: 6 } shape { dim: 1 dim: 3 } } }
    layer { name: "proposal" type: "Python" bottom: "s" bottom: "d" bottom: "i" top: "rois" top: "scores"
            python_param { module: "rpn.proposal_layer" layer: "ProposalLayer" param_str: "'feat_stride': 16" } }
"""
PYTHON_SETTINGS = SETTINGS | {
    "style": "py-faster-rcnn",
    "scales": [8.0, 16.0, 32.0],
    "pre_nms_topn": 6000,
    "post_nms_topn": 300,
}


@pytest.mark.parametrize("size", [(80.0, 96.0), (200.0, 160.0), (5.0, 5.0)], ids=str)
@pytest.mark.parametrize("portable", [False, True])
def test_py_faster_rcnns(size: tuple[float, float], portable: bool, tmp_path: Path) -> None:
    """A picture of 5 x 5 has no box of 16: no rows."""
    bottoms = inputs_of(3, 1, [*size, 1.0], (5, 6))
    expected = reference.proposal(*bottoms[:2], bottoms[2][0], PYTHON_SETTINGS)
    assert (len(expected[0]) == 0) == (size == (5.0, 5.0))
    model = compile_text(PYTHON_PROPOSAL, tmp_path, outputs=["rois", "scores"], portable=portable)
    feed = dict(zip(("s", "d", "i"), bottoms, strict=True))
    given = model.session().run(feed)
    bare = dict(zip(("rois", "scores"), bare_session(model).run(["rois", "scores"], feed), strict=True))
    for found in (given, bare):
        close(found["rois"], expected[0], 2e-6)
        close(found["scores"], expected[1][:, None], 0)


def test_py_faster_rcnns_layer_is_recognised(tmp_path: Path) -> None:
    model = compile_text(PYTHON_PROPOSAL, tmp_path)
    node = next(n for n in model.proto.graph.node if n.op_type == "Proposal")
    attributes = {a.name: a for a in node.attribute}
    assert attributes["style"].i == PY_FASTER_RCNN
    assert list(attributes["anchors"].floats)[:4] == [-84, -40, 99, 55]
    assert any("py-faster-rcnn's Python layer" in n for n in model.report.notes)
    random = np.random.default_rng(0)
    feed = {
        "s": random.random((1, 18, 5, 6)).astype(np.float32),
        "d": (random.standard_normal((1, 36, 5, 6)) * 0.1).astype(np.float32),
        "i": np.float32([[80, 96, 1]]),
    }
    rois = model.session().run(feed)["rois"]
    assert rois.shape[1] == 5
    assert 0 < len(rois) <= 300


def test_param_str() -> None:
    assert parse_param_str("'feat_stride': 16\n'scales': [4, 8.5]") == {"feat_stride": 16.0, "scales": [4.0, 8.5]}
    assert parse_param_str("{feat_stride: 8, ratios: (0.5, 1), mode: fast}") == {
        "feat_stride": 8.0,
        "ratios": [0.5, 1.0],
        "mode": "fast",
    }


def test_anchors_are_py_faster_rcnns() -> None:
    """The table in the comment of its generate_anchors.py, less 1: there pixels count from 1."""
    table = anchors(16, (0.5, 1, 2), (8, 16, 32), PY_FASTER_RCNN)
    assert np.reshape(table, (9, 4)).tolist() == [
        [-84, -40, 99, 55],
        [-176, -88, 191, 103],
        [-360, -184, 375, 199],
        [-56, -56, 71, 71],
        [-120, -120, 135, 135],
        [-248, -248, 263, 263],
        [-36, -80, 51, 95],
        [-80, -168, 95, 183],
        [-168, -344, 183, 359],
    ]


def test_the_two_styles_round_anchors_differently() -> None:
    """A square of 5 with ratio 4 is 2.5 wide: 3 by 12 in PVANet, 2 by 8 in py-faster-rcnn."""
    assert anchors(5, [4], [1], PVANET) == [1, -3.5, 3, 7.5]
    assert anchors(5, [4], [1], PY_FASTER_RCNN) == [1.5, -1.5, 2.5, 5.5]


def refusal(param: str, *shapes: tuple[int, ...]) -> Case:
    return case("", f"proposal_param {{ {param} }}", *(numbers(*s) for s in shapes))


REFUSED: list[tuple[Case, str]] = [
    (refusal("ratio: 1", (1, 2, 2, 2), (1, 4, 2, 2), (1, 4)), "has no ratio or no scale"),
    (refusal("ratio: 1 scale: 0", (1, 2, 2, 2), (1, 4, 2, 2), (1, 4)), "must be positive"),
    (refusal("ratio: 1 scale: 8", (2, 2, 2, 2), (2, 4, 2, 2), (1, 4)), "one picture at a time, not 2"),
    (refusal("ratio: 1 scale: 8", (1, 4, 2, 2), (1, 4, 2, 2), (1, 4)), "need 2 channels of scores, and there are 4"),
    (refusal("ratio: 1 scale: 8", (1, 2, 2, 2), (1, 4, 2, 2), (1, 3)), "reads 4 numbers of im_info"),
    (refusal("ratio: 1 scale: 8 post_nms_topn: 0", (1, 2, 2, 2), (1, 4, 2, 2), (1, 4)), "post_nms_topn 0 is not"),
]


@pytest.mark.parametrize(("c", "says"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_refused_proposals(c: Case, says: str, tmp_path: Path) -> None:
    refused("Proposal", c, says, tmp_path)
