"""Small files under the names that the commands of the documentation use."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from documents import ROOT
from PIL import Image

from regraft.frontends.tensorflow.text import from_text

sys.path.insert(0, str(ROOT / "tests" / "frontends" / "caffe"))
from caffe_writer import blob, v2_layer

_CONVOLUTIONS = {"conv1": (64, 3), "conv5": (6, 64), "score": (3, 6), "fuse": (1, 6)}
_CAFFE = """
name: "stand-in"
input: "data" input_shape { dim: 1 dim: 3 dim: 56 dim: 56 }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 64 kernel_size: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv5" type: "Convolution" bottom: "conv1" top: "conv5"
  convolution_param { num_output: 6 kernel_size: 1 } }
layer { name: "score" type: "Convolution" bottom: "conv5" top: "score"
  convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "fuse" type: "Convolution" bottom: "conv5" top: "fuse"
  convolution_param { num_output: 1 kernel_size: 1 } }
layer { name: "sigmoid-fuse" type: "Sigmoid" bottom: "fuse" top: "sigmoid-fuse" }
layer { name: "prob" type: "Softmax" bottom: "conv5" top: "prob" }
"""
_TWO = """
input: "left" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
input: "right" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "sum" type: "Eltwise" bottom: "left" bottom: "right" top: "sum" }
"""
SIZES = (1, 8, 8, 3)
_FLOAT = 'attr { key: "T" value { type: DT_FLOAT } }'


def _node(name: str, op: str, inputs: str, *attrs: str) -> str:
    read = " ".join(f'input: "{each}"' for each in inputs.split())
    return f'node {{ name: "{name}" op: "{op}" {read} {" ".join(attrs)} }}\n'


def _graph() -> str:
    dims = " ".join(f"dim {{ size: {size} }}" for size in SIZES)
    numbers = np.random.default_rng(0).standard_normal((1, 1, 3, 3)).astype("<f4").tobytes()
    content = "".join(f"\\{byte:03o}" for byte in numbers)
    shape = "tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 3 } dim { size: 3 } }"
    return "".join(
        (
            _node(
                *("image", "Placeholder", "", 'attr { key: "dtype" value { type: DT_FLOAT } }'),
                f'attr {{ key: "shape" value {{ shape {{ {dims} }} }} }}',
            ),
            _node(
                *("weights", "Const", "", 'attr { key: "dtype" value { type: DT_FLOAT } }'),
                f'attr {{ key: "value" value {{ tensor {{ dtype: DT_FLOAT {shape} tensor_content: "{content}" }} }} }}',
            ),
            _node(
                *("head/conv", "Conv2D", "image weights", _FLOAT, 'attr { key: "padding" value { s: "SAME" } }'),
                'attr { key: "strides" value { list { i: 1 i: 1 i: 1 i: 1 } } }',
            ),
            _node("boxes", "Relu", "head/conv", _FLOAT),
            _node("scores", "Softmax", "head/conv", _FLOAT),
            _node("heatmaps", "Sigmoid", "head/conv", _FLOAT),
        )
    )


def _saved_model() -> str:
    dims = " ".join(f"dim {{ size: {size} }}" for size in SIZES)

    def tensor(name: str) -> str:
        return f'key: "{name}" value {{ name: "{name}:0" dtype: DT_FLOAT tensor_shape {{ {dims} }} }}'

    signature = f"inputs {{ {tensor('image')} }} outputs {{ {tensor('boxes')} }}"
    parts = (
        'meta_info_def { tags: "serve" }',
        f"graph_def {{ {_graph()} }}",
        f'signature_def {{ key: "serving_default" value {{ {signature} }} }}',
    )
    return f"saved_model_schema_version: 1 meta_graphs {{ {' '.join(parts)} }}"


def write(folder: Path) -> None:
    """Write them all."""
    random = np.random.default_rng(1)
    layers = [
        v2_layer(
            name,
            "Convolution",
            blob(random.standard_normal((many, few, 1, 1)).astype(np.float32)),
            blob(np.ones(many, np.float32)),
        )
        for name, (many, few) in _CONVOLUTIONS.items()
    ]
    (folder / "deploy.prototxt").write_text(_CAFFE)
    (folder / "two.prototxt").write_text(_TWO)
    for name in ("net.caffemodel", "hed_pretrained_bsds.caffemodel"):
        (folder / name).write_bytes(b"".join(layers))
    (folder / "saved_model").mkdir()
    messages = {
        "graph.pb": (_graph(), "GraphDef"),
        "frozen_graph.pb": (_graph(), "GraphDef"),
        "saved_model/saved_model.pb": (_saved_model(), "SavedModel"),
    }
    for name, (text, kind) in messages.items():
        (folder / name).write_bytes(from_text(text.encode(), kind, name)[0])
    (folder / "photos").mkdir()
    photo = Image.fromarray(random.integers(0, 256, (40, 50, 3), np.uint8))
    for name in ("photo.jpg", "photos/one.png", "photos/two.png"):
        photo.save(folder / name)
    shutil.copy(ROOT / "examples" / "cpp_layers" / "interp_layer.cpp", folder)
