"""edgecv build: engine files for the machine where it is called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from edgecv.bundle import Bundle, Variant
from edgecv.cli._plan_options import fallback_lines, plan_options
from edgecv.engines import ENGINES
from edgecv.engines.onnxruntime import PROVIDERS, check_provider
from edgecv.engines.tensorrt import why_not_here
from edgecv.engines.tensorrt.options import PlanOptions
from edgecv.engines.tensorrt.timing_cache import check_cache
from edgecv.errors import EdgecvError, EngineError, UsageError
from edgecv.machine import jetson_model
from edgecv.output import locked, room_hint
from edgecv.progress import say
from edgecv.shipping.built import new_folder, save_built
from edgecv.shipping.signature import is_signed
from edgecv.shipping.trust import open_bundle
from edgecv.stages.build import STAGING, Precision, build_variant, size_bytes, sources

ENGINES_FOLDER = "engines"


@click.command(name="build")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--engine", required=True, type=click.Choice(list(ENGINES)), help="What to build.")
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp16", "fp32"]),
    help="Build that one only; without it int8 and fp32, as the bundle has them. fp16: tensorrt's.",
)
@click.option(
    "--provider",
    type=click.Choice(list(PROVIDERS)),
    help="For onnxruntime: the execution provider that opens the file.",
)
@plan_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def command(
    bundle: Path,
    engine: str,
    precision: Precision | None,
    provider: str | None,
    plan: PlanOptions | None,
    as_json: bool,
) -> None:
    """Build an engine of BUNDLE on this machine and enter it in the manifest.

    When it fails, what is not built yet is as it was. What is built of a signed bundle goes into
    its folder `built`, with a manifest of its own: what was signed stays as it is.
    """
    if provider is not None and engine != "onnxruntime":
        raise UsageError(f"--provider {provider} is for --engine onnxruntime, not {engine}")
    if engine != "tensorrt" and (plan is not None or precision == "fp16"):
        told = plan.told() if plan else "--precision fp16"
        raise UsageError(f"{told} is for --engine tensorrt, not {engine}")
    check_cache(plan.timing_cache if plan else None)
    if provider is not None:
        check_provider(provider)
    open_bundle(bundle)  # before the lock, which makes a file there
    with locked(bundle):
        opened = open_bundle(bundle)
        for left in bundle.glob(f"{STAGING}*"):  # by a build that was killed, or lost its power
            shutil.rmtree(left, ignore_errors=True)
        details = {"provider": provider} if provider else None
        built = _build(opened, engine, precision, details, plan)
    for variant in built:
        if variant.details.get("numerics"):
            say(f"{variant.name}: the portable ONNX file, not a plan: {why_not_here()}")
        for line in fallback_lines(variant):
            say(line)
    _print(opened, built, as_json)


def _build(
    bundle: Bundle,
    engine: str,
    precision: Precision | None,
    details: dict[str, Any] | None,
    plan: PlanOptions | None,
) -> list[Variant]:
    wanted = [precision] if precision else list(sources(bundle, engine))
    if engine == "tensorrt":
        _check_gpu(bundle)
    into = new_folder() if is_signed(bundle.folder) else ENGINES_FOLDER
    built: list[Variant] = []
    try:
        for one in wanted:
            built.append(build_variant(bundle, engine, one, details, into, plan))
            _save(bundle, built[-1], into)  # each: the next may take half an hour
    except EdgecvError as error:
        error.args = (str(error) + room_hint(bundle.folder),)
        raise
    return built


def _check_gpu(bundle: Bundle) -> None:
    """Refuse to replace a plan, or on a Jetson to do without one, where none can be built.

    Raises:
        EngineError: naming what is missing.
    """
    missing = why_not_here()
    if missing is None:
        return
    built = [one.file for one in bundle.manifest.variants if one.file.endswith(".plan")]
    if built:
        raise EngineError(f"{bundle.folder}: no plan can be built: {missing}. {built[0]} stays")
    if jetson_model() is not None:
        raise EngineError(f"no plan can be built on this Jetson: {missing}. Look at: edgecv doctor")


def _save(bundle: Bundle, built: Variant, into: str) -> None:
    if into != ENGINES_FOLDER:
        save_built(bundle, into)
        return
    here = set(bundle.path(ENGINES_FOLDER).glob(f"{built.name}.*"))
    _save_written(bundle, here)
    # a plan's name holds a part of its hash; the one before it was valid until now
    former = {path for path in here if path.suffix == ".plan"} - {bundle.path(built.file)}
    for path in former:
        path.unlink()
    if former:
        _save_written(bundle, former)


def _save_written(bundle: Bundle, paths: Collection[Path]) -> None:
    bundle.save(written={path.relative_to(bundle.folder).as_posix() for path in paths})


def _print(bundle: Bundle, built: list[Variant], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {**variant.model_dump(), "size_bytes": size_bytes(bundle, variant)} for variant in built
    ]
    if as_json:
        click.echo(json.dumps({"variants": rows}, indent=1))
        return
    for row in rows:
        click.echo(f"{row['name']}: {row['file']}, {row['size_bytes'] / 1e6:.2f} MB")
