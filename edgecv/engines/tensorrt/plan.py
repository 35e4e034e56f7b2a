"""A plan for the GPU of this machine, built from the portable ONNX file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from edgecv.bundle import sha256_of
from edgecv.device.memory import read_memory
from edgecv.engines._engine import Built
from edgecv.engines.tensorrt.building import build_serialized
from edgecv.engines.tensorrt.config import OPEN_BATCH, flag_names, make_config, workspace_bytes
from edgecv.engines.tensorrt.cuda import Device, device
from edgecv.engines.tensorrt.fallbacks import inspect, not_in_int8, not_on_dla, quantised_convs
from edgecv.engines.tensorrt.identity import requirements
from edgecv.engines.tensorrt.network import Network, is_strongly_typed, read_network, vendor
from edgecv.engines.tensorrt.options import PlanOptions
from edgecv.engines.tensorrt.timing_cache import default_cache, load_cache, save_cache
from edgecv.errors import EngineError, UsageError
from edgecv.progress import say


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
    if options.dla is not None and options.precision == "fp32":
        raise UsageError(f"--dla {options.dla} computes in INT8 and 16 bits: take --precision int8")
    trt, gpu, start = vendor(f"building {name}"), device(), time.perf_counter()
    file = typed_source(trt, source, options)
    made = read_network(trt, file)
    check_accepted(made, file)
    limit = workspace_bytes(options.workspace_mb, _free(gpu), gpu.unified)
    config = make_config(made, options, limit)
    cache = options.timing_cache or default_cache(trt.__version__, gpu.capability)
    load_cache(made, config, cache)
    # before: the build may change what the network says
    outside = not_on_dla(made, config) if options.dla is not None else []
    integers = quantised_convs(made)
    plan = build_serialized(made, config, f"building {name}")
    save_cache(made, config, cache)
    path = folder / f"{name}.plan"
    path.write_bytes(plan)
    path = path.rename(folder / f"{name}.{sha256_of(path)[:8]}.plan")
    details = {
        "source_sha256": sha256_of(file),
        "flags": flag_names(made, options),
        "typed_by": "file" if made.strongly_typed else "builder",
        "asked": options.asked(),
        "batch": list(options.batch or OPEN_BATCH) if made.dynamic else None,
        "not_on_dla": outside,
        "not_in_int8": _wider(trt, plan, integers),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return Built(path.name, details, requirements(trt, gpu))


def typed_source(trt: Any, source: Path, options: PlanOptions) -> Path:
    """The file that says the types as this version wants them.

    Raises:
        EngineError: it keeps the file's types, and there is no file in 16 bits.
    """
    if options.precision == "fp32" or not is_strongly_typed(trt):
        return source
    if options.half is not None:
        return options.half
    told = f"{source}: TensorRT {trt.__version__} keeps the types of the file, and beside it is "
    again = "Make it: edgecv compress with the section quantize"
    if options.precision == "fp16":
        raise EngineError(f"{told}none in 16 bits. {again}")
    say(f"{told}none whose rest is in 16 bits: what is not INT8 runs in float32. {again}")
    return source


def check_accepted(made: Network, source: Path) -> None:
    """Refuse what the parser refused.

    Raises:
        EngineError: naming the first nodes.
    """
    if made.refusals:
        told = "; ".join(f"{r['node']} ({r['op']}): {r['reason']}" for r in made.refusals[:5])
        raise EngineError(f"{source}: TensorRT cannot read {len(made.refusals)} nodes: {told}")


def _free(gpu: Device) -> int:
    # the system gives back its cache when asked, which CUDA does not count as free
    available = read_memory().available_gb if gpu.unified else None
    return gpu.free_bytes if available is None else int(available * 1e9)


def _wider(trt: Any, plan: bytes, integers: list[str]) -> list[str]:
    """Convs that the plan computes wider than the file says; only a loaded plan tells."""
    if not integers:
        return []
    runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
    if hasattr(runtime, "engine_host_code_allowed"):
        runtime.engine_host_code_allowed = True  # of a plan that lasts; it was built just now
    engine = runtime.deserialize_cuda_engine(plan)
    return [] if engine is None else not_in_int8(inspect(engine, trt), integers)
