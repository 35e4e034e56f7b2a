"""CUDA through cuda-python: its answers checked, and what device there is."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgecv.engines.tensorrt.installing import how_to_install
from edgecv.errors import EngineError, MissingExtraError

# what a status means here, and what to do; the others are told by their names
_TOLD = {
    "cudaErrorInsufficientDriver": (
        "there is no NVIDIA driver, or one too old for this cuda-python. "
        "Install the driver, or a cuda-python of the driver's CUDA version"
    ),
    "cudaErrorNoDevice": "the driver shows no GPU. Look at nvidia-smi and CUDA_VISIBLE_DEVICES",
    "cudaErrorMemoryAllocation": (
        "the GPU's memory is full. End what else uses it, or ask for fewer pictures at once"
    ),
    "cudaErrorSystemDriverMismatch": (
        "driver and CUDA library are of different versions. Restart the machine after an upgrade"
    ),
}


class Device(NamedTuple):
    """The GPU that this process uses.

    Attributes:
        name: as the driver gives it.
        capability: e.g. sm_87.
        total_bytes, free_bytes: of its memory.
        unified: CPU and GPU share the memory, as on a Jetson.
    """

    name: str
    capability: str
    total_bytes: int
    free_bytes: int
    unified: bool


def cudart() -> Any:
    """CUDA's runtime functions; each returns a tuple that begins with a status.

    Raises:
        MissingExtraError: cuda-python is not installed.
    """
    try:
        from cuda.bindings import runtime

        return runtime
    except ImportError:
        pass
    try:
        from cuda import cudart as older  # cuda-python up to 12.5

        return older
    except ImportError as error:
        raise MissingExtraError(
            "cuda.bindings", "tensorrt", "running TensorRT", how_to_install()
        ) from error


def checked(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a CUDA function gives after its status.

    Raises:
        EngineError: the status is an error.
    """
    status, *values = answer
    if int(status) != 0:
        told = _TOLD.get(status.name, "see what this machine has: edgecv doctor")
        raise EngineError(f"CUDA failed ({status.name}): {told}")
    return tuple(values)


def device() -> Device:
    """The device that this process uses, the first that CUDA_VISIBLE_DEVICES lets it see.

    Raises:
        MissingExtraError, EngineError: as `cudart` and `checked`.
    """
    cuda = cudart()
    found = checked(cuda.cudaGetDeviceProperties(0))[0]
    free_bytes, total_bytes = map(int, checked(cuda.cudaMemGetInfo()))
    name = found.name.decode() if isinstance(found.name, bytes) else str(found.name)
    capability = f"sm_{found.major}{found.minor}"
    return Device(name, capability, total_bytes, free_bytes, bool(found.integrated))
