"""TensorRT: a plan where there is an NVIDIA GPU; elsewhere the portable ONNX file and a verdict.

A plan belongs to the version and the GPU that made it, so the bundle carries the ONNX files, and
`edgecv build BUNDLE --engine tensorrt` makes the plan on the device.

    installing    what brings TensorRT to this machine
    options       what may be asked for
    network       ONNX file -> network, the same way in every version
    config        flags, memory, accelerator, batch sizes
    building      the builder at work
    timing_cache  what it measured
    plan          all of that -> a plan and what it is bound to
    fallbacks     layers that run elsewhere or wider than asked
    identity      version and GPU that a plan is bound to
    runtime       a loaded plan
    request       one call: context, stream, buffers, CUDA graph
    cuda          cuda-python, answers checked
    acceptance    a build for GPUs that are not here
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from edgecv.bundle import Bundle, Variant
from edgecv.device.system_tensorrt import cuda_visible
from edgecv.engines._engine import Built, Engine, PooledEngine
from edgecv.engines.onnxruntime import link_or_copy, open_call
from edgecv.engines.tensorrt.installing import how_to_install
from edgecv.engines.tensorrt.options import PlanOptions, options_line
from edgecv.errors import EngineError, UsageError
from edgecv.machine import has_nvidia_gpu, importable
from edgecv.progress import say

NUMERICS = (
    "the TensorRT file runs through ONNX Runtime without optimisation, to show its numerics; "
    "its speed means nothing"
)


def why_not_here() -> str | None:
    """Why no plan can be built or run on this machine; None where it can."""
    if not has_nvidia_gpu():
        return "no NVIDIA GPU here"
    vendors = [name for name in ("tensorrt", "tensorrt_rtx") if importable(name)]
    if not vendors or not cuda_visible():
        lacking = "cuda-python" if vendors else "TensorRT"
        return f"an NVIDIA GPU, but no {lacking}: {how_to_install()}"
    return None


def build(source: Path, folder: Path, name: str, options: PlanOptions | None = None) -> Built:
    """With a GPU a plan; without one the ONNX file, with the verdict of an acceptance build.

    Raises:
        UsageError: the network or the device does not allow what is asked for.
        EngineError: TensorRT refuses the graph on this GPU.
    """
    options = options or PlanOptions()
    if why_not_here() is None:
        from edgecv.engines.tensorrt.plan import build_plan

        return build_plan(source, folder, name, options)
    if options.asked() or options.timing_cache is not None:
        told, missing = options.told(), why_not_here()
        raise UsageError(f"{told}: for a plan, which cannot be built: {missing}")
    if options.precision == "fp16" and options.half is None:
        raise EngineError(
            f"{source}: beside it is no file in 16 bits. "
            "Make it: edgecv compress with the section quantize and target tensorrt"
        )
    # not above: acceptance is also run as a program, which must not find itself imported
    from edgecv.engines.tensorrt.acceptance import accept

    half = options.half
    if options.precision == "fp16" and half is not None:
        source, half = half, None
    file = None
    if source.name != "model.onnx":
        file = f"{name}.onnx"
        link_or_copy(source, folder / file)
    details: dict[str, Any] = {"numerics": "onnxruntime", "acceptance": accept(source)}
    if half is not None:
        details["acceptance_half"] = accept(half)
    return Built(file, details, {})


def open(bundle: Bundle, variant: Variant, *, threads: int | None, requests: int) -> Engine:
    """A plan on this GPU, or the ONNX file through ONNX Runtime to see its numerics.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        EngineError: the file does not fit this machine.
    """
    path, spec = bundle.path(variant.file), bundle.spec
    asked = options_line({"precision": variant.precision, **variant.details.get("asked", {})})
    again = f"Build it here: edgecv build {bundle.folder} --engine tensorrt{asked}"
    missing = why_not_here()
    if path.suffix == ".plan":
        if missing is not None:
            raise EngineError(f"{path} is a plan for a GPU: {missing}. {again}")
        if variant.file not in bundle.manifest.files:
            # a plan is code: only one whose hash the manifest holds, and open_engine checks it
            raise EngineError(f"{path} is not in the manifest, so it is not loaded. {again}")
        from edgecv.engines.tensorrt.runtime import check_source, open_plan

        check_source(bundle, variant, again)
        call, release = open_plan(bundle, variant, requests, again)
        return PooledEngine("tensorrt", spec, call, requests, release)
    if missing is None:
        raise EngineError(f"{path} is no plan for this GPU yet. {again}")
    _say_once(f"{missing}: {NUMERICS}")
    call = open_call(path, spec, threads, requests, optimise=False)
    return PooledEngine("tensorrt (numerics by onnxruntime)", spec, call, requests)


@cache
def _say_once(message: str) -> None:
    say(message)
