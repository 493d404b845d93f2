"""What layers cost, how their sizes are and how long they take: OpenCV's counts, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dnn_cases import read_case

import regraft.dnn as dnn
from regraft.errors import UsageError

COUNTED = [
    *("absval", "batchnorm", "bn_scale_relu_inplace", "bnll", "concat", "concat_axis2", "conv_3x3", "conv_rect"),
    *("conv_group_dilation", "crop_offset", "deconv_2x", "deconv_bilinear_depthwise", "detection_output", "dropout"),
    *(
        "eltwise_max",
        "eltwise_prod3",
        "elu",
        "exp",
        "fan_out_inplace",
        "flatten",
        "inner_product",
        "interp_zoom",
        "log",
    ),
    *("log", "lrn_across", "lrn_within", "mish", "mvn", "mvn_no_variance", "net_hed_like", "net_lenet"),
    *("normalize_ssd", "permute", "pool_ave_ceil", "pool_global_ave", "pool_global_max", "pool_mask", "pool_max_ceil"),
    *("pool_max_pad", "power", "power_scale_only", "prelu", "prior_box", "psroi_pooling", "relu6", "reorg", "reshape"),
    *("roi_pooling", "scale", "scale_two_bottoms", "shared_params", "sigmoid", "slice", "softmax", "swish", "tanh"),
]
MODELS = ["aizoo_facemask", "cifar10_full", "hed", "mtcnn_det1", "mtcnn_det2", "mtcnn_det3", "nsfw", "res10_face"]


def check_costs(cv2: Any, folder: Path) -> None:
    """Names, sizes, operations and bytes of all layers."""
    case = read_case(folder)
    theirs = cv2.dnn.readNetFromCaffe(case.prototxt, *([case.caffemodel] if case.caffemodel else []))
    ours = dnn.readNetFromCaffe(case.prototxt, case.caffemodel)
    shapes = [array.shape for array in case.inputs.values()]
    names = theirs.getLayerNames()
    assert ours.getLayerNames() == names
    found, expected = ours.getLayersShapes(shapes), theirs.getLayersShapes(shapes)
    assert np.array_equal(found[0], expected[0])
    for which in (1, 2):
        for name, mine, other in zip(("_input", *names), found[which], expected[which], strict=True):
            assert [list(s) for s in mine] == [list(s) for s in other], name
    assert ours.getFLOPS(shapes) == theirs.getFLOPS(shapes)
    for index in range(1, len(names) + 1, 1 + len(names) // 12):
        assert ours.getFLOPS(index, shapes) == theirs.getFLOPS(index, shapes), names[index - 1]
        assert ours.getMemoryConsumption(index, shapes) == tuple(theirs.getMemoryConsumption(index, shapes))
    if len(shapes) == 1:
        assert ours.getMemoryConsumption(shapes[0]) == tuple(theirs.getMemoryConsumption(shapes[0]))


@pytest.mark.judge
@pytest.mark.parametrize("name", COUNTED)
def test_golden_cases(cv2: Any, goldens_dir: Path, name: str) -> None:
    if not (goldens_dir / "caffe" / name).is_dir():
        pytest.skip("no such golden case")
    check_costs(cv2, goldens_dir / "caffe" / name)


@pytest.mark.judge
@pytest.mark.models
@pytest.mark.parametrize("name", MODELS)
def test_real_models(cv2: Any, models_dir: Path, name: str) -> None:
    check_costs(cv2, models_dir / name)


SMALL = """
input: "data" input_shape { dim: 1 dim: 8 dim: 96 dim: 96 }
layer { name: "first" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 32 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "act" type: "ReLU" bottom: "a" top: "a" }
layer { name: "pool" type: "Pooling" bottom: "a" top: "p" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "prob" type: "Softmax" bottom: "p" top: "prob" }
"""


def _small(blob: np.ndarray) -> dnn.Net:
    net = dnn.readNetFromCaffe(SMALL.encode())
    net.getLayer("first").blobs = [np.random.default_rng(0).standard_normal((32, 8, 5, 5)).astype(np.float32)]
    net.setInput(blob)
    return net


def test_the_arguments_by_name() -> None:
    net = dnn.readNetFromCaffe(SMALL.encode())
    shape = (1, 8, 96, 96)
    net.getLayer("first").blobs = [np.zeros((32, 8, 5, 5), np.float32), np.zeros(32, np.float32)]
    wanted = 2 * 25 * 8 * 32 * 92 * 92 + 32 * 92 * 92
    for given in ({"netInputShapes": [shape]}, {"netInputShape": shape}):
        assert net.getFLOPS(layerId=1, **given) == net.getFLOPS(1, [shape]) == wanted
    assert net.getMemoryConsumption(layerId=1, netInputShape=shape) == (4 * 32 * (8 * 25 + 1), 4 * 32 * 92 * 92)
    assert net.getMemoryConsumption(0, [shape]) == (0, 4 * 8 * 96 * 96)
    assert net.getFLOPS(0, [shape]) == 0
    with pytest.raises(UsageError, match="shapes of the inputs are not given"):
        net.getFLOPS()


def test_the_time_of_each_layer_is_measured_when_it_is_looked_at() -> None:
    blob = np.random.default_rng(1).standard_normal((1, 8, 96, 96)).astype(np.float32)
    net = _small(blob)
    before, nothing = net.getPerfProfile()
    assert (before, nothing.shape, float(nothing.sum())) == (0, (4,), 0.0)
    net.forward()
    ticks, timings = net.getPerfProfile()
    assert ticks > 0
    assert timings.shape == (4,)
    assert len(timings) == 4
    assert np.sum(timings) == pytest.approx(ticks)
    by_layer = dict(zip(net.getLayerNames(), timings, strict=True))
    assert by_layer["a"] > by_layer["act"]
    assert min(by_layer["a"], by_layer["pool"], by_layer["prob"]) > 0
    assert (timings * 1e-6).sum() == pytest.approx(ticks * 1e-6)
    assert timings[0] == by_layer["a"]


def test_the_time_of_onnx_nodes(tmp_path: Path) -> None:
    import regraft

    text = tmp_path / "net.prototxt"
    text.write_text(SMALL)
    file = regraft.compile(text, random_weights=0).save(tmp_path / "net.onnx")
    net = dnn.readNetFromONNX(str(file))
    net.setInput(np.zeros((1, 8, 96, 96), np.float32))
    net.forward()
    ticks, timings = net.getPerfProfile()
    spent = dict(zip(net.getLayerNames(), timings, strict=True))
    assert sum(spent.values()) == pytest.approx(ticks)
    assert next(time for name, time in spent.items() if net.getLayer(name).type == "Conv") > 0


@pytest.mark.judge
@pytest.mark.models
def test_profiles_have_opencvs_form(cv2: Any, models_dir: Path) -> None:
    case = read_case(models_dir / "mtcnn_det1")
    found = []
    for module in (cv2.dnn, dnn):
        net = module.readNetFromCaffe(case.prototxt, case.caffemodel)
        net.setInput(np.zeros((1, 3, 64, 64), np.float32))
        net.forward()
        ticks, timings = net.getPerfProfile()
        found.append((type(ticks), timings.shape, timings.dtype, bool(ticks > 0)))
    assert found[0] == found[1]


@pytest.mark.judge
@pytest.mark.models
@pytest.mark.parametrize("name", ["mtcnn_det1", "cifar10_quick"])
def test_onnx_nodes(cv2: Any, models_dir: Path, tmp_path: Path, name: str) -> None:
    import regraft

    folder = models_dir / name
    model = regraft.compile(folder / "deploy.prototxt", folder / "weights.caffemodel", portable=True)
    file = str(model.save(tmp_path / "net.onnx"))
    theirs, ours = cv2.dnn.readNetFromONNX(file), dnn.readNetFromONNX(file)
    shapes = [array.shape for array in read_case(folder).inputs.values()]
    for layer in ours.getLayerNames():
        index = theirs.getLayerId(layer)
        assert ours.getFLOPS(ours.getLayerId(layer), shapes) == theirs.getFLOPS(index, shapes), layer
    assert ours.getFLOPS(shapes) == theirs.getFLOPS(shapes)
