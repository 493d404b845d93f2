"""The zoo: published architectures as prototxt, with random weights, and what is known of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import classifiers
import detectors
import numpy as np
import segmenters
from netspec import Net

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "frontends" / "caffe"))
from caffe_writer import blob, v2_layer

from regraft.options import CompileOptions
from regraft.passes import BUILT_IN, RuleContext, legalisation
from regraft.sources import read_source


@dataclass(frozen=True)
class Architecture:
    """A net, and the number of its parameters that was published.

    The statistics of normalisations are no parameters there. `source` says whose number it is; "layers" where none is
    published exactly: the sum over the paper's table of layers. `small` are input shapes for a quick run.
    """

    name: str
    build: Callable[[], Net]
    parameters: int
    source: str
    small: Mapping[str, tuple[int, ...]] | None = None


_SMALL = {"data": (1, 3, 64, 64)}

ZOO = (
    Architecture("AlexNet", classifiers.alexnet, 60_965_224, "BVLC model zoo"),
    Architecture("VGG-16", classifiers.vgg16, 138_357_544, "torchvision, Keras"),
    Architecture("GoogLeNet", classifiers.googlenet, 6_998_552, "BVLC model zoo"),
    Architecture("ResNet-152", classifiers.resnet152, 60_192_808, "torchvision, Keras"),
    Architecture("DenseNet-121", classifiers.densenet121, 7_978_856, "torchvision"),
    Architecture("Inception v4", classifiers.inception_v4, 42_679_816, "timm"),
    Architecture("SqueezeNet 1.1", classifiers.squeezenet, 1_235_496, "torchvision", _SMALL),
    Architecture("MobileNet", classifiers.mobilenet, 4_231_976, "Keras", _SMALL),
    Architecture("ShuffleNet 1x g3", classifiers.shufflenet, 1_865_728, "pytorchcv", _SMALL),
    Architecture("SE-ResNet-50", classifiers.se_resnet50, 28_088_024, "pytorchcv"),
    Architecture("FCN-8s", segmenters.fcn8s, 134_489_759, "layers; paper: 134 M"),
    Architecture("DeepLab v2 VGG-16", segmenters.deeplab_v2, 37_877_652, "layers"),
    Architecture("PSPNet-101", segmenters.pspnet101, 65_707_475, "layers"),
    Architecture("ICNet", segmenters.icnet, 6_699_987, "layers; paper: 6.7 M"),
    Architecture("SegNet", segmenters.segnet, 29_449_355, "layers; paper: 29.45 M"),
    Architecture("ENet", segmenters.enet, 381_147, "layers; paper: 0.37 M", {"data": (1, 3, 64, 96)}),
    Architecture("VGG-SSD 300", detectors.vgg_ssd, 26_285_486, "amdegroot/ssd.pytorch"),
    Architecture("MobileNet-SSD", detectors.mobilenet_ssd, 5_796_089, "layers", {"data": (1, 3, 128, 128)}),
    Architecture("Faster R-CNN VGG-16", detectors.faster_rcnn, 137_078_239, "chainercv"),
    Architecture("R-FCN ResNet-50", detectors.rfcn, 31_809_539, "layers"),
    Architecture("OpenPose COCO", detectors.openpose, 52_311_446, "pytorch-openpose"),
    Architecture("colorization", segmenters.colorization, 32_231_334, "layers; its file: 32.2 M"),
    Architecture("FlowNet2-s", detectors.flownet2_s, 38_676_506, "layers; paper's code: 38.7 M"),
    Architecture("LRCN", classifiers.lrcn, 98_584_025, "layers"),
)


def write(net: Net, folder: Path) -> Path:
    """The net as a prototxt file in `folder`."""
    path = folder / "net.prototxt"
    path.write_text(str(net))
    return path


def blobs(path: Path, seed: int = 0) -> dict[str, np.ndarray]:
    """The random weights of a prototxt, as `layer.index`."""
    options = CompileOptions(random_weights=seed)
    graph, context = read_source(path, None, options).graph, RuleContext(options.settings)
    legalisation(BUILT_IN).run(graph, context)
    return {key.rpartition(" (")[0]: value.array for key, value in context.shared.items()}


def parameters(net: Net, found: dict[str, np.ndarray]) -> int:
    """How many parameters there are, without the statistics of BatchNorm and BN."""
    return sum(prod(a.shape) for name, a in found.items() if not _is_statistic(net, *name.rsplit(".", 1)))


def _is_statistic(net: Net, layer: str, index: str) -> bool:
    kind = net.types[layer]
    return kind == "BatchNorm" or (kind == "BN" and int(index) >= 2)


def inputs(described: dict[str, str], seed: int = 0) -> dict[str, np.ndarray]:
    """Plausible inputs for the inputs that a report describes."""
    random = np.random.default_rng(seed)
    found = {}
    for name, text in described.items():
        shape = tuple(int(size) for size in text.split()[0].split("x"))
        found[name] = random.uniform(-1, 1, shape).astype(np.float32)
        if name == "im_info":
            found[name] = np.array([[600, 800, 1]], np.float32)
        if name.endswith("_sentence"):
            found[name] = np.ones(shape, np.float32)
    return found


def caffemodel(net: Net, found: dict[str, np.ndarray]) -> bytes:
    """The weights as a caffemodel file."""
    layers: dict[str, list[bytes]] = {}
    for name, array in found.items():
        layers.setdefault(name.rpartition(".")[0], []).append(blob(array))
    return b"".join(v2_layer(name, net.types[name], *parts) for name, parts in layers.items())
