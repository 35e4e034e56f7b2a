"""OpenVINO on CPUs: an IR (.xml with its .bin), compiled when it is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecv.bundle import Bundle, ModelSpec, Variant
from edgecv.engines._engine import Built, Engine, PooledEngine, opened_aside
from edgecv.engines._openvino_stem import merge_corners
from edgecv.errors import EngineError
from edgecv.extras import imported
from edgecv.types import Array, Image

if TYPE_CHECKING:
    from types import ModuleType


def build(source: Path, folder: Path, name: str) -> Built:
    """Convert an ONNX file to an IR that keeps float32 weights.

    Raises:
        MissingExtraError: openvino is not installed.
        EngineError: the converter refuses the graph.
    """
    ov = package(f"building {name}")
    try:
        # read_model and not convert_model, which reports its use to the vendor
        model = ov.Core().read_model(source)
        merge_corners(ov, model)
        ov.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)
    except RuntimeError as error:
        raise EngineError(f"{source}: OpenVINO cannot convert it: {reason_of(error)}") from error
    return Built(f"{name}.xml", {"version": str(ov.__version__)}, {})


def open(
    bundle: Bundle,
    variant: Variant,
    *,
    threads: int | None,
    requests: int,
    cache: Path | None = None,
) -> Engine:
    """Compile an IR for this CPU, or take what an earlier call left in the folder `cache`.

    Raises:
        MissingExtraError: openvino is not installed.
        EngineError: the file cannot be read or compiled.
    """
    ov = package(f"variant {variant.name}")
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY" if requests == 1 else "THROUGHPUT",
        "PERFORMANCE_HINT_NUM_REQUESTS": requests,
        # without it CPUs that have bfloat16 compute float layers in it, and fp32 is not fp32
        "INFERENCE_PRECISION_HINT": "f32",
    }
    kept = None if cache is None else _kept(bundle, variant, cache)
    if kept is not None:
        settings["CACHE_DIR"] = str(kept)
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    path = bundle.path(variant.file)
    try:
        compiled = opened_aside(lambda: ov.Core().compile_model(path, "CPU", settings))
        call = _caller(compiled, bundle.spec, requests)
    except RuntimeError as error:
        raise EngineError(
            f"{path}: OpenVINO cannot open it: {reason_of(error)}. "
            f"Build it here: edgecv build {bundle.folder} --engine openvino"
        ) from error
    return PooledEngine("openvino", bundle.spec, call, requests)


def _kept(bundle: Bundle, variant: Variant, cache: Path) -> Path | None:
    """A folder for this network alone; None for one without hashes.

    By itself OpenVINO takes what it compiled of another file of the same path, size and time.
    """
    records = [bundle.manifest.files.get(name) for name in variant.files]
    if None in records:
        return None
    told = "".join(record.sha256 for record in records if record is not None)
    return cache / hashlib.sha256(told.encode()).hexdigest()[:24]


def _caller(compiled: Any, spec: ModelSpec, requests: int) -> Callable[[Image], list[Array]]:
    outputs = [compiled.output(spec.output.boxes), compiled.output(spec.output.scores)]
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(requests):
        free.put(compiled.create_infer_request())

    def call(batch: Image) -> list[Array]:
        request = free.get()
        try:
            results = request.infer({spec.input.name: batch}, share_inputs=True)
            return [np.asarray(results[output], np.float32) for output in outputs]
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed: {reason_of(error)}") from error
        finally:
            free.put(request)

    return call


# where the message went through the vendor's sources, and headings
_NOISE = ("Exception from", "Check '", "FrontEnd API failed", "Summary:")


def reason_of(error: Exception) -> str:
    """What OpenVINO says is wrong, without the way it took through its sources."""
    lines = [line.strip().lstrip("- ") for line in str(error).splitlines()]
    told = [line.rstrip(".") for line in lines if line and not line.startswith(_NOISE)]
    return "; ".join(told) or type(error).__name__


def package(reason: str) -> ModuleType:
    """The vendor's package.

    Raises:
        MissingExtraError: it is not installed.
    """
    return imported("openvino", "openvino", reason)
