"""TensorRT: a plan where there is an NVIDIA GPU; elsewhere the portable ONNX file and a verdict.

A plan belongs to the version and the GPU that made it, so the bundle carries the ONNX file, and
`edgecv build BUNDLE --engine tensorrt` makes the plan on the device.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from edgecv.bundle import Bundle, Variant
from edgecv.engines._engine import Built, Engine, PooledEngine
from edgecv.engines.onnxruntime import link_or_copy, open_call
from edgecv.errors import EngineError
from edgecv.machine import has_nvidia_gpu
from edgecv.progress import say

NUMERICS = (
    "the TensorRT file runs through ONNX Runtime without optimisation, to show its numerics; "
    "its speed means nothing"
)


def why_not_here() -> str | None:
    """Why no plan can be built or run on this machine; None where it can."""
    if not has_nvidia_gpu():
        return "no NVIDIA GPU here"
    vendors = [name for name in ("tensorrt", "tensorrt_rtx") if find_spec(name)]
    if not vendors or find_spec("cuda") is None:
        return "an NVIDIA GPU, but no TensorRT: pip install 'edgecv[tensorrt]'"
    return None


def build(source: Path, folder: Path, name: str) -> Built:
    """With a GPU a plan; without one the ONNX file, with the verdict of an acceptance build.

    Raises:
        EngineError: TensorRT refuses the graph on this GPU.
    """
    file = None
    if source.name != "model.onnx":
        file = f"{name}.onnx"
        link_or_copy(source, folder / file)
    if why_not_here() is not None:
        # not above: acceptance is also run as a program, which must not find itself imported
        from edgecv.engines.tensorrt.acceptance import accept

        return Built(file, {"numerics": "onnxruntime", "acceptance": accept(source)}, {})
    from edgecv.engines.tensorrt.plan import build_plan

    requires = build_plan(source, folder / f"{name}.plan")
    return Built(f"{name}.plan", {"source": file or source.name}, requires)


def open(bundle: Bundle, variant: Variant, *, threads: int | None, requests: int) -> Engine:
    """A plan on this GPU, or the ONNX file through ONNX Runtime to see its numerics.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        EngineError: the file does not fit this machine.
    """
    path, spec = bundle.path(variant.file), bundle.spec
    again = f"Build it here: edgecv build {bundle.folder} --engine tensorrt"
    missing = why_not_here()
    if path.suffix == ".plan":
        if missing is not None:
            raise EngineError(f"{path} is a plan for a GPU: {missing}. {again}")
        if variant.file not in bundle.manifest.files:
            # a plan is code: only one whose hash the manifest holds, and open_engine checks it
            raise EngineError(f"{path} is not in the manifest, so it is not loaded. {again}")
        from edgecv.engines.tensorrt.plan import open_plan

        call, release = open_plan(path, spec, variant.requires, requests, again)
        return PooledEngine("tensorrt", spec, call, requests, release)
    if missing is None:
        raise EngineError(f"{path} is no plan for this GPU yet. {again}")
    _say_once(f"{missing}: {NUMERICS}")
    call = open_call(path, spec, threads, requests, optimise=False)
    return PooledEngine("tensorrt (numerics by onnxruntime)", spec, call, requests)


@cache
def _say_once(message: str) -> None:
    say(message)
