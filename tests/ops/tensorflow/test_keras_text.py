"""Keras models of text: embeddings with recurrent layers or attention, as SavedModels and as frozen graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import check_frozen, check_saved, randomise

pytestmark = pytest.mark.judge

WORDS = np.random.default_rng(0).integers(1, 50, (3, 12)).astype(np.int32)
WORDS[0, 7:] = WORDS[1, :2] = 0
"""Ends of sentences, and a beginning, are 0: no word."""


def lstm(keras: Any) -> Any:
    k = keras.layers
    return keras.Sequential([keras.Input((12,), dtype="int32"), k.Embedding(50, 8), k.LSTM(6), k.Dense(3)])


def gru(keras: Any) -> Any:
    k = keras.layers
    both = k.Bidirectional(k.GRU(6, return_sequences=True))
    words = k.Embedding(50, 8, mask_zero=True)
    return keras.Sequential([keras.Input((12,), dtype="int32"), words, both, k.GRU(5), k.Dense(3)])


def transformer(keras: Any) -> Any:
    """Two blocks of attention and a feed-forward layer with GELU, each behind a layer norm."""
    k = keras.layers
    words = keras.Input((12,), dtype="int32")
    x = k.Embedding(50, 16)(words) + k.Embedding(12, 16)(np.arange(12)[None])
    for _ in range(2):
        y = k.LayerNormalization(epsilon=1e-6)(x)
        x = x + k.MultiHeadAttention(4, 4)(y, y, use_causal_mask=True)
        y = k.LayerNormalization(epsilon=1e-6)(x)
        x = x + k.Dense(16)(k.Dense(32, activation="gelu")(y))
    return keras.Model(words, k.Dense(3)(k.GlobalAveragePooling1D()(x)))


@pytest.mark.parametrize("check", [check_saved, check_frozen], ids=["SavedModel", "frozen"])
@pytest.mark.parametrize("build, operator", [(lstm, "LSTM"), (gru, "GRU"), (transformer, "Softmax")])
def test_text_models(build: Callable[[Any], Any], operator: str, check: Callable[..., Any], tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    model = build(keras)
    randomise(model)
    ops = check(model, WORDS, tmp_path).report.ops
    assert operator in ops
    assert "Loop" not in ops
