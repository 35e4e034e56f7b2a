"""Engines: one file a backend, found by name, its vendor's package imported when it is opened."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from edgecv.bundle import Bundle, Variant
from edgecv.engines._engine import Built, Engine, PooledEngine, check_batch
from edgecv.errors import BundleError, EngineError, UsageError
from edgecv.machine import Int8Cpu, int8_cpu, read_cpu

if TYPE_CHECKING:
    from edgecv.engines.tensorrt.options import PlanOptions

__all__ = [
    "ENGINES",
    "Built",
    "Engine",
    "PooledEngine",
    "build_engine",
    "check_batch",
    "check_variant",
    "open_engine",
]

# name in a bundle and on the command line -> module with `build` and `open`
ENGINES = {
    "openvino": "edgecv.engines.openvino",
    "onnxruntime": "edgecv.engines.onnxruntime",
    "tensorrt": "edgecv.engines.tensorrt",
    "torch": "edgecv.engines.torch",
    "null": "edgecv.engines.null",
}

# those whose compilation is worth keeping
_COMPILES = frozenset({"openvino"})

# requirement of a variant -> CPUs that multiply its integers exactly; only plain x86 overflows
_EXACT_ON: dict[str, tuple[Int8Cpu, ...]] = {
    "any": ("x86", "x86-vnni", "arm"),
    "x86": ("x86", "x86-vnni", "arm"),
    "x86-vnni": ("x86-vnni", "arm"),
    "arm": ("arm",),
}


def open_engine(
    bundle: Bundle,
    variant: Variant,
    *,
    threads: int | None = None,
    requests: int = 1,
    cache: Path | None = None,
) -> Engine:
    """A variant of a bundle, ready to run.

    Args:
        bundle: where its file is.
        variant: which.
        threads: cores to use; None: all that the backend takes by itself.
        requests: calls in flight that `submit` runs at once. More than one asks the backend
            for throughput, one for latency.
        cache: folder where a backend that compiles (openvino) keeps the result for next time.

    Raises:
        UsageError: an engine that is not known.
        BundleError: the file is missing or has changed since the manifest was written.
        MissingExtraError: the backend is not installed.
        EngineError: this machine cannot run the file, or the backend refuses it.
    """
    if requests < 1 or (threads is not None and threads < 1):
        raise ValueError(f"threads is {threads}, requests is {requests}; expected 1 or more")
    module = import_module(_module_of(variant.engine))
    check_variant(bundle, variant)
    kept = {"cache": cache} if variant.engine in _COMPILES else {}
    engine: Engine = module.open(bundle, variant, threads=threads, requests=requests, **kept)
    return engine


def build_engine(
    engine: str, source: Path, folder: Path, name: str, plan: PlanOptions | None = None
) -> Built:
    """Make an engine's file from an ONNX file (or, for torch, from weights).

    Args:
        engine: a name of ENGINES.
        source: what to build from.
        folder: where to write to.
        name: name of the variant, and of the file without its suffix.
        plan: for tensorrt, how; None: as it likes.

    Raises:
        UsageError, MissingExtraError, EngineError: as `open_engine`.
    """
    asked = {"options": plan} if engine == "tensorrt" else {}
    built: Built = import_module(_module_of(engine)).build(source, folder, name, **asked)
    return built


def check_variant(bundle: Bundle, variant: Variant) -> None:
    """Refuse a file that is not as it was built, or that this CPU would compute wrongly.

    Raises:
        BundleError, EngineError: as `open_engine`.
    """
    _check_cpu(bundle, variant)
    _check_files(bundle, variant)


def _module_of(engine: str) -> str:
    if engine not in ENGINES:
        raise UsageError(f"no engine '{engine}'; there are: {', '.join(ENGINES)}")
    return ENGINES[engine]


def _check_cpu(bundle: Bundle, variant: Variant) -> None:
    required = variant.requires.get("cpu", "any")
    here = int8_cpu()
    if here not in _EXACT_ON.get(required, (required,)):
        raise EngineError(
            f"{variant.file} was made for CPUs of the kind '{required}'; this one "
            f"({read_cpu().model}) is '{here}', where its integers would overflow. "
            "Make it again for this CPU, by the command that its report names with "
            f"--set quantize.cpu={here}"
        )


def _check_files(bundle: Bundle, variant: Variant) -> None:
    path = bundle.path(variant.file)
    if not variant.file:  # null needs none
        return
    again = (
        f"Build it again: edgecv build {bundle.folder} --engine {variant.engine} "
        f"--precision {variant.precision}"
    )
    if not path.is_file():
        raise BundleError(f"{path}: the file of variant {variant.name} is missing. {again}")
    for name in variant.files:
        if bundle.is_changed(name):
            raise BundleError(f"{bundle.path(name)}: not the file of the manifest. {again}")
