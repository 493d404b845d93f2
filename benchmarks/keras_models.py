"""Write Keras applications with random weights, each as SavedModel NAME/ and as frozen graph NAME.pb.

usage: python benchmarks/keras_models.py FOLDER NAME [NAME ...]      with an interpreter that has TensorFlow

The frozen graph has the input `image:0`, (N, 224, 224, 3) or the size that the application is made for, and one output.
Prints for each the names that a converter asks for, as JSON: {"NAME": {"inputs": "image:0", "outputs": "..."}}.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def write(name: str, folder: Path) -> dict[str, str]:
    """Write both forms of one application."""
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(weights=None)
    model.export(folder / name, verbose=False)

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")])
    def predict(image: tf.Tensor) -> tf.Tensor:
        return model(image, training=False)

    frozen = convert_variables_to_constants_v2(predict.get_concrete_function())
    (folder / f"{name}.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    return {"inputs": frozen.inputs[0].name, "outputs": frozen.outputs[0].name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps({name: write(name, args.folder) for name in args.names}))


if __name__ == "__main__":
    main()
