"""ONNX Runtime: an ONNX file, optimised when it is opened; CPU, or another provider by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecv.bundle import Bundle, ModelSpec, Variant
from edgecv.engines._engine import Built, Call, Engine, PooledEngine, opened_aside
from edgecv.errors import EngineError
from edgecv.extras import imported
from edgecv.machine import available_cores
from edgecv.types import Array, Image

if TYPE_CHECKING:
    from types import ModuleType

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
# provider -> the package of the registry that has it; each replaces the others
PACKAGES = {
    "cpu": "onnxruntime",
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
}


def build(source: Path, folder: Path, name: str) -> Built:
    """Put the INT8 file among the engines; the float variant opens `model.onnx` itself.

    Not saved optimised: that file would fit this CPU only.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    ort = package(f"building {name}")
    details = {"version": str(ort.__version__)}
    if source.name == "model.onnx":
        return Built(None, details, {})
    link_or_copy(source, folder / f"{name}.onnx")
    return Built(f"{name}.onnx", details, {})


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, without a second copy where the disk allows it."""
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def open(bundle: Bundle, variant: Variant, *, threads: int | None, requests: int) -> Engine:
    """Open an ONNX file with all graph optimisations.

    The provider is the variant's detail 'provider', a name of PROVIDERS; without it the CPU.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        EngineError: the file cannot be opened, or the provider does not run here.
    """
    provider = str(variant.details.get("provider", "cpu"))
    call = open_call(bundle.path(variant.file), bundle.spec, threads, requests, provider=provider)
    name = "onnxruntime" if provider == "cpu" else f"onnxruntime ({provider})"
    return PooledEngine(name, bundle.spec, call, requests)


def open_call(
    path: Path,
    spec: ModelSpec,
    threads: int | None,
    requests: int,
    *,
    provider: str = "cpu",
    optimise: bool = True,
) -> Call:
    """A function that runs an ONNX file.

    Args:
        path: the file.
        spec: names of its input and outputs.
        threads: cores to use in all, None: those of this process.
        requests: calls that will run at once, each on its share of the cores.
        provider: a name of PROVIDERS.
        optimise: False runs every node as the file says, without fusion.

    Raises:
        MissingExtraError, EngineError: as `open`.
    """
    ort = package(str(path))
    names = [PROVIDERS[provider]] if provider == "cpu" else [PROVIDERS[provider], PROVIDERS["cpu"]]
    check_provider(provider)
    levels = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors come as exceptions, its warnings are about its own
    options.intra_op_num_threads = max(1, (threads or available_cores()) // requests)
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    try:
        session: Any = opened_aside(
            lambda: ort.InferenceSession(str(path), options, providers=names)
        )
    except Exception as error:  # the vendor's exceptions share no base
        raise EngineError(f"{path}: ONNX Runtime cannot open it: {_reason(error)}") from error
    if session.get_providers()[0] != names[0]:
        # it goes on with the CPU when a provider's libraries do not load
        raise EngineError(
            f"{path}: the provider {names[0]} did not start, though ONNX Runtime has it. "
            "Check its driver and libraries: edgecv doctor"
        )

    def call(batch: Image) -> list[Array]:
        try:
            results: list[Array] = session.run(
                [spec.output.boxes, spec.output.scores], {spec.input.name: batch}
            )
        except Exception as error:
            raise EngineError(f"{path}: ONNX Runtime failed: {_reason(error)}") from error
        return results

    return call


def check_provider(provider: str) -> None:
    """Refuse an execution provider that this machine's package has not.

    Args:
        provider: a name of PROVIDERS.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        EngineError: it has not.
    """
    ort = package(f"provider {provider}")
    present = [name for name, full in PROVIDERS.items() if full in ort.get_available_providers()]
    if provider not in present:
        raise EngineError(
            f"this ONNX Runtime ({ort.__version__}) has no provider '{provider}'; it has "
            f"{', '.join(present)}. Install {PACKAGES[provider]} in its place (for a Jetson "
            "NVIDIA makes its own), or build with --provider cpu"
        )


def _reason(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line), type(error).__name__)


def package(reason: str) -> ModuleType:
    """The vendor's package.

    Raises:
        MissingExtraError: it is not installed.
    """
    return imported("onnxruntime", "onnxruntime", reason)
