"""OpenCV's backends and targets as execution providers of ONNX Runtime."""

from __future__ import annotations

import warnings
from types import MappingProxyType

from regraft.dnn import constants

_BACKENDS = {value: name for name, value in vars(constants).items() if name.startswith("DNN_BACKEND_")}
_TARGETS = {value: name for name, value in vars(constants).items() if name.startswith("DNN_TARGET_")}
_PLAIN_BACKENDS = {constants.DNN_BACKEND_DEFAULT, constants.DNN_BACKEND_OPENCV}
_OF_BACKEND = MappingProxyType(
    {
        constants.DNN_BACKEND_CUDA: "cuda",
        constants.DNN_BACKEND_INFERENCE_ENGINE: "openvino",
    }
)
_CUDA_TARGETS = {constants.DNN_TARGET_CUDA, constants.DNN_TARGET_CUDA_FP16}


def providers(backend: int, target: int) -> tuple[str, ...]:
    """The providers to ask for, most preferred first."""
    first = "cuda" if target in _CUDA_TARGETS else _OF_BACKEND.get(backend)
    return (first, "cpu") if first else ("cpu",)


def getAvailableTargets(be: int) -> tuple[int, ...]:
    """The targets that a backend has on this machine: the CPU, and CUDA where ONNX Runtime has its provider."""
    import onnxruntime  # only here: networks load it when they run

    if be in _PLAIN_BACKENDS:
        return (constants.DNN_TARGET_CPU,)
    wanted = {"cuda": "CUDAExecutionProvider", "openvino": "OpenVINOExecutionProvider"}.get(_OF_BACKEND.get(be, ""))
    if wanted not in onnxruntime.get_available_providers():
        return ()
    return (constants.DNN_TARGET_CUDA,) if be == constants.DNN_BACKEND_CUDA else (constants.DNN_TARGET_CPU,)


def check_backend(backend: int) -> None:
    """Say so when a backend has no provider."""
    if backend not in _PLAIN_BACKENDS and backend not in _OF_BACKEND:
        _warn(f"{_BACKENDS.get(backend, f'backend {backend}')} has no provider of ONNX Runtime: the CPU is used")


def check_target(target: int) -> None:
    """Say so when a target means something else than it does in OpenCV."""
    name = _TARGETS.get(target, f"target {target}")
    if target == constants.DNN_TARGET_CUDA_FP16:
        _warn(f"{name} computes in 32 bits")
    elif target != constants.DNN_TARGET_CPU and target not in _CUDA_TARGETS:
        _warn(f"{name} has no counterpart: the CPU is used, in 32 bits")


def _warn(message: str) -> None:
    warnings.warn(f"regraft: {message}", RuntimeWarning, stacklevel=4)
