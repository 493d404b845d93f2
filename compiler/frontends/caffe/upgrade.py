"""Caffe's older generations made V2, as its upgrade_proto.cpp does.

V0 is `layers { layer { type: "conv" } }`, V1 is `layers { type: CONVOLUTION }`, V2 is `layer { type: "Convolution" }`.

Everything is done on text messages, by field name, and each field keeps the line where it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from regraft.errors import Diagnostic, ModelFileError, did_you_mean, listing
from regraft.frontends.caffe.prototxt import Field, Message, Scalar

_V1_ENUM = {  # in the order of their numbers
    "NONE": "",
    "ACCURACY": "Accuracy",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DROPOUT": "Dropout",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "POOLING": "Pooling",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "WINDOW_DATA": "WindowData",
    "ELTWISE": "Eltwise",
    "POWER": "Power",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "HINGE_LOSS": "HingeLoss",
    "MEMORY_DATA": "MemoryData",
    "ARGMAX": "ArgMax",
    "THRESHOLD": "Threshold",
    "DUMMY_DATA": "DummyData",
    "SLICE": "Slice",
    "MVN": "MVN",
    "ABSVAL": "AbsVal",
    "SILENCE": "Silence",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "EXP": "Exp",
    "DECONVOLUTION": "Deconvolution",
}
_FORK_TYPES = {  # where the spelling rule FOO_BAR = FooBar does not hold
    "BN": "BN",
    "SPP": "SPP",
    "ELU": "ELU",
    "GRN": "GRN",
    "LSTM": "LSTM",
    "RNN": "RNN",
    "RELU6": "ReLU6",
    "PRELU": "PReLU",
    "RRELU": "RReLU",
    "ROIPOOLING": "ROIPooling",
    "ROIALIGN": "ROIAlign",
    "PSROIPOOLING": "PSROIPooling",
    "MAXUNPOOL": "MaxUnpool",
    "HARDSWISH": "HardSwish",
    "HARDSIGMOID": "HardSigmoid",
    "BATCHNORM": "BatchNorm",
    "PRIORBOX": "PriorBox",
    "ROI_POOLING": "ROIPooling",
    "DENSE_CRF": "DenseCRF",
    "LSTM_UNIT": "LSTMUnit",
}


def v2_type(enum_name: str) -> str:
    """The V2 type string of a V1 enum's name; names of forks by the spelling rule: `FLOW_WARP` is FlowWarp."""
    known = _V1_ENUM.get(enum_name, _FORK_TYPES.get(enum_name))
    return "".join(word.capitalize() for word in enum_name.split("_")) if known is None else known


V1_TYPES: Mapping[int, str] = MappingProxyType(dict(enumerate(_V1_ENUM.values())))
"""V1's LayerType by number; from 40 on each fork has its own, so those are read by name only."""

_FORK_NUMBERS: Mapping[int, str] = MappingProxyType(
    {
        40: "Crop in HED and ParseNet, SegAccuracy in DeepLab v1, RankHardLoss in video_triplet",
        41: "Interp in DeepLab v1, Local in happynear's",
        42: "Padding in DeepLab v1, BN in happynear's",
        43: "MatWrite in DeepLab v1, Normalize in happynear's",
        44: "MatRead in DeepLab v1, Insanity in happynear's",
        45: "DenseCRF in DeepLab v1, TripletLoss in happynear's",
        46: "ROIPooling in happynear's",
        47: "BatchNorm in happynear's",
        48: "EltwiseAffine in happynear's",
        61: "ReLU6 in MobileNet-YOLO",
    }
)
"""What the forks call V1's numbers above BVLC's."""

V0_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "bnll": "BNLL",
        "concat": "Concat",
        "dropout": "Dropout",
        "flatten": "Flatten",
        "im2col": "Im2col",
        "lrn": "LRN",
        "relu": "ReLU",
        "sigmoid": "Sigmoid",
        "softmax": "Softmax",
        "split": "Split",
        "tanh": "TanH",
        "data": "Data",
        "accuracy": "Accuracy",
        "euclidean_loss": "EuclideanLoss",
        "hdf5_data": "HDF5Data",
        "hdf5_output": "HDF5Output",
        "infogain_loss": "InfogainLoss",
        "window_data": "WindowData",
        "multinomial_logistic_loss": "MultinomialLogisticLoss",
        "softmax_loss": "SoftmaxWithLoss",
        "conv": "Convolution",
        "pool": "Pooling",
        "innerproduct": "InnerProduct",
        "images": "ImageData",
        "padding": "Padding",
    }
)
"""V0's type strings."""


def layer_type(field: Field | None, line: int, path: str) -> str:
    """The V2 type string of a `type` field in any generation's spelling."""
    if field is None:
        raise ModelFileError(Diagnostic("no-layer-type", "a layer without a type", f"{path}:{line}"))
    value = field.as_scalar()
    if value.kind == "string":
        return value.text
    if value.kind == "identifier":
        return v2_type(value.text)
    number = field.as_int()
    if number not in V1_TYPES:
        forks = f": {_FORK_NUMBERS[number]}" if number in _FORK_NUMBERS else ""
        raise field.refusal(
            f"layer type {number} means another layer in each fork{forks}",
            "pass a prototxt in which the type has its name, and the caffemodel as its weights",
        )
    return V1_TYPES[number]


