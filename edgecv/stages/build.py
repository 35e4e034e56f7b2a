"""Build the engine files of a bundle on this machine: float and, once quantised, INT8."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from edgecv.bundle import Bundle, Variant
from edgecv.engines import build_engine
from edgecv.engines.tensorrt.options import FLOAT32_FILE, HALF_FILES, PlanOptions
from edgecv.errors import BundleError
from edgecv.progress import bar
from edgecv.recipe import BuildSettings
from edgecv.stages import Context

Precision = Literal["fp32", "fp16", "int8"]

# folders in a bundle where engines are made, gone when they are
STAGING = ".build-"
# engines whose int8 files are for one kind of CPU; TensorRT computes on a GPU
CPU_ENGINES = ("openvino", "onnxruntime")


def run(bundle: Bundle, settings: BuildSettings, context: Context) -> dict[str, Any]:
    """Build every target in float, and in INT8 where the quantize stage left a source.

    Returns:
        {"variants": {name: {"file", "size_bytes", "seconds"}}, "summary"}
    """
    wanted = [
        (target, precision) for target in settings.targets for precision in sources(bundle, target)
    ]
    variants: dict[str, Any] = {}
    with bar("building engines", len(wanted)) as advance:
        for target, precision in wanted:
            start = time.perf_counter()
            variant = build_variant(bundle, target, precision)
            variants[variant.name] = {
                "file": variant.file,
                "size_bytes": size_bytes(bundle, variant),
                "seconds": round(time.perf_counter() - start, 2),
            }
            advance()
    return {"variants": variants, "summary": ", ".join(variants)}


def sources(bundle: Bundle, engine: str) -> dict[Precision, str]:
    """What each precision of an engine is built from, by its path in the bundle.

    Raises:
        BundleError: there is no float graph yet.
    """
    float_source = {"torch": "weights.safetensors", "null": ""}.get(engine, "model.onnx")
    if float_source and not bundle.path(float_source).is_file():
        raise BundleError(
            f"{bundle.folder}: no {float_source}, which {engine} is built from. "
            + (
                "Make it: edgecv compress with the sections load and export"
                if float_source == "model.onnx"
                else "Only a network that came as a checkpoint has it; take --engine onnxruntime"
            )
        )
    found: dict[Precision, str] = {"fp32": float_source}
    int8_source = f"onnx/{engine}-int8.onnx"
    if bundle.path(int8_source).is_file():
        found["int8"] = int8_source
    return found


def build_variant(
    bundle: Bundle,
    engine: str,
    precision: Precision,
    details: dict[str, Any] | None = None,
    into: str = "engines",
    plan: PlanOptions | None = None,
) -> Variant:
    """Build one engine file and enter it in the manifest, which the caller saves.

    It is written beside and moved in when complete: on failure the old file is still there. `into`
    is the folder of the bundle that takes it, `plan` says how a plan of TensorRT is built.

    Raises:
        BundleError: there is nothing to build that precision from, or it was changed.
        MissingExtraError, EngineError: of the engine.
    """
    name = f"{engine}-{precision}"
    have = sources(bundle, engine)
    if engine == "tensorrt":
        have["fp16"] = have["fp32"]
        plan = _plan_options(bundle, precision, plan or PlanOptions())
    if precision not in have:
        raise BundleError(
            f"{bundle.folder}: no onnx/{name}.onnx, which {name} is built from. "
            f"Make it: edgecv compress with the section quantize and target {engine}"
        )
    _check_unchanged(bundle, have[precision])
    with TemporaryDirectory(dir=bundle.folder, prefix=STAGING) as staging:
        built = build_engine(engine, bundle.path(have[precision]), Path(staging), name, plan)
        for path in sorted(Path(staging).iterdir()):
            target = bundle.path(f"{into}/{path.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_through(path)
            os.replace(path, target)
    variant = Variant(
        name=name,
        engine=engine,
        precision=precision,
        file=have[precision] if built.file is None else f"{into}/{built.file}",
        requires={**built.requires, **_cpu_of(bundle, engine, precision)},
        details={**built.details, **(details or {})},
    )
    bundle.add_variants(variant)
    return variant


def size_bytes(bundle: Bundle, variant: Variant) -> int:
    """Bytes of what the engine loads: its file, and an IR's weights."""
    paths = map(bundle.path, variant.files)
    return sum(path.stat().st_size for path in paths if path.is_file())


def _plan_options(bundle: Bundle, precision: Precision, asked: PlanOptions) -> PlanOptions:
    """What was asked for, with the files that the quantize stage left for plans."""
    half: str | None = HALF_FILES["int8" if precision == "int8" else "fp16"]
    if half is not None and not bundle.path(half).is_file():
        half = None
    names: tuple[str, ...] = ()
    if half is not None:
        _check_unchanged(bundle, half)
        _check_unchanged(bundle, FLOAT32_FILE)
        names = tuple(_object_in(bundle.path(FLOAT32_FILE)).get(precision, ()))
    file = bundle.path(half) if half else None
    return replace(asked, precision=precision, half=file, float32=names)


def _check_unchanged(bundle: Bundle, name: str) -> None:
    if bundle.is_changed(name):
        raise BundleError(
            f"{bundle.path(name)}: not the file of the manifest, so nothing is built "
            "from it. Make the bundle again by the command that its report names"
        )


def _write_through(path: Path) -> None:
    # on the disk before it gets its name, so that a power cut leaves the old file or the new
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _cpu_of(bundle: Bundle, engine: str, precision: Precision) -> dict[str, str]:
    record = bundle.path("quantization.json")
    if precision != "int8" or engine not in CPU_ENGINES or not record.is_file():
        return {}
    _check_unchanged(bundle, record.name)
    cpu = _object_in(record).get("cpu", "any")
    return {} if cpu == "any" else {"cpu": str(cpu)}


def _object_in(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it is a {type(found).__name__}")
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path}: not the JSON object that the quantize stage writes ({error}). "
            "Make the bundle again by the command that its report names"
        ) from error
    return found
