"""What brings TensorRT and cuda-python to this machine: a Jetson has those of its JetPack."""

from __future__ import annotations

from edgecv.device.system_tensorrt import system_tensorrt
from edgecv.errors import pip_line
from edgecv.machine import jetson_model


def how_to_install() -> str:
    """The next step; on a Jetson never the registry's TensorRT, which is not made for it."""
    if jetson_model() is None:
        return pip_line("tensorrt")
    problem = system_tensorrt().problem
    return "edgecv doctor says what is wrong" if problem is None else ": ".join(problem)
