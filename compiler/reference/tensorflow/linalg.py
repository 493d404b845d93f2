"""Matrices, Einsum, and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from regraft.reference.registry import Array, Call, evaluates, several
from regraft.reference.tensorflow.common import shape_of, widened


@evaluates("tf.Einsum", "tf.XlaEinsum")
def einsum(call: Call, *values: Array) -> Array:
    """Products summed over the labels that the result does not have."""
    kind = np.result_type(*values)
    text = call.text("equation").replace(" ", "")
    return np.asarray(np.einsum(text, *(widened(v) for v in values), optimize=True), kind)


@evaluates("tf.MatrixInverse", "tf.BatchMatrixInverse")
def inverse(call: Call, x: Array) -> Array:
    """The inverse of each matrix."""
    return np.linalg.inv(_turned(x) if call.flag("adjoint", False) else x)


def _turned(x: Array) -> Array:
    return np.conj(x.swapaxes(-1, -2))


@evaluates("tf.MatrixSolve", "tf.BatchMatrixSolve")
def solve(call: Call, x: Array, right: Array) -> Array:
    """What x times it gives the right side."""
    return np.linalg.solve(_turned(x) if call.flag("adjoint", False) else x, right)


@evaluates("tf.MatrixTriangularSolve", "tf.BatchMatrixTriangularSolve")
def triangular_solve(call: Call, x: Array, right: Array) -> Array:
    """The same, of the part of x on one side of the diagonal."""
    part = np.tril(x) if call.flag("lower", True) else np.triu(x)
    return np.linalg.solve(_turned(part) if call.flag("adjoint", False) else part, right)


@evaluates("tf.MatrixDeterminant", "tf.BatchMatrixDeterminant")
def determinant(call: Call, x: Array) -> Array:
    """The determinant of each matrix."""
    return np.asarray(np.linalg.det(x), x.dtype)


@evaluates("tf.LogMatrixDeterminant")
def log_determinant(call: Call, x: Array) -> object:
    """Its sign and logarithm."""
    sign, logarithm = np.linalg.slogdet(x)
    return several([np.asarray(sign, x.dtype), np.asarray(logarithm, x.dtype)])


@evaluates("tf.Cholesky", "tf.BatchCholesky")
def cholesky(call: Call, x: Array) -> Array:
    """The lower triangle whose product with its transpose x is."""
    return np.linalg.cholesky(x)


@evaluates("tf.Cross")
def cross(call: Call, a: Array, b: Array) -> Array:
    """The vector product along the last axis."""
    return np.cross(a, b)


@evaluates("tf.MatrixBandPart", "tf.BatchMatrixBandPart")
def band_part(call: Call, x: Array, lower: Array, upper: Array) -> Array:
    """Zeros beyond so many diagonals; negative numbers keep all."""
    rows, columns = np.indices(x.shape[-2:])
    kept = ((int(lower) < 0) | (rows - columns <= int(lower))) & ((int(upper) < 0) | (columns - rows <= int(upper)))
    return np.where(kept, x, np.zeros((), x.dtype))


@evaluates("tf.MatrixDiag", "tf.BatchMatrixDiag")
def matrix_diag(call: Call, x: Array) -> Array:
    """A matrix with each vector as its diagonal."""
    return np.asarray(x[..., None] * np.eye(x.shape[-1], dtype=x.dtype))


@evaluates("tf.MatrixDiagPart", "tf.BatchMatrixDiagPart")
def matrix_diag_part(call: Call, x: Array) -> Array:
    """The diagonals."""
    return np.diagonal(x, axis1=-2, axis2=-1).copy()


@evaluates("tf.MatrixSetDiag", "tf.BatchMatrixSetDiag")
def matrix_set_diag(call: Call, x: Array, diagonal: Array) -> Array:
    """x with another diagonal."""
    found, index = x.copy(), np.arange(diagonal.shape[-1])
    found[..., index, index] = diagonal
    return found


@evaluates("tf.Diag")
def diag(call: Call, x: Array) -> Array:
    """A tensor of twice the rank with x on its diagonal."""
    return np.diag(x.reshape(-1)).reshape(*x.shape, *x.shape)


@evaluates("tf.DiagPart")
def diag_part(call: Call, x: Array) -> Array:
    """Its inverse."""
    half = x.shape[: x.ndim // 2]
    size = int(np.prod(half))
    return np.diagonal(x.reshape(size, size)).reshape(half).copy()


_AXES = {"FFT": (-1,), "FFT2D": (-2, -1), "FFT3D": (-3, -2, -1)}
_FOURIER: dict[str, Any] = {"": np.fft.fftn, "I": np.fft.ifftn, "R": np.fft.rfftn, "IR": np.fft.irfftn}


@evaluates(*(f"tf.{kind}{name}" for kind in _FOURIER for name in _AXES))
def fourier(call: Call, x: Array, *length: Array) -> Array:
    """Over the last axes; real transforms are cut or padded to the given lengths."""
    name = call.op.type_name
    kind = name[: name.index("FFT")]
    lengths = shape_of(length[0]) if length else None
    found = _FOURIER[kind](x, s=lengths, axes=_AXES[name[len(kind) :]])
    double = x.dtype in (np.float64, np.complex128)
    return np.asarray(
        found.astype(
            (np.float64 if double else np.float32) if kind == "IR" else np.complex128 if double else np.complex64
        )
    )
