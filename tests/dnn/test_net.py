"""`Net` on networks whose numbers a real Caffe computed, and beside the real OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from dnn_cases import assert_close

import regraft.dnn as dnn
from regraft.errors import ModelFileError, RunError, UsageError

SAME_AS_OPENCV = [
    *("absval", "batchnorm", "bn_scale_relu_inplace", "concat", "conv_group_dilation", "conv_stride_pad", "crop_axis1"),
    *("crop_offset", "deconv_2x", "dropout", "eltwise_prod3", "elu", "exp", "fan_out_inplace", "flatten"),
    *("inner_product", "interp_zoom", "mvn", "net_hed_like", "net_lenet", "normalize_ssd", "permute", "pool_ave_pad"),
    *("pool_max_ceil", "power", "prelu", "prior_box", "relu", "reshape", "scale_two_bottoms", "shared_params"),
    *("sigmoid", "slice_points", "softmax", "tanh"),
]
"""Golden cases whose every layer OpenCV computes as Caffe does."""


def _read(case: Any) -> Any:
    return dnn.readNetFromCaffe(case.prototxt, case.caffemodel)


def _fed(net: Any, case: Any) -> Any:
    for name, array in case.inputs.items():
        net.setInput(array, name)
    return net


@pytest.mark.judge
@pytest.mark.parametrize("name", SAME_AS_OPENCV)
def test_every_layer_is_opencvs(cv2: Any, golden: Any, goldens_dir: Path, name: str) -> None:
    if not (goldens_dir / "caffe" / name).is_dir():
        pytest.skip("no such golden case")
    case = golden(name)
    theirs = cv2.dnn.readNetFromCaffe(case.prototxt, *([case.caffemodel] if case.caffemodel else []))
    theirs.enableFusion(False)
    _fed(theirs, case)
    ours = _fed(_read(case), case)
    assert len(ours.getLayerNames()) == len(theirs.getLayerNames())
    assert ours.getLayerTypes() == theirs.getLayerTypes()
    assert np.array_equal(ours.getUnconnectedOutLayers(), theirs.getUnconnectedOutLayers())
    assert ours.getUnconnectedOutLayers().dtype == np.int32
    shapes = [array.shape for array in case.inputs.values()]
    for index, layer in enumerate(ours.getLayerNames(), start=1):
        expected = theirs.forward(theirs.getLayerNames()[index - 1])
        assert_close(ours.forward(layer), expected)
        assert ours.getLayerId(layer) == index
        mine, other = ours.getLayer(index), theirs.getLayer(index)
        assert (mine.type, [b.size for b in mine.blobs]) == (other.type, [b.size for b in other.blobs])
        if mine.type in ("Convolution", "Deconvolution", "InnerProduct", "Pooling", "ReLU", "ELU", "Exp", "Softmax"):
            assert ours.getFLOPS(index, shapes) == theirs.getFLOPS(index, shapes)
    assert_close(ours.forward(), theirs.forward())


@pytest.mark.judge
@pytest.mark.parametrize("name", ["net_lenet", "net_hed_like", "bn_scale_relu_inplace"])
def test_convolutions_are_called_by_their_tops(cv2: Any, golden: Any, name: str) -> None:
    """As in OpenCV, where such a name gives the convolution, not what later layers do in place; or by their names."""
    case = golden(name)
    theirs, ours = _fed(cv2.dnn.readNetFromCaffe(case.prototxt, case.caffemodel), case), _fed(_read(case), case)
    theirs.enableFusion(False)
    assert ours.getLayerNames() == theirs.getLayerNames()
    found = ours.forward(ours.getLayerNames())
    for array, layer in zip(found, theirs.getLayerNames(), strict=True):
        assert_close(array, theirs.forward(layer))
    net = dnn.readNetFromCaffe(golden("net_lenet").prototxt)
    assert net.getLayerId("conv1") == net.getLayerId("c1") == 1
    assert net.getLayer("conv1").name == "c1"
    assert net.getLayer("conv1").outputNameToIndex("c1") == 0


@pytest.mark.parametrize("name", ["net_lenet", "net_hed_like", "slice_even", "shared_params"])
def test_outputs_are_caffes(golden: Any, name: str) -> None:
    case = golden(name)
    net = _fed(_read(case), case)
    found = net.forward(list(case.outputs))
    assert isinstance(found, tuple)
    for array, expected in zip(found, case.outputs.values(), strict=True):
        assert_close(array, expected)


def test_files_from_memory(golden: Any) -> None:
    case = golden("net_lenet")
    prototxt, weights = Path(case.prototxt).read_bytes(), Path(case.caffemodel).read_bytes()
    expected = next(iter(case.outputs.values()))
    as_array = np.frombuffer(weights, np.uint8)
    for net in (
        dnn.readNetFromCaffe(prototxt, weights),
        dnn.readNetFromCaffe(bytearray(prototxt), as_array),
        dnn.readNetFromCaffe(bufferProto=prototxt, bufferModel=weights),
        dnn.readNet(case.caffemodel, case.prototxt),
        dnn.readNet(case.prototxt, case.caffemodel),
        dnn.readNet("caffe", weights, prototxt),
        dnn.readNet(framework="caffe", bufferModel=weights, bufferConfig=prototxt),
        dnn.readNet(case.prototxt, case.caffemodel, None),
        dnn.readNet(case.caffemodel, config=case.prototxt, framework="Caffe"),
    ):
        assert_close(_fed(net, case).forward(), expected)


def test_in_place_layers_have_values_of_their_own(golden: Any) -> None:
    case = golden("bn_scale_relu_inplace")
    net = _fed(_read(case), case)
    names = net.getLayerNames()
    values = dict(zip(names, net.forward(names), strict=True))
    relu = next(n for n in names if net.getLayer(n).type == "ReLU")
    before = names[names.index(relu) - 1]
    assert values[before].min() < 0
    assert np.array_equal(values[relu], values[before].clip(0))
    alone = {name: net.forward(name) for name in names}
    for name in names:
        assert_close(alone[name], values[name])


REPEATED = """
input: "data" input_shape { dim: 1 dim: 4 dim: 6 dim: 6 }
layer { name: "cut" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { axis: 1 } }
layer { name: "act" type: "ReLU" bottom: "a" top: "a" }
layer { name: "act" type: "Sigmoid" bottom: "b" top: "c" }
layer { name: "act" type: "Eltwise" bottom: "a" bottom: "c" top: "d" }
"""


def test_repeated_names_several_outputs_and_blob_names() -> None:
    net = dnn.readNetFromCaffe(REPEATED.encode())
    assert net.getLayerNames() == ("cut", "act", "act_1", "act_2")
    assert net.getUnconnectedOutLayersNames() == ("act_2",)
    blob = np.random.default_rng(0).standard_normal((1, 4, 6, 6)).astype(np.float32)
    net.setInput(blob)
    (first, second), (sigmoid,) = net.forwardAndRetrieve(["cut", "act_1"])
    assert np.array_equal(first, blob[:, :2])
    assert np.array_equal(second, blob[:, 2:])
    assert_close(sigmoid, 1 / (1 + np.exp(-blob[:, 2:])))
    assert np.array_equal(net.forward("b"), blob[:, 2:])
    assert np.array_equal(net.forward("a"), blob[:, :2].clip(0))
    assert np.array_equal(net.forward("cut"), blob[:, :2])
    assert_close(net.forward(), blob[:, :2].clip(0) + sigmoid)
    assert_close(net.forwardAsync().get(), net.forward())
    assert net.getLayersCount("ReLU") == 1


def test_sizes_may_change() -> None:
    net = dnn.readNetFromCaffe(REPEATED.encode())
    generator = np.random.default_rng(1)
    for shape in ((1, 4, 6, 6), (1, 4, 9, 5), (1, 4, 7, 3), (2, 4, 3, 3), (1, 6, 3, 3), (1, 4, 6, 6)):
        blob = generator.standard_normal(shape).astype(np.float32)
        net.setInput(blob)
        half = shape[1] // 2
        assert_close(net.forward(), blob[:, :half].clip(0) + 1 / (1 + np.exp(-blob[:, half:])))


def test_scale_and_mean_of_inputs() -> None:
    net = dnn.readNetFromCaffe(REPEATED.encode())
    blob = np.random.default_rng(2).integers(0, 256, (1, 4, 6, 6), np.uint8)
    net.setInput(blob, "data", 0.5, (1, 2, 3, 4))
    expected = (blob.astype(np.float32) - np.arange(1, 5, dtype=np.float32)[:, None, None]) * 0.5
    assert_close(net.forward("cut"), expected[:, :2])
    net.setInputsNames(["picture"])
    kept = np.ones((1, 4, 6, 6), np.float32)
    net.setInput(kept, "picture")
    kept[:] = 5
    assert net.forward("cut").max() == 1


def test_weights_can_be_replaced(golden: Any) -> None:
    case = golden("inner_product")
    net = _fed(_read(case), case)
    before = net.forward()
    name = net.getLayerNames()[-1]
    weights, bias = net.getLayer(name).blobs
    assert np.array_equal(net.getParam(name), weights)
    assert bias.shape[1] == 1
    net.setParam(name, 1, bias + 1)
    assert_close(net.forward(), before + 1)
    net.getLayer(name).blobs = [weights * 0, bias]
    assert_close(net.forward(), np.broadcast_to(bias.ravel(), before.shape))


def test_a_convolution_given_weights_alone_has_no_bias(golden: Any) -> None:
    """As in OpenCV, whose programs fill `class8_ab` so: the bias of the file is gone."""
    case = golden("conv_3x3")
    net = _fed(_read(case), case)
    before = net.forward()
    weights, bias = net.getLayer(1).blobs
    assert abs(bias).min() > 0
    net.getLayer(1).blobs = [weights]
    assert_close(net.forward(), before - bias.reshape(1, -1, 1, 1))
    other = _read(golden("inner_product"))
    with pytest.raises(UsageError, match="has 2 blobs, not 1"):
        other.getLayer("op").blobs = [other.getLayer("op").blobs[0]]


def test_names_of_inputs_and_what_is_none() -> None:
    net = dnn.readNetFromCaffe(REPEATED.encode(), None)
    inputs = net.getLayer(0)
    assert (inputs.outputNameToIndex("data"), inputs.outputNameToIndex("im_info")) == (0, -1)
    assert net.getLayer("cut").outputNameToIndex("im_info") == 0
    blob = np.ones((1, 4, 6, 6), np.float32)
    net.setInput(blob, None, 1.0, None)
    assert np.array_equal(net.forward(None), net.forward())


def test_weights_that_the_file_lacks() -> None:
    """As in OpenCV's colorization sample, which sets a 1x1 convolution and a scale."""
    text = """
    input: "data" input_shape { dim: 1 dim: 3 dim: 2 dim: 2 }
    layer { name: "rebalance" type: "Scale" bottom: "data" top: "scaled" scale_param { bias_term: false } }
    layer { name: "ab" type: "Convolution" bottom: "scaled" top: "ab"
            convolution_param { num_output: 2 kernel_size: 1 bias_term: false } }
    """
    net = dnn.readNetFromCaffe(text.encode())
    points = np.arange(6, dtype=np.float64).reshape(2, 3, 1, 1)
    net.getLayer(net.getLayerId("ab")).blobs = [points.astype("float32")]
    net.getLayer(net.getLayerId("rebalance")).blobs = [np.full([1, 3], 2.606, dtype="float32")]
    blob = np.random.default_rng(0).random((1, 3, 2, 2), np.float32)
    net.setInput(blob)
    assert_close(net.forward(), np.einsum("oc,nchw->nohw", points[:, :, 0, 0], 2.606 * blob).astype(np.float32))


