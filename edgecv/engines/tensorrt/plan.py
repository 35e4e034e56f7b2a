"""A plan for the GPU of this machine, built from the portable ONNX file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.bundle import sha256_of
from edgecv.device.memory import read_memory
from edgecv.engines._engine import Built
from edgecv.engines.tensorrt.building import MemoryShortageError, build_serialized
from edgecv.engines.tensorrt.config import OPEN_BATCH, flag_names, make_config, workspace_bytes
from edgecv.engines.tensorrt.cuda import Device, device
from edgecv.engines.tensorrt.fallbacks import inspect, not_in_int8, not_on_dla, quantised_convs
from edgecv.engines.tensorrt.identity import requirements
from edgecv.engines.tensorrt.network import (
    Network,
    is_strongly_typed,
    read_network,
    vendor,
)
from edgecv.engines.tensorrt.options import PlanOptions
from edgecv.engines.tensorrt.runtime import load
from edgecv.engines.tensorrt.timing_cache import check_cache, default_cache, load_cache, save_cache
from edgecv.errors import EngineError, UsageError
from edgecv.progress import say


class _Made(NamedTuple):
    """What became of a file.

    Attributes:
        file: the ONNX file.
        plan: its bytes.
        details: of the variant.
    """

    file: Path
    plan: bytes
    details: dict[str, Any]


def build_plan(source: Path, folder: Path, name: str, options: PlanOptions) -> Built:
    """Write a plan for this GPU.

    Its name holds a part of its hash: the plan that it replaces stays until the manifest names
    this one, also when the power fails in between.

    Args:
        source: ONNX file in float32, in INT8 between Q/DQ or not.
        folder: where to write to.
        name: of the variant.
        options: what is asked for.

    Raises:
        MissingExtraError: tensorrt or cuda-python is not installed.
        UsageError: the network or this device does not allow what is asked for.
        EngineError: TensorRT refuses the graph, naming the nodes, or cannot build it.
    """
    trt, gpu, start = vendor(f"building {name}"), device(), time.perf_counter()
    check_accelerator(trt, options)
    check_cache(options.timing_cache)
    made = _first_of(typed_sources(trt, source, options), trt, gpu, name, options)
    path = folder / f"{name}.plan"
    path.write_bytes(made.plan)
    path = path.rename(folder / f"{name}.{sha256_of(path)[:8]}.plan")
    details = {
        "source_sha256": sha256_of(made.file),
        **made.details,
        "asked": options.asked(),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return Built(path.name, details, requirements(trt, gpu))


def check_accelerator(trt: Any, options: PlanOptions) -> None:
    """Refuse what the Deep Learning Accelerator does not compute.

    It takes no Q/DQ: TensorRT gives it INT8 by ranges of tensors, or from types that the network
    itself has. With Q/DQ a version of the first kind would leave nearly all to the GPU.

    Raises:
        UsageError: saying what it does compute.
    """
    if options.dla is None or options.precision == "fp16":
        return
    what = "does not compute in float32"
    if options.precision == "int8":
        if is_strongly_typed(trt):
            return
        what = f"takes no Q/DQ from TensorRT {trt.__version__}, so INT8 would run on the GPU"
    raise UsageError(f"--dla {options.dla}: the accelerator {what}. Take --precision fp16")


def typed_sources(trt: Any, source: Path, options: PlanOptions) -> tuple[Path, ...]:
    """The files that say the types as this version wants them, the best first.

    Raises:
        EngineError: it keeps the file's types, and there is no file in 16 bits.
    """
    if options.precision == "fp32" or not is_strongly_typed(trt):
        return (source,)
    if options.half is not None:
        return (options.half,) if options.precision == "fp16" else (options.half, source)
    told = f"{source}: TensorRT {trt.__version__} keeps the types of the file, and beside it is "
    again = "Make it: edgecv compress with the section quantize"
    if options.precision == "fp16":
        raise EngineError(f"{told}none in 16 bits. {again}")
    say(f"{told}none whose rest is in 16 bits: what is not INT8 runs in float32. {again}")
    return (source,)


def _first_of(
    files: tuple[Path, ...], trt: Any, gpu: Device, name: str, options: PlanOptions
) -> _Made:
    """The first that TensorRT builds. It does not build every mixture of types on every GPU."""
    *earlier, last = files
    for file in earlier:
        try:
            return _from_file(file, trt, gpu, name, options)
        except MemoryShortageError:
            raise
        except EngineError as error:
            if options.dla is not None:  # which computes no float32
                raise
            told = str(error)
        # only here: the error holds a builder and its weights
        say(f"{told}. Building from {last.name} in its place, whose rest is in float32")
    return _from_file(last, trt, gpu, name, options)


def _from_file(file: Path, trt: Any, gpu: Device, name: str, options: PlanOptions) -> _Made:
    made = read_network(trt, file)
    check_accepted(made, file)
    limit = workspace_bytes(options.workspace_mb, free_bytes(gpu), gpu.unified)
    config = make_config(made, options, limit)
    cache = options.timing_cache or default_cache(trt.__version__, gpu.capability)
    load_cache(made, config, cache)
    # before: the build may change what the network says
    outside = not_on_dla(made, config) if options.dla is not None else []
    integers = quantised_convs(made)
    try:
        plan = build_serialized(made, config, f"building {name}")
    finally:  # a build that was stopped, or ran out of memory, has measured as well
        save_cache(made, config, cache)
    details = {
        "flags": flag_names(made, options),
        "typed_by": "file" if made.strongly_typed else "builder",
        "batch": list(options.batch or OPEN_BATCH) if made.dynamic else None,
        "not_on_dla": outside,
        "not_in_int8": _wider(trt, plan, integers, options),
    }
    return _Made(file, plan, details)


def check_accepted(made: Network, source: Path) -> None:
    """Refuse what the parser refused.

    Raises:
        EngineError: naming the first nodes.
    """
    if made.refusals:
        told = "; ".join(f"{r['node']} ({r['op']}): {r['reason']}" for r in made.refusals[:5])
        raise EngineError(f"{source}: TensorRT cannot read {len(made.refusals)} nodes: {told}")


def free_bytes(gpu: Device) -> int:
    """Memory that a build may take.

    Where CPU and GPU share it, the system gives back its cache when asked, which CUDA does not
    count as free.
    """
    available = read_memory().available_gb if gpu.unified else None
    return gpu.free_bytes if available is None else int(available * 1e9)


def _wider(trt: Any, plan: bytes, integers: list[str], options: PlanOptions) -> list[str] | None:
    """Convs that the plan computes wider than the file says; None: this version does not tell.

    Raises:
        EngineError: the plan cannot be loaded.
    """
    messages: list[str] = []
    lasting = options.version_compatible
    engine = load(trt, plan, messages, dla=options.dla, brings_code=lasting)
    if engine is None:
        told = "; ".join(messages[-3:]) or "it gives no reason"
        raise EngineError(f"TensorRT {trt.__version__} cannot load the plan that it built: {told}")
    try:
        return not_in_int8(inspect(engine, trt), integers)
    except ValueError as error:
        say(f"which convs run in INT8 is not known: TensorRT {trt.__version__} tells {error}")
        return None
