"""Live models: Keras models, `tf.function`s and concrete functions go into `regraft.compile` as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import regraft

X = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)


def only_output(model: regraft.Model, **feeds: np.ndarray) -> np.ndarray:
    session = model.session()
    names = [i.name for i in session.inputs]
    (array,) = session.run(feeds or {names[0]: X}).values()
    return np.asarray(array)


@pytest.mark.judge
def test_a_keras_model() -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dropout(0.5)]
    model = keras.Sequential([*layers, keras.layers.Dense(2)], name="two_layers")
    compiled = regraft.compile(model)
    np.testing.assert_allclose(only_output(compiled), model(X).numpy(), rtol=1e-5, atol=1e-6)
    assert set(compiled.report.ops) <= {"MatMul", "Gemm", "Add", "Relu"}


@pytest.mark.judge
def test_functions_and_their_variables() -> None:
    tf = pytest.importorskip("tensorflow")
    weights = tf.Variable(np.arange(6, dtype=np.float32).reshape(3, 2))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="image")])
    def signed(x: Any) -> Any:
        return {"score": x @ weights + 1}

    @tf.function
    def unsigned(x: Any) -> Any:
        return tf.exp(x)

    compiled = regraft.compile(signed)
    assert [i.name for i in compiled.session().inputs] == ["image"]
    np.testing.assert_allclose(compiled.session().run({"image": X})["score"], X @ weights.numpy() + 1, rtol=1e-5)
    concrete = unsigned.get_concrete_function(tf.TensorSpec([2, 3], tf.float32, "x"))
    np.testing.assert_allclose(only_output(regraft.compile(concrete)), np.exp(X), rtol=1e-5)
    with pytest.raises(regraft.UsageError, match="the sizes and types of the inputs of unsigned are not known"):
        regraft.compile(unsigned)


@pytest.mark.judge
def test_modules_that_are_called_and_loaded_signatures(tmp_path: Any) -> None:
    tf = pytest.importorskip("tensorflow")

    class Doubled(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([2, 3], tf.float32, "x")])
        def __call__(self, x: Any) -> Any:
            return x * self.factor

    module = Doubled()
    np.testing.assert_allclose(only_output(regraft.compile(module)), X * 2)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(only_output(regraft.compile(loaded.signatures["serving_default"])), X * 2)


@pytest.mark.judge
def test_what_tensorflow_cannot_export_is_said() -> None:
    keras = pytest.importorskip("keras")
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(regraft.UsageError, match="TensorFlow cannot export this Sequential") as error:
        regraft.compile(unbuilt)
    assert error.value.diagnostics[0].code == "not-exported"


def test_what_is_no_model_is_said() -> None:
    with pytest.raises(regraft.UsageError, match="a model is a path or a live model of TensorFlow, and this is a list"):
        regraft.compile([1, 2])
