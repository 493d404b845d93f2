"""Keras models as users export them: compiled as a SavedModel and as a frozen graph, compared with TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import regraft


def check_saved(model: Any, data: np.ndarray, folder: Path, rtol: float = 1e-5) -> regraft.Model:
    """Export, compile, run with ONNX Runtime's optimisations off and on; compare with TensorFlow's own numbers.

    An output is near when it differs by at most `rtol` times the largest number.
    """
    import tensorflow as tf

    model.export(folder, verbose=False)
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    (tensor,) = serve(**{name: tf.constant(data)}).values()
    compiled = regraft.compile(folder)
    _compare(compiled, data, tensor.numpy(), rtol)
    return compiled


def check_frozen(model: Any, data: np.ndarray, folder: Path, rtol: float = 1e-5) -> regraft.Model:
    """The same for a frozen graph, in which TensorFlow has written loops and conditionals as TensorFlow 1 did."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    shape = [None, *data.shape[1:]]
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec(shape, data.dtype))
    frozen = convert_variables_to_constants_v2(function)
    path = folder / "frozen.pb"
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    compiled = regraft.compile(path, inputs=[frozen.inputs[0].name], outputs=[frozen.outputs[0].name])
    (expected,) = frozen(tf.constant(data))
    _compare(compiled, data, expected.numpy(), rtol)
    return compiled


def _compare(compiled: regraft.Model, data: np.ndarray, expected: np.ndarray, rtol: float) -> None:
    for optimise in (False, True):
        session = compiled.session(optimise=optimise)
        (actual,) = session.run({session.inputs[0].name: data}).values()
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * float(np.abs(expected).max()))


def randomise(model: Any) -> None:
    """Weights and statistics as after training: with those of a fresh model every output is nearly the same."""
    random = np.random.default_rng(1)
    for variable in model.variables:
        if variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
        elif variable.path.endswith(("beta", "moving_mean", "bias")):
            variable.assign(random.uniform(-0.3, 0.3, variable.shape))
