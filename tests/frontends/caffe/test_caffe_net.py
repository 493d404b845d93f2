"""The net rules: generations, inputs, phases, training files, blobs."""

from __future__ import annotations

import pytest

from regraft.errors import ModelFileError
from regraft.frontends.caffe import net, prototxt
from regraft.frontends.caffe.layers import Layer, NetInput
from regraft.frontends.caffe.net import Net


def build(text: str, **state: object) -> Net:
    return net.build(prototxt.parse(text, "net.prototxt"), **state)


def refusal(text: str) -> str:
    with pytest.raises(ModelFileError) as caught:
        build(text)
    return str(caught.value)


def shown(layers: list[Layer]) -> list[str]:
    return [f"{x.type} {x.name}: {' '.join(x.bottoms)} -> {' '.join(x.tops)}" for x in layers]


INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 } } }\n'


def relu(name: str, rest: str = "", bottom: str = "data") -> str:
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "{name}" {rest} }}\n'


# Inputs


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        (INPUT, [NetInput("data", (1, 3), 1)]),
        (
            'layer { name: "i" type: "Input" top: "a" top: "b" input_param { shape { dim: 2 } } }',
            [NetInput("a", (2,), 1), NetInput("b", (2,), 1)],
        ),
        (
            'layer { type: "Input" top: "a" top: "b" input_param { shape { dim: 2 } shape { dim: [3, 4] } } }',
            [NetInput("a", (2,), 1), NetInput("b", (3, 4), 1)],
        ),
        ('layer { type: "Input" top: "a" }', [NetInput("a", None, 1)]),
        ('input: "a"\ninput_dim: [1, 2, 3, 4]', [NetInput("a", (1, 2, 3, 4), 1)]),
        (
            'input: "a" input: "b" input_shape { dim: 1 dim: 2 } input_shape { dim: 3 }',
            [NetInput("a", (1, 2), 1), NetInput("b", (3,), 1)],
        ),
        ('input: "a"', [NetInput("a", None, 1)]),
    ],
)
def test_inputs(text, inputs):
    assert build(text).inputs == inputs


def test_input_fields_become_the_first_layer():
    found = build(relu("r") + 'input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 5')
    assert shown(found.layers) == ["Input input:  -> data", "ReLU r: data -> r"]
    assert found.layers[0].params.message("input_param").message("shape").integers("dim") == (1, 3, 4, 5)


def test_input_counts_that_do_not_fit():
    assert "1 inputs need 4 input_dim fields, and there are 3" in refusal('input: "a" input_dim: [1, 2, 3]')
    assert "2 inputs need 2 input_shape blocks" in refusal('input: "a" input: "b" input_shape { dim: 1 }')
    two = 'layer { name: "i" type: "Input" top: "a" input_param { shape { dim: 2 } shape { dim: 3 } } }'
    assert 'Input layer "i" has 1 tops and 2 shapes' in refusal(two)


# Generations