def test_backends_are_providers_and_others_are_said() -> None:
    net = dnn.readNetFromCaffe(REPEATED.encode())
    net.setPreferableBackend(dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(dnn.DNN_TARGET_CPU)
    with pytest.warns(RuntimeWarning, match="DNN_BACKEND_HALIDE has no provider"):
        net.setPreferableBackend(dnn.DNN_BACKEND_HALIDE)
    with pytest.warns(RuntimeWarning, match="DNN_TARGET_MYRIAD has no counterpart"):
        net.setPreferableTarget(dnn.DNN_TARGET_MYRIAD)
    net.enableFusion(False)
    net.enableWinograd(False)
    net.setHalideScheduler("")
    assert dnn.getAvailableTargets(dnn.DNN_BACKEND_OPENCV) == (dnn.DNN_TARGET_CPU,)
    assert dnn.getAvailableTargets(dnn.DNN_BACKEND_HALIDE) == ()


def test_empty_and_dump(tmp_path: Path) -> None:
    assert dnn.Net().empty()
    net = dnn.readNetFromCaffe(REPEATED.encode())
    assert not net.empty()
    net.dumpToFile(str(tmp_path / "net.dot"))
    assert '"cut" -> "act_1"' in (tmp_path / "net.dot").read_text()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: net.forward("cutt"), "did you mean cut"),
        (lambda net: net.setInput(np.zeros(3), "dada"), "no input is called 'dada'"),
        (lambda net: net.getLayer("nothing"), "no layer is called 'nothing'"),
        (lambda net: net.getLayer(99), "there is no layer 99"),
        (lambda net: net.getParam("cut"), "there is no blob 0"),
        (lambda net: dnn.Net().forward(), "the network is empty"),
        (lambda net: dnn.readNetFromDarknet("a.cfg"), "Darknet are not read"),
        (lambda net: dnn.readNet("model.xyz"), "cannot be told"),
        (lambda net: dnn.readNet("model.t7"), "Torch7 are not read"),
        (lambda net: dnn.readNetFromCaffe(), "prototxt is not given"),
    ],
)
def test_wrong_calls(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(dnn.readNetFromCaffe(REPEATED.encode()))


def test_tensors_of_onnx(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    onnx.save_tensor(onnx.numpy_helper.from_array(array), tmp_path / "t.pb")
    assert np.array_equal(dnn.readTensorFromONNX(str(tmp_path / "t.pb")), array)
    (tmp_path / "t.pb").write_bytes(b"no tensor")
    with pytest.raises(ModelFileError, match="is not an ONNX tensor"):
        dnn.readTensorFromONNX(str(tmp_path / "t.pb"))


def test_missing_files_and_inputs(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        dnn.readNetFromCaffe(str(tmp_path / "none.prototxt"))
    with pytest.raises(RunError, match="no input is set"):
        dnn.readNetFromCaffe(REPEATED.encode()).forward()


@pytest.mark.judge
def test_constants(cv2: Any) -> None:
    for name in dir(cv2.dnn):
        if name.startswith(("DNN_", "SOFT_NMS", "SoftNMS")):
            assert getattr(dnn, name) == getattr(cv2.dnn, name), name
