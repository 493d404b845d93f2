"""Texts that are fed to a compiled graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from harness import Feed, one_op


def test_bytes_are_text(tmp_path: Path) -> None:
    """TensorFlow's own arrays of texts hold bytes; the sizes repeat, since sessions look once at equal ones."""
    net = one_op("Identity", Feed(np.array(["Ä", "bC"], object)))
    session = net.compile(tmp_path).session()
    for words in (["Ä", "bC"], ["Ä".encode(), b"bC"], ["dE", b"fG"]):
        made = session.run({"x0:0": np.array(words, object)})["y:0"]
        assert made.tolist() == [w.decode() if isinstance(w, bytes) else w for w in words]