def test_v1_is_upgraded(goldens_dir):
    found = net.read(goldens_dir / "caffe/legacy_v1/net.prototxt")
    assert found.generation == "V1"
    assert [x.type for x in found.layers] == ["Input", "Convolution", "ReLU", "Pooling", "InnerProduct", "Softmax"]
    specs = [spec.as_message() for spec in found.layers[1].params.all("param")]
    assert [(s.get("lr_mult").as_float(), s.get("decay_mult").as_float()) for s in specs] == [(1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [
        ("CROP", "Crop"),
        ("BN", "BN"),
        ("INTERP", "Interp"),
        ("RELU6", "ReLU6"),
        ("ROI_POOLING", "ROIPooling"),
        ("SOFTMAX", "Softmax"),
        ("TANH", "TanH"),
        ("MY_OWN_LAYER", "MyOwnLayer"),
        ("39", "Deconvolution"),
        ("14", "InnerProduct"),
        ('"Convolution"', "Convolution"),
    ],
)
def test_v1_types_by_name_and_number(spelled, kind):
    text = f'input: "data" input_dim: [1, 1, 4, 4] layers {{ name: "x" type: {spelled} bottom: "data" top: "y" }}'
    assert build(text).layers[1].type == kind


def test_v1_numbers_that_each_fork_uses_for_itself():
    assert "layer type 41 means another layer in each fork: Interp in DeepLab v1" in refusal("layers { type: 41 }")


def test_v1_shared_parameters():
    text = 'input: "a" input_dim: [1, 1, 1, 1]\n'
    text += "".join(
        f'layers {{ name: "{n}" type: INNER_PRODUCT bottom: "a" top: "{n}" param: "w" param: "b" }}\n' for n in "xy"
    )
    assert build(text).param_owners() == {"w": (1, 0), "b": (1, 1)}


V0 = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { layer { name: "pad1" type: "padding" pad: 2 } bottom: "data" top: "pad1" }
layers { layer { name: "conv1" type: "conv" num_output: 4 kernelsize: 3 biasterm: false blobs_lr: 1 blobs_lr: 2 }
         bottom: "pad1" top: "conv1" }
layers { layer { name: "relu1" type: "relu" } bottom: "conv1" top: "conv1" }
layers { layer { name: "norm1" type: "lrn" local_size: 3 alpha: 0.5 } bottom: "conv1" top: "norm1" }
layers { layer { name: "fc" type: "innerproduct" num_output: 5 } bottom: "norm1" top: "fc" }
layers { layer { name: "prob" type: "softmax" } bottom: "fc" top: "prob" }
"""


def test_v0_is_upgraded_and_padding_folded():
    found = build(V0)
    assert found.generation == "V0"
    assert shown(found.layers)[1:4] == [
        "Convolution conv1: data -> conv1",
        "ReLU relu1: conv1 -> conv1",
        "LRN norm1: conv1 -> norm1",
    ]
    conv = found.layers[1].params
    assert {f.name for f in conv.message("convolution_param")} == {"num_output", "kernel_size", "bias_term", "pad"}
    assert conv.message("convolution_param").integer("pad") == 2
    assert len(conv.all("param")) == 2
    assert found.layers[3].params.message("lrn_param").integer("local_size") == 3


def test_v0_refusals():
    assert 'no layer type "cnv" in a V0 file' in refusal('layers { layer { type: "cnv" } }')
    bad = V0.replace('type: "conv"', 'type: "relu"')
    assert "Caffe folds it into conv and pool only" in refusal(bad)


def test_both_generations_at_once_are_refused():
    said = refusal(INPUT + 'layers { name: "x" type: RELU }')
    assert "both `layer` (V2) and `layers` (V1) blocks" in said
    assert "at net.prototxt:2" in said


# Phases


@pytest.mark.parametrize(
    ("rules", "state", "kept"),
    [
        ("", {}, True),
        ("include { phase: TEST }", {}, True),
        ("include { phase: TRAIN }", {}, False),
        ("include { phase: 1 }", {}, True),
        ("include { phase: TRAIN }", {"phase": "TRAIN"}, True),
        ("exclude { phase: TEST }", {}, False),
        ("exclude { phase: TRAIN }", {}, True),
        ("include { phase: TRAIN } include { phase: TEST }", {}, True),
        ('include { stage: "a" }', {}, False),
        ('include { stage: "a" }', {"stages": ["a", "b"]}, True),
        ('include { stage: "a" stage: "b" }', {"stages": ["a"]}, False),
        ('include { not_stage: "a" }', {"stages": ["a"]}, False),
        ('include { not_stage: "a" }', {}, True),
        ('exclude { phase: TEST stage: "a" }', {}, True),
        ("include { min_level: 1 }", {}, False),
        ("include { min_level: 1 }", {"level": 1}, True),
        ("include { max_level: 1 }", {"level": 2}, False),
        ("include { min_level: 1 max_level: 3 }", {"level": 3}, True),
        ("include { }", {}, True),
        ("exclude { }", {}, False),
    ],
)
def test_include_and_exclude(rules, state, kept):
    found = build(INPUT + relu("r", rules), **state)
    assert [x.name for x in found.layers] == (["data", "r"] if kept else ["data"])
    assert [note.layer for note in found.notes] == ([] if kept else ["r"])


def test_the_file_may_set_the_state_itself():
    text = INPUT + relu("r", 'include { stage: "deploy" min_level: 2 }') + 'state { stage: "deploy" level: 2 }'
    assert len(build(text).layers) == 2
    assert len(build(text, level=0).layers) == 1


def test_notes_say_why():
    found = build(INPUT + relu("a", "include { phase: TRAIN }") + relu("b", 'include { stage: "x" }'))
    assert [(n.line, n.reason) for n in found.notes] == [
        (2, "not for TEST: include { phase: TRAIN }"),
        (3, 'not for TEST: stage "x" is not set'),
    ]


def test_include_with_exclude_is_refused():
    assert "either include or exclude" in refusal(INPUT + relu("r", "include { } exclude { }"))


# Training files

TRAIN_VAL = """name: "LeNet"
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 28 } data_param { source: "x" batch_size: 64 } }
layer { name: "mnist" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 28 force_gray: true } data_param { source: "x" batch_size: 100 } }
layer { name: "cut" type: "Slice" bottom: "label" top: "l1" top: "l2" }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 10 } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "l1" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" softmax_param { axis: 1 } }
layer { name: "l2" type: "EuclideanLoss" bottom: "ip" bottom: "label" top: "l2_loss" }
"""


def test_a_training_file_becomes_its_deploy_net():
    found = build(TRAIN_VAL)
    assert shown(found.layers) == ["Input mnist:  -> data", "InnerProduct ip: data -> ip", "Softmax loss: ip -> loss"]
    assert found.inputs == [NetInput("data", (100, 1, 28, 28), 4)]
    assert [(n.layer, n.line, n.reason) for n in found.notes] == [
        ("mnist", 2, "not for TEST: include { phase: TRAIN }"),
        ("mnist", 4, "replaced by an input: data"),
        ("cut", 6, "dropped: it reads labels only"),
        ("accuracy", 8, "dropped: it has no use outside training"),
        ("loss", 9, 'replaced by Softmax with top "loss"'),
        ("l2", 10, "dropped: it has no use outside training"),
    ]


def test_every_layer_of_the_file_is_kept_or_noted():
    found = build(TRAIN_VAL)
    lines = {layer.line for layer in found.layers} | {note.line for note in found.notes}
    assert lines == {2, 4, 6, 7, 8, 9, 10}


def test_data_of_the_training_phase_stands_in():
    found = build(TRAIN_VAL.replace("include { phase: TEST }\n", 'include { stage: "never" }\n'))
    assert found.inputs == [NetInput("data", (64, None, 28, 28), 2)]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ('type: "MemoryData" memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }', (2, 3, 4, 5)),
        ('type: "ImageData" image_data_param { batch_size: 2 new_height: 8 new_width: 9 }', (2, 3, 8, 9)),
        ('type: "ImageData" image_data_param { batch_size: 2 is_color: false }', (2, 1, None, None)),
        ('type: "Data" data_param { batch_size: 2 }', (2, None, None, None)),
        ('type: "WindowData" window_data_param { batch_size: 2 crop_size: 7 }', (2, 3, 7, 7)),
        (
            'type: "AnnotatedData" data_param { batch_size: 8 } transform_param { mean_value: [1, 2, 3] '
            "resize_param { height: 300 width: 200 } }",
            (8, 3, 300, 200),
        ),
        ('type: "HDF5Data" hdf5_data_param { batch_size: 2 }', None),
        ('type: "Python" python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer" }', None),
    ],
)
def test_shapes_of_data_layers(layer, shape):
    found = build(f'layer {{ name: "d" top: "data" {layer} }}\n' + relu("r"))
    assert found.inputs == [NetInput("data", shape, 1)]


def test_dummy_data_and_losses_that_are_read_stay():
    text = 'layer { name: "d" type: "DummyData" top: "data" }\n'
    text += 'layer { name: "l" type: "MyLoss" bottom: "data" top: "l" }\n' + relu("r", bottom="l")
    assert [x.type for x in build(text).layers] == ["DummyData", "MyLoss", "ReLU"]


def test_a_training_net_in_phase_train_is_left_alone():
    assert build(TRAIN_VAL, phase="TRAIN").layers[0].type == "Data"


# Files that are something else


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('train_net: "train.prototxt" base_lr: 0.1', "pass the network that it names: train.prototxt"),
        ('test_iter: 100 net: "models/x.prototxt"', "pass the network that it names: models/x.prototxt"),
        ('node { name: "x" op: "Add" }', "a TensorFlow graph in text form"),
        ("", "holds no fields at all"),
        ("item { id: 1 }", "it has the fields item"),
        ('layer { name: "x" }', "a layer without a type"),
        ('layer { type: "ReLU" bottom: 3 }', "bottom: a string is expected, not 3"),
    ],
)
def test_refusals(text, says):
    assert says in refusal(text)


def test_a_net_inside_a_solver_file():
    assert [x.name for x in build(f"base_lr: 1 net_param {{ {INPUT} }}").layers] == ["data"]


# Blobs


def test_in_place_layers_and_layers_of_one_name():
    text = INPUT + 'layer { name: "x" type: "ReLU" bottom: "data" top: "data" }\n' * 2
    assert build(text).outputs == ["data"]


def test_all_wrong_bottoms_are_listed_at_once():
    said = refusal(INPUT + relu("a", bottom="dat") + relu("b", bottom="c") + relu("c"))
    assert 'ReLU "a": no earlier layer makes its bottom "dat"\n  at net.prototxt:2\n  did you mean data?' in said
    assert 'ReLU "c" makes it, but in line 4, which is later' in said


def test_a_top_made_twice():
    said = refusal(INPUT + relu("a") + 'layer { name: "b" type: "TanH" bottom: "data" top: "a" }')
    assert 'TanH "b": top "a" is made a second time' in said
    assert 'the first is ReLU "a" in line 2' in said


def test_outputs_are_what_nobody_reads():
    assert build(INPUT + relu("a") + relu("b") + relu("c", bottom="a")).outputs == ["b", "c"]


def test_every_golden_net(goldens_dir):
    for path in sorted(goldens_dir.glob("caffe/*/net.prototxt")):
        found = net.read(path)
        assert found.inputs, path
        assert all(known.shape for known in found.inputs)


@pytest.mark.models
def test_every_real_net(models_dir):
    generations = {path.parent.name: net.read(path).generation for path in models_dir.glob("*/*.prototxt")}
    assert generations["cifar10_quick"] == "V1"
    assert generations["hed"] == "V2"


@pytest.mark.models
def test_hed_has_five_crops_of_one_name(models_dir):
    found = net.read(models_dir / "hed" / "deploy.prototxt")
    assert sum(layer.name == "crop" for layer in found.layers) == 5
    assert len(found.outputs) == 6