# V1 -------------------------------------------------------------------------------------------------------------------


def upgrade_v1(layer: Message) -> Message:
    """The V2 form of one layer: the type as a string; `param`, blobs_lr and weight_decay as `param { ... }`."""
    specs: list[list[Field]] = []
    counts: dict[str, int] = {}
    fields: list[Field] = []
    spelled = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}
    for field in layer:
        if field.name in spelled and isinstance(field.value, Scalar):
            index = counts[field.name] = counts.get(field.name, -1) + 1
            if index == len(specs):
                specs.append([])
            specs[index].append(Field(spelled[field.name], field.value, field.line, field.path))
        elif field.name == "type" and field.as_scalar().kind != "string":
            kind = layer_type(field, layer.line, layer.path)
            fields.append(Field("type", Scalar(kind, "string"), field.line, field.path))
        else:
            fields.append(field)
    for spec in specs:
        fields.append(Field("param", Message(spec, spec[0].line, layer.path), spec[0].line, layer.path))
    return Message(fields, layer.line, layer.path)


# V0 -------------------------------------------------------------------------------------------------------------------

_BLOCKS = {
    "conv": "convolution_param",
    "innerproduct": "inner_product_param",
    "pool": "pooling_param",
    "lrn": "lrn_param",
    "dropout": "dropout_param",
    "concat": "concat_param",
    "data": "data_param",
    "images": "image_data_param",
    "hdf5_data": "hdf5_data_param",
    "window_data": "window_data_param",
    "infogain_loss": "infogain_loss_param",
}
_RENAMED = {
    "biasterm": "bias_term",
    "kernelsize": "kernel_size",
    "batchsize": "batch_size",
    "meanfile": "mean_file",
    "cropsize": "crop_size",
    "shuffle_images": "shuffle",
}
_RENAMED |= {
    f"det_{name}": name for name in ("fg_threshold", "bg_threshold", "fg_fraction", "context_pad", "crop_mode")
}
_TRANSFORM = frozenset({"scale", "meanfile", "cropsize", "mirror"})
_KEPT = frozenset({"name", "blobs_lr", "weight_decay", "hdf5_output_param"})


def is_v0(layers: Iterable[Message]) -> bool:
    """Whether any layer has the nested `layer { ... }` of V0."""
    return any("layer" in layer for layer in layers)


def upgrade_v0(layers: list[Message]) -> list[Message]:
    """The V2 form of a V0 net's layers; `padding` layers are folded into the convolution or pooling that reads them."""
    upgraded: list[Message] = []
    padding: dict[str, Message] = {}
    for layer in layers:
        inner = layer.message("layer")
        kind = inner.text("type")
        pad = next((padding[name] for name in layer.texts("bottom") if name in padding), None)
        if kind == "padding":
            _check_padding(layer)
            padding.update(dict.fromkeys(layer.texts("top"), layer))
            continue
        padding = {blob: pad for blob, pad in padding.items() if blob not in layer.texts("top")}
        if pad and (kind not in ("conv", "pool") or len(layer.all("bottom")) != 1):
            message = f"a padding layer before `{kind}`: Caffe folds it into conv and pool only"
            raise ModelFileError(Diagnostic("bad-padding", message, f"{layer.path}:{layer.line}"))
        upgraded.append(upgrade_v1(_v0_layer(layer, inner, kind, pad)))
    return upgraded


def _check_padding(layer: Message) -> None:
    if len(layer.all("bottom")) != 1 or len(layer.all("top")) != 1:
        message = "a padding layer takes one bottom and gives one top"
        raise ModelFileError(Diagnostic("bad-padding", message, f"{layer.path}:{layer.line}"))


def _v0_layer(layer: Message, inner: Message, kind: str, pad: Message | None) -> Message:
    """One V0 layer with its parameters sorted into the V2 blocks."""
    if kind not in V0_TYPES:
        near = did_you_mean(kind, V0_TYPES)
        cures = (f"did you mean {near[0]}?",) if near else ()
        lines = (f"there are {listing(list(V0_TYPES), 30)}",)
        place = f"{layer.path}:{layer.line}"
        raise ModelFileError(Diagnostic("v0-type", f'no layer type "{kind}" in a V0 file', place, lines, cures))
    fields = [Field("type", Scalar(V0_TYPES[kind], "string"), layer.line, layer.path)]
    blocks: dict[str, list[Field]] = {}
    for field in inner:
        renamed = Field(_RENAMED.get(field.name, field.name), field.value, field.line, field.path)
        if field.name in _KEPT:
            fields.append(field)
        elif field.name in _TRANSFORM:
            blocks.setdefault("transform_param", []).append(renamed)
        elif field.name != "type" and not (field.name == "pad" and pad is not None):
            blocks.setdefault(_BLOCKS.get(kind, "v0_param"), []).append(renamed)
    bottoms = layer.all("bottom")
    if pad is not None:
        bottoms = pad.all("bottom")
        blocks.setdefault(_BLOCKS[kind], []).extend(pad.message("layer").all("pad"))
    fields += [field for field in layer if field.name not in ("layer", "bottom", "name", "type")]
    fields += bottoms
    for name, content in blocks.items():
        line = content[0].line if content else layer.line
        fields.append(Field(name, Message(content, line, layer.path), line, layer.path))
    return Message(fields, layer.line, layer.path)
